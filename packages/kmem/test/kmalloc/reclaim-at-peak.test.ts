import { describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../src/index.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** Makes a heap grow past its peak, again and again. */
function grow(heap: Heap, each: () => void = () => {}): void {
  for (let block = 0; block < 60; block++) {
    heap.alloc(20_000);
    each();
  }
}

/** Bytes in the sheaves of a heap that has freed what it had, before and after it grows past its peak. */
function sheafBytes(heap: Heap): [before: number, after: number] {
  for (let block = 0; block < 100; block++) heap.alloc(20_000);
  const blocks = Array.from({ length: 200 }, (_, index) => heap.alloc(16 + (index % 50) * 16));
  for (const block of blocks) heap.free(block);
  const before = heapStats(heap).bytes.sheafBytes;
  grow(heap);
  expectClean(heap);
  return [before, heapStats(heap).bytes.sheafBytes];
}

describe("where a heap grows past its peak", () => {
  it("a thread that works alone gives back what its sheaves hold", () => {
    const [before, after] = sheafBytes(Heap.create({ sizeBytes: 64 * MIB }));
    expect(after).toBeLessThan(before / 2);
  });

  it("one of several threads keeps it, so that no other thread's blocks come to lie between its own", () => {
    const heap = Heap.create({ sizeBytes: 64 * MIB });
    const other = Heap.attach(heap.reserve());
    const [before, after] = sheafBytes(heap);
    expect(after).toBeGreaterThanOrEqual(before);
    other.detach();
  });

  it("the slabs of a cache that keeps them stay, while it is in use", () => {
    const heap = Heap.create({ sizeBytes: 64 * MIB });
    const cache = heap.createCache({ name: "objects", sizeBytes: 2000, keepsSlabs: true });
    for (let block = 0; block < 100; block++) heap.alloc(20_000);
    const objects = Array.from({ length: 400 }, () => cache.alloc());
    for (const object of objects) cache.free(object);
    const before = cache.stats().slabs;
    // A sheaf that is empty at two looks counts as one that has not moved.
    for (let object = 0; object < 7; object++) cache.alloc();
    grow(heap, () => cache.alloc());
    expect(cache.stats().slabs).toBe(before);
    expectClean(heap);
  });
});
