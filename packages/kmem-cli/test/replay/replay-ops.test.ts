import { blockAt, Heap, heapStats } from "kmem";
import { describe, expect, it } from "vitest";
import type { ReplayHeap } from "../../src/replay/replay-heap.ts";
import { OP_LOOPS } from "../../src/replay/replay-ops.ts";
import type { ReplayTarget } from "../../src/replay/replay-target.ts";
import type { WorkloadKind } from "../../src/replay/workload.ts";
import { OP } from "../../src/trace/op-stream.ts";
import type { OpTuple } from "../trace/support.ts";
import { heapWith, outOfMemory, wordsOf } from "./support.ts";

function targetOf(heap: ReplayHeap, objectSizes: readonly number[] = []): ReplayTarget {
  const caches = objectSizes.map((sizeBytes, id) => heap.createCache({ name: `cache-${id}`, sizeBytes }));
  return { heap, caches, addresses: new Uint32Array(8), substituteCacheCount: 0 };
}

function run(kind: WorkloadKind, target: ReplayTarget, ops: readonly OpTuple[]): number {
  const words = wordsOf(ops);
  return OP_LOOPS[kind](target, words, 0, words.length);
}

describe("the loop over a malloc trace", () => {
  it("calls what each operation says", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    const target = targetOf(heap);
    const { addresses } = target;
    run("blocks", target, [
      [OP.MALLOC, 0, 0, 100, 0],
      [OP.CALLOC, 0, 1, 200, 0],
      [OP.ALIGNED, 8, 2, 300, 0],
      [OP.MALLOC, 0, 3, 50, 0],
      [OP.REALLOC, 0, 3, 5000, 50],
      [OP.MALLOC, 0, 4, 16, 0],
      [OP.FREE, 0, 4, 16, 0],
    ]);
    expect(Array.from(addresses.subarray(0, 4), (address) => heap.usableSize(address))).toEqual([112, 208, 512, 5120]);
    expect(addresses[2]! % 256).toBe(0);
    expect(blockAt(heap, addresses[4]!)?.live).toBe(false);
    expect(heapStats(heap).liveBlocks).toBe(4);
  });

  it("aligns to 2 GiB without a negative number", () => {
    const asked: number[] = [];
    const heap = heapWith(() => ({ alignedAlloc: (alignmentBytes) => asked.push(alignmentBytes) }));
    run("blocks", targetOf(heap), [[OP.ALIGNED, 31, 0, 1, 0]]);
    expect(asked).toEqual([2 ** 31]);
  });

  it("replays a part of the words only", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    const words = wordsOf([0, 1, 2, 3].map((slot) => [OP.MALLOC, 0, slot, 16, 0]));
    OP_LOOPS.blocks(targetOf(heap), words, 4, 12);
    expect(heapStats(heap).liveBlocks).toBe(2);
  });

  it("counts what is refused, goes on, and frees no stale address", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    const target = targetOf(heap);
    const failures = run("blocks", target, [
      [OP.MALLOC, 0, 0, 100, 0],
      [OP.FREE, 0, 0, 100, 0],
      [OP.MALLOC, 0, 1, 100, 0],
      [OP.MALLOC, 0, 0, 2 ** 30, 0],
      [OP.FREE, 0, 0, 2 ** 30, 0],
      [OP.REALLOC, 0, 1, 2 ** 30, 100],
      [OP.MALLOC, 0, 2, 32, 0],
    ]);
    expect(failures).toBe(2);
    expect(heap.usableSize(target.addresses[1]!)).toBe(112);
    expect(heap.usableSize(target.addresses[2]!)).toBe(32);
  });

  it("passes on every other error", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    const free: OpTuple = [OP.FREE, 0, 0, 100, 0];
    expect(() => run("blocks", targetOf(heap), [[OP.MALLOC, 0, 0, 100, 0], free, free])).toThrow(/free/);
  });
});

describe("the loop over the objects of a kernel trace", () => {
  it("takes and frees each object by what it is", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    const target = targetOf(heap, [40, 600]);
    const allocs: OpTuple[] = [
      [OP.CACHE_ALLOC, 0, 0, 40, 0],
      [OP.CACHE_ALLOC, 0, 1, 600, 1],
      [OP.MALLOC, 0, 2, 100, 0],
    ];
    run("objects", target, allocs);
    const cacheNames = [0, 1, 2].map((slot) => blockAt(heap, target.addresses[slot]!)?.cache);
    expect(cacheNames).toEqual(["cache-0", "cache-1", "kmalloc-112"]);
    run("objects", target, [
      [OP.CACHE_FREE, 0, 0, 40, 0],
      [OP.CACHE_FREE, 0, 1, 600, 1],
      [OP.FREE, 0, 2, 100, 0],
    ]);
    expect(heapStats(heap).liveBlocks).toBe(0);
  });

  it("counts what is refused", () => {
    const target = { ...targetOf(heapWith()), caches: [{ alloc: outOfMemory, free: () => {} }] };
    expect(run("objects", target, [[OP.CACHE_ALLOC, 0, 0, 40, 0]])).toBe(1);
  });
});

describe("the loop over the pages of a kernel trace", () => {
  it("takes blocks and gives pieces of them back", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    const before = heapStats(heap).bytes.freePageBytes;
    const target = targetOf(heap);
    run("pages", target, [
      [OP.PAGE_ALLOC, 0, 0, 3, 0],
      [OP.PAGE_FREE, 0, 0, 2, 1],
    ]);
    expect(before - heapStats(heap).bytes.freePageBytes).toBe(6 * 4096);
    run("pages", target, [
      [OP.PAGE_FREE, 0, 0, 1, 0],
      [OP.PAGE_FREE, 0, 0, 5, 3],
    ]);
    expect(heapStats(heap).bytes.freePageBytes).toBe(before);
  });

  it("counts what is refused, and does not free it", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    const failures = run("pages", targetOf(heap), [
      [OP.PAGE_ALLOC, 0, 0, 10, 0],
      [OP.PAGE_FREE, 0, 0, 1024, 0],
    ]);
    expect(failures).toBe(1);
  });
});
