import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { dumpHeap, Heap, heapStats } from "kmem";
import { DebugHeap, SampledHeap } from "kmem/debug";
import { SlotRecord, SlotState } from "kmem/layout";
import { describe, expect, it } from "vitest";
import { layersOf } from "../../../kmem/src/heap/access.ts";
import { withTempDir } from "../trace/support.ts";
import { type RunResult, runCli } from "./support.ts";

const MIB = 2 ** 20;

function busyHeap(): Heap {
  const heap = Heap.create({ sizeBytes: 2 * MIB, exactFrees: true });
  const cache = heap.createCache({ name: "objects", sizeBytes: 200 });
  for (let count = 0; count < 100; count += 1) {
    heap.alloc(count * 10);
    cache.alloc();
  }
  return heap;
}

/** A dump of which the words from `first` up to `end` are overwritten, as numbered from the start of the heap. */
function damagedDump(heap: Heap, first: number, end: number): Uint8Array {
  const dump = dumpHeap(heap);
  // The pages of a young heap's tables are the first run of the dump.
  const pagesAt = 20 + 8 * new DataView(dump.buffer).getUint32(16, true);
  for (let word = first; word < end; word += 1) new DataView(dump.buffer).setInt32(pagesAt + word * 4, 0x55, true);
  return dump;
}

/** Word of the record of the cache kmalloc-16, of the zones, and of the header's geometry. */
const ZONES = 128;
const GEOMETRY = 4;

interface FileRun extends RunResult {
  /** What was written to OUT. */
  readonly out: Uint8Array | undefined;
}

/** Runs a command on a file of these bytes; DUMP and OUT stand for files. */
function onDump(bytes: Uint8Array, ...args: readonly string[]): Promise<FileRun> {
  return withTempDir(async (folder) => {
    const paths: Record<string, string> = { DUMP: join(folder, "heap.dump"), OUT: join(folder, "out.dump.gz") };
    writeFileSync(paths["DUMP"] as string, bytes);
    const result = await runCli(args.map((arg) => paths[arg] ?? arg));
    const outPath = paths["OUT"] as string;
    const named = (text: string): string => text.replaceAll(outPath, "OUT").replaceAll(paths["DUMP"] as string, "DUMP");
    const out = existsSync(outPath) ? readFileSync(outPath) : undefined;
    return { exitCode: result.exitCode, stdout: named(result.stdout), stderr: named(result.stderr), out };
  });
}

describe("kmem check", () => {
  it("ends with 0 for a sound dump, plain or packed", async () => {
    const dump = dumpHeap(busyHeap());
    const sound = { exitCode: 0, stdout: "DUMP: sound\n", stderr: "" };
    expect(await onDump(dump, "check", "DUMP")).toMatchObject(sound);
    expect(await onDump(gzipSync(dump), "check", "DUMP")).toMatchObject(sound);
  });

  it("prints each finding with its address and ends with 1", async () => {
    const { exitCode, stdout, out } = await onDump(damagedDump(busyHeap(), ZONES, ZONES + 64), "check", "DUMP");
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: undefined });
    expect(stdout).toMatch(/^DUMP: \d+ findings\n {2}0x[0-9a-f]{8} {2}pages {4}zone DMA goes from page 85 to 85/);
  });

  it("says what it did, writes the repaired dump, packed as its name says, and ends with 0", async () => {
    const heap = busyHeap();
    const damaged = damagedDump(heap, ZONES, ZONES + 64);
    const { exitCode, stdout, out } = await onDump(damaged, "check", "DUMP", "--repair", "OUT");
    expect(exitCode).toBe(0);
    expect(stdout).toContain(": zones and free lists were rebuilt from kinds and COUNTs, pcp lists were emptied\n");
    expect(stdout).toMatch(/\nwritten to OUT\n$/);
    const repaired = await onDump(out as Uint8Array, "check", "DUMP");
    expect(repaired).toMatchObject({ exitCode: 0, stdout: "DUMP: sound\n" });
  });

  it("prints the same as JSON", async () => {
    const damaged = damagedDump(busyHeap(), ZONES, ZONES + 64);
    const { exitCode, stdout } = await onDump(damaged, "check", "DUMP", "--json");
    expect(exitCode).toBe(1);
    const { isClean, findings } = JSON.parse(stdout);
    expect(isClean).toBe(false);
    expect(findings[0]).toMatchObject({ layer: "pages", address: expect.any(Number), problem: expect.any(String) });
    const repair = await onDump(damaged, "check", "DUMP", "--json", "--repair", "OUT");
    expect(repair.exitCode).toBe(0);
    expect(JSON.parse(repair.stdout)).toMatchObject({ repaired: "OUT", isRepaired: true, steps: [], remaining: [] });
  });

  it("ends with 1, writes nothing and gives the reason where a dump cannot be repaired", async () => {
    const damaged = damagedDump(busyHeap(), GEOMETRY, GEOMETRY + 4);
    const { exitCode, stdout, out } = await onDump(damaged, "check", "DUMP", "--repair", "OUT");
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: undefined });
    expect(stdout).toMatch(
      /\nnot repaired:\n {2}0x00000000 {2}header {3}not a heap of this version: the header checksum/,
    );
    const json = await onDump(damaged, "check", "DUMP", "--repair", "OUT", "--json");
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ isRepaired: false });
  });

  it("ends with 1 for what is no dump, and with 2 for a command line that makes no sense", async () => {
    const none = await onDump(new Uint8Array(100), "check", "DUMP");
    expect(none).toMatchObject({ exitCode: 1, stdout: "" });
    expect(none.stderr).toContain("not a dump");
    expect((await runCli(["check"])).exitCode).toBe(2);
    expect((await runCli(["check", "x", "--repair"])).exitCode).toBe(2);
    expect((await runCli(["check", "x", "--fix"])).exitCode).toBe(2);
  });
});

describe("kmem check of a heap that finds bugs", () => {
  it.each([
    ["debugged", DebugHeap.create({ sizeBytes: MIB })],
    ["sampled", SampledHeap.create({ sizeBytes: MIB, sampleEvery: 1 })],
  ])("tells and repairs what is around its blocks: %s", async (_, heap) => {
    const [first = 0, second = 0] = [heap.alloc(50), heap.alloc(60), heap.alloc(70)];
    new Uint8Array(heap.buffer)[first + 50] = 1;
    new Uint8Array(heap.buffer)[second - 1] = 1;
    const dump = dumpHeap(heap);
    const found = await onDump(dump, "check", "DUMP");
    expect(found.exitCode).toBe(1);
    expect(found.stdout).toMatch(/^DUMP: 2 findings\n {2}0x\w{8} {2}debug {4}\w+ Redzone overwritten in /);
    const repair = await onDump(dump, "check", "DUMP", "--repair", "OUT");
    expect(repair.exitCode).toBe(0);
    expect(repair.stdout).toContain("1 bytes were restored");
    const again = await onDump(repair.out as Uint8Array, "check", "DUMP");
    expect(again).toMatchObject({ exitCode: 0, stdout: "DUMP: sound\n" });
  });

  it("tells findings of one sort in a line, with their count", async () => {
    const heap = busyHeap();
    const { memory, slots } = layersOf(heap);
    // Held, but never taken.
    memory.words[slots.word(0, SlotRecord.STATE)] = SlotState.HELD;
    const text = await onDump(dumpHeap(heap), "check", "DUMP");
    expect(text.stdout).toMatch(/a block is of slot 0, which was never held \(200 of this sort, also at 0x/);
    expect(text.stdout.split("\n").length).toBeLessThan(10);
    const json = JSON.parse((await onDump(dumpHeap(heap), "check", "DUMP", "--json")).stdout);
    expect(json.findings.find(({ count }: { count?: number }) => count === 200)?.addresses).toHaveLength(8);
    expect(json.findingCount).toBeGreaterThan(199);
    const info = await onDump(dumpHeap(heap), "info", "DUMP");
    expect(info.stdout).toMatch(/\ndamaged {3}\d+ findings, which kmem check explains and repairs\n/);
    expect(info.stdout).toContain("(200 of this sort, also at");
  });
});

describe("kmem info", () => {
  it("says what a dump holds", async () => {
    const heap = busyHeap();
    const { exitCode, stdout } = await onDump(dumpHeap(heap), "info", "DUMP");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^dump {6}version 1, \d+ pages; layout version \d+\nheap {6}0x00000000 to 0x00200000, /);
    expect(stdout).toContain(", exact frees\n");
    expect(stdout).toContain("\nblocks    200 live, ");
    expect(stdout).toContain("\nslots     1 of 64\nslot 0    held: 200 blocks, ");
    expect(stdout).toMatch(/\nzone Normal {2}\d+ of \d+ pages free\n/);
    expect(stdout).toMatch(/\ncache objects: 100 live of 208 bytes in \d+ slabs\n/);
  });

  it("says how much of the memory others have added", async () => {
    const memory = new WebAssembly.Memory({ initial: 32, maximum: 64, shared: true });
    const heap = Heap.create({ memory });
    memory.grow(2);
    heap.pages.alloc(heapStats(heap).zones.reduce((pages, zone) => pages + zone.freePages, 1));
    const { stdout } = await onDump(dumpHeap(heap), "info", "DUMP");
    expect(stdout).toContain("\nforeign   128 KiB between them that others have added\n");
    expect((await onDump(dumpHeap(busyHeap()), "info", "DUMP")).stdout).not.toContain("foreign");
  });

  it("prints the same as JSON", async () => {
    const heap = busyHeap();
    const { exitCode, stdout } = await onDump(dumpHeap(heap), "info", "DUMP", "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ slotCount: 64, isExactFrees: true, stats: { liveBlocks: 200 } });
  });

  it("ends with 1 for a damaged header, and with 2 for a command line that makes no sense", async () => {
    const damaged = await onDump(damagedDump(busyHeap(), GEOMETRY, GEOMETRY + 4), "info", "DUMP");
    expect(damaged).toMatchObject({ exitCode: 1, stdout: "" });
    expect(damaged.stderr).toContain("kmem: DUMP: not a heap of this version");
    expect((await runCli(["info"])).exitCode).toBe(2);
  });
});
