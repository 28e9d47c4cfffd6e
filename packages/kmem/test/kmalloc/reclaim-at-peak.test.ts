import { expect, it } from "vitest";
import { Heap } from "../../src/index.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

it("leaves the slabs of a cache that keeps them, while it is in use and the heap grows past its peak", () => {
  const heap = Heap.create({ sizeBytes: 64 * MIB });
  const cache = heap.createCache({ name: "objects", sizeBytes: 2000, keepsSlabs: true });
  for (let block = 0; block < 100; block++) heap.alloc(20_000);
  const objects = Array.from({ length: 400 }, () => cache.alloc());
  for (const object of objects) cache.free(object);
  const before = cache.stats().slabs;
  // A sheaf that is empty at two looks counts as one that has not moved.
  for (let object = 0; object < 7; object++) cache.alloc();
  for (let block = 0; block < 60; block++) {
    heap.alloc(20_000);
    cache.alloc();
  }
  expect(cache.stats().slabs).toBe(before);
  expectClean(heap);
});
