import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { dumpHeap, Heap } from "kmem";
import { LogRing, linux } from "kmem/linux";
import { buddyinfo, findVmalloc, meminfo, SLABTOP_SORTS, type SlabtopSort, slabinfo, slabtop } from "kmem/proc";
import { describe, expect, it } from "vitest";
import { withTempDir } from "../trace/support.ts";
import { type RunResult, runCli } from "./support.ts";

const MIB = 2 ** 20;

function busyHeap(): Heap {
  const heap = Heap.create({ sizeBytes: 4 * MIB });
  const cache = heap.createCache({ name: "objects", sizeBytes: 200 });
  for (let count = 0; count < 100; count += 1) {
    heap.alloc(count * 10);
    cache.alloc();
  }
  return heap;
}

/** Runs `kmem proc` on a file of these bytes. */
function proc(args: readonly string[], bytes: Uint8Array): Promise<RunResult> {
  return withTempDir(async (folder) => {
    const path = join(folder, "heap.dump");
    writeFileSync(path, bytes);
    const { exitCode, stdout, stderr } = await runCli(["proc", ...args, path]);
    return { exitCode, stdout, stderr: stderr.replaceAll(path, "DUMP") };
  });
}

const printed = (stdout: string): RunResult => ({ exitCode: 0, stdout, stderr: "" });

describe("kmem proc", () => {
  it("prints each report of a dump, plain or packed, and nothing else", async () => {
    const heap = busyHeap();
    const dump = dumpHeap(heap);
    expect(await proc(["slabinfo"], dump)).toEqual(printed(slabinfo(heap)));
    expect(await proc(["buddyinfo"], gzipSync(dump))).toEqual(printed(buddyinfo(heap)));
    expect(await proc(["meminfo"], zstdCompressSync(dump))).toEqual(printed(meminfo(heap)));
    expect(await proc(["slabtop"], dump)).toEqual(printed(slabtop(heap)));
    expect(slabinfo(heap)).toContain("objects              109    117    208   39    2 : ");
  });

  it("prints no areas where there is no virtual memory, and those of kmem/linux where there is", async () => {
    const heap = busyHeap();
    expect(await proc(["vmallocinfo"], dumpHeap(heap))).toEqual(printed(""));
    linux(heap, new LogRing()).vmalloc(10_000);
    const line = "0x0000000100000000-0x0000000100004000   16384 vmalloc pages=3 vmalloc N0=3\n";
    expect(await proc(["vmallocinfo"], dumpHeap(heap))).toEqual(printed(line));
    expect(await proc(["meminfo"], dumpHeap(heap))).toEqual(printed(meminfo(heap, findVmalloc(heap))));
  });

  it("sorts slabtop's caches as it is told", async () => {
    const heap = busyHeap();
    const texts = new Set<string>();
    for (const sort of ["s", "n"] as const) {
      expect(await proc(["slabtop", "--sort", sort], dumpHeap(heap))).toEqual(printed(slabtop(heap, { sort })));
      texts.add(slabtop(heap, { sort }));
    }
    expect(texts.size).toBe(2);
    const { stdout } = await runCli(["proc", "slabtop", "--help"]);
    for (const letter of Object.keys(SLABTOP_SORTS) as SlabtopSort[]) {
      expect(stdout.replaceAll(/\s+/g, " ")).toContain(`${letter}: ${SLABTOP_SORTS[letter]}`);
    }
  });
});

describe("kmem proc ends with 1 for a dump that cannot be read", () => {
  it.each([
    ["is not there", undefined, "no such file or directory"],
    ["is something else", Buffer.from("Nothing here is a dump of a heap."), "not a dump: it starts with 0x68746f4e"],
    ["is empty", Buffer.alloc(0), "it is empty"],
    ["is cut", Buffer.from(dumpHeap(busyHeap())).subarray(0, 9000), "the dump is cut off or has trailing bytes: 9000 "],
    ["is packed and cut", gzipSync(dumpHeap(busyHeap())).subarray(0, 500), "unexpected end of file"],
  ])("because it %s", async (_, bytes, reason) => {
    const result =
      bytes === undefined ? await runCli(["proc", "slabinfo", "missing"]) : await proc(["slabinfo"], bytes);
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result.stderr).toMatch(bytes === undefined ? /^kmem: missing: / : /^kmem: DUMP: /);
    expect(result.stderr).toContain(reason);
  });
});

describe("kmem proc ends with 2 for a command line that makes no sense", () => {
  it.each([
    [["proc", "zoneinfo", "x"], "unknown command 'zoneinfo'"],
    [["proc", "slabinfo"], "missing required argument 'dump'"],
    [["proc", "slabtop", "--sort", "x", "y"], "Allowed choices are a, b, c, l, v, n, o, p, s, u."],
    [["proc", "meminfo", "x", "y"], "too many arguments"],
    [["proc"], "Usage: kmem proc"],
  ])("%j", async (args, text) => {
    const { exitCode, stdout, stderr } = await runCli(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(text);
  });
});
