// `kmem trace`, and that `kmem replay` reads what it prints: real operations, their events, the text, and back.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { dumpHeap, Heap } from "kmem";
import { GFP_ATOMIC, GFP_KERNEL } from "kmem/linux";
import { createTraceRing, type TraceRing, traceText } from "kmem/trace";
import { describe, expect, it } from "vitest";
import { layersOf } from "../../../kmem/src/heap/access.ts";
import { compileTrace } from "../../src/forms/compile-trace.ts";
import type { KernelSummary } from "../../src/trace/trace-summary.ts";
import { withTempDir } from "../trace/support.ts";
import { type RunResult, runCli } from "./support.ts";

const MIB = 2 ** 20;
const PAGE = 4096;
const OBJECT_BYTES = 200;

/** What the operations of {@link work} came to. */
interface Tally {
  allocCount: number;
  freeCount: number;
  requestedBytes: number;
  liveBytes: number;
  allocatedBytes: number;
  objectCount: number;
  pageCount: number;
  livePages: number;
}

/** Allocates and frees of every sort, and writes down what it does. */
function work(heap: Heap, ring: TraceRing, rounds: number): Tally {
  const cache = heap.createCache({ name: "my objects", sizeBytes: OBJECT_BYTES });
  const kind = layersOf(heap).caches.find("my objects") ?? 0;
  const tally: Tally = {
    ...{ allocCount: 0, freeCount: 0, requestedBytes: 0, liveBytes: 0, allocatedBytes: 0 },
    ...{ objectCount: 0, pageCount: 0, livePages: 0 },
  };
  for (let round = 0; round < rounds; round++) {
    const sizeBytes = 1 + ((round * 37) % 3000);
    const block = heap.alloc(sizeBytes);
    const usableBytes = heap.usableSize(block);
    ring.kmalloc(block, sizeBytes, usableBytes, GFP_KERNEL);
    tally.allocCount++;
    tally.requestedBytes += sizeBytes;
    tally.allocatedBytes += usableBytes;
    tally.liveBytes += sizeBytes;
    if (round % 3 !== 0) {
      heap.free(block);
      ring.kfree(block);
      tally.freeCount++;
      tally.liveBytes -= sizeBytes;
    }
    if (round % 4 === 0) {
      const object = cache.alloc();
      ring.cacheAlloc(object, kind, OBJECT_BYTES, heap.usableSize(object), GFP_ATOMIC);
      tally.objectCount++;
      tally.allocatedBytes += heap.usableSize(object);
      cache.free(object);
      ring.cacheFree(object, kind);
    }
    if (round % 5 !== 0) continue;
    const pages = 1 + (round % 7);
    const run = heap.pages.alloc(pages);
    ring.pageAlloc(run, pages * PAGE, GFP_KERNEL);
    tally.pageCount += pages;
    tally.livePages += pages;
    if (round % 2 === 0) {
      // A part of a run goes back by itself.
      heap.pages.free(run, 1);
      ring.pageFree(run, PAGE);
      tally.livePages -= 1;
    }
  }
  return tally;
}

function tracedHeap(eventCount: number): { readonly heap: Heap; readonly ring: TraceRing } {
  const heap = Heap.create({ sizeBytes: 8 * MIB });
  const ring = createTraceRing(heap, eventCount);
  if (ring === undefined) throw new Error("there were no pages for a ring");
  return { heap, ring };
}

/** Runs `kmem trace` on a file of these bytes. */
function trace(bytes: Uint8Array): Promise<RunResult> {
  return withTempDir(async (folder) => {
    const path = join(folder, "heap.dump");
    writeFileSync(path, bytes);
    const { exitCode, stdout, stderr } = await runCli(["trace", path]);
    return { exitCode, stdout, stderr: stderr.replaceAll(path, "DUMP") };
  });
}

function compile(text: string): Promise<KernelSummary> {
  return withTempDir(async (folder) => {
    const path = join(folder, "trace.txt");
    writeFileSync(path, text);
    return (await compileTrace(path, join(folder, "trace.ops"))) as KernelSummary;
  });
}

describe("kmem trace", () => {
  it("prints what is in the ring of a dump, plain or packed, and nothing else", async () => {
    const { heap, ring } = tracedHeap(64);
    work(heap, ring, 5);
    const text = traceText(heap) ?? "";
    expect(text.split("\n").filter((line) => line.includes(": kmalloc: "))).toHaveLength(5);
    expect(await trace(dumpHeap(heap))).toEqual({ exitCode: 0, stdout: text, stderr: "" });
    expect(await trace(gzipSync(dumpHeap(heap)))).toEqual({ exitCode: 0, stdout: text, stderr: "" });
  });

  it("prints what kmem replay reads back, to the byte and the page", async () => {
    const { heap, ring } = tracedHeap(4096);
    const tally = work(heap, ring, 700);
    ring.kmalloc(0, 100, 0, GFP_ATOMIC);
    ring.pageAlloc(0, 2 * PAGE, GFP_ATOMIC);
    ring.kfree(0);
    const { objects, pages, caches, broken, lostEventCount, events } = await compile(traceText(heap) ?? "");
    expect([broken.count, lostEventCount]).toEqual([0, 0]);
    expect(events).toMatchObject({
      kmalloc: tally.allocCount + 1,
      kfree: tally.freeCount + 1,
      kmem_cache_alloc: tally.objectCount,
      kmem_cache_free: tally.objectCount,
    });
    expect(objects).toMatchObject({
      requestedBytes: tally.requestedBytes + tally.objectCount * OBJECT_BYTES,
      allocatedBytes: tally.allocatedBytes,
      liveBytesAtEnd: tally.liveBytes,
      liveBlockCountAtEnd: tally.allocCount - tally.freeCount,
      kfree: { freeCount: tally.freeCount, nullFreeCount: 1, matchedCount: tally.freeCount, unknownCount: 0 },
      cacheFree: { freeCount: tally.objectCount, matchedCount: tally.objectCount, unknownCount: 0 },
      ...{ failedAllocCount: 1, impliedFreeCount: 0, crossFreeCount: 0 },
    });
    expect(pages).toMatchObject({
      requestedBytes: tally.pageCount * PAGE,
      liveBytesAtEnd: tally.livePages * PAGE,
      ...{ failedAllocCount: 1, impliedFreeCount: 0 },
    });
    expect(pages.pageFree.unknownCount).toBe(0);
    expect(caches).toEqual([
      { objectBytes: 200, allocBytes: 208, name: "my objects", aliases: [], allocCount: tally.objectCount },
    ]);
  });

  it("says how many events were lost", async () => {
    const { heap, ring } = tracedHeap(64);
    for (let count = 0; count < 100; count++) ring.kfree(16);
    const { lostEventCount, events } = await compile(traceText(heap) ?? "");
    expect({ lostEventCount, ...events }).toEqual({ lostEventCount: 36, kfree: 64 });
  });

  it("can be replayed and checked by the command", async () => {
    const { heap, ring } = tracedHeap(4096);
    work(heap, ring, 300);
    const { stdout } = await trace(dumpHeap(heap));
    const args = ["replay", "--check", "--runs", "0", "--no-native", "-"];
    const replayed = await runCli(args, { stdin: Buffer.from(stdout) });
    expect(replayed).toMatchObject({ exitCode: 0 });
    expect(replayed.stdout).toContain("matched: 100.00 % of 200 kfree, 100.00 % of 75 cache frees");
    expect(replayed.stdout.match(/1 {4}none/g)).toHaveLength(2);
  });
});

describe("kmem trace ends with 1", () => {
  it("for a dump without a ring, or what is no dump", async () => {
    const none = { exitCode: 1, stdout: "", stderr: "kmem: DUMP: there is no trace ring in it\n" };
    expect(await trace(dumpHeap(Heap.create({ sizeBytes: MIB })))).toEqual(none);
    const { exitCode, stdout, stderr } = await trace(Buffer.from("Nothing here is a dump of a heap."));
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("not a dump");
  });
});

describe("kmem trace ends with 2", () => {
  it.each([
    [[], "missing required argument 'dump'"],
    [["x", "y"], "too many arguments"],
    [["--sort", "x"], "unknown option '--sort'"],
  ])("for %j", async (args, text) => {
    const { exitCode, stdout, stderr } = await runCli(["trace", ...args]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(text);
  });
});
