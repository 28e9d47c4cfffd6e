import { describe, expect, it } from "vitest";
import { Heap } from "../../src/index.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** Slabs of a cache in use, before and after a heap has grown by 160 blocks of 20,000 bytes. */
function slabsKept(keepsSlabs: boolean): [number, number] {
  const heap = Heap.create({ sizeBytes: 64 * MIB });
  const cache = heap.createCache({ name: "objects", sizeBytes: 2000, keepsSlabs });
  // The first look at a cache finds out where its sheaf stands.
  for (let block = 0; block < 100; block++) heap.alloc(20_000);
  const objects = Array.from({ length: 400 }, () => cache.alloc());
  for (const object of objects) cache.free(object);
  const before = cache.stats().slabs;
  for (let block = 0; block < 160; block++) {
    heap.alloc(20_000);
    cache.alloc();
  }
  expectClean(heap);
  return [before, cache.stats().slabs];
}

describe("a heap that reaches its peak", () => {
  it("leaves the slabs of a cache that keeps them, while it is in use", () => {
    const [before, after] = slabsKept(true);
    expect(after).toBe(before);
  });

  it("takes those of others, though they are in use", () => {
    const [before, after] = slabsKept(false);
    expect(after).toBeLessThan(before);
  });
});
