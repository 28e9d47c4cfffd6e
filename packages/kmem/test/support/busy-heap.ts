import { type Cache, Heap } from "../../src/index.ts";
import { MIB } from "./memories.ts";
import { Random } from "./random.ts";

/** A heap with something of everything in it: blocks, runs, pages, objects, free blocks in sheaves and slabs. */
export interface BusyHeap {
  readonly heap: Heap;
  readonly blocks: readonly number[];
  readonly runs: readonly number[];
  readonly pages: readonly number[];
  readonly cache: Cache;
  readonly objects: readonly number[];
}

export function busyHeap(seed = 1, sizeBytes: number = MIB): BusyHeap {
  const random = new Random(seed);
  const heap = Heap.create({ sizeBytes, dmaBytes: 200_000 });
  const cache = heap.createCache({ name: "objects", sizeBytes: 72, alignmentBytes: 8 });
  heap.createCache({ name: "idle", sizeBytes: 300 });
  const blocks = Array.from({ length: 500 }, () => heap.alloc(random.size(3000)));
  const runs = [40_000, 70_000, 33_000].map((size) => heap.alloc(size));
  const pages = [heap.pages.alloc(1), heap.pages.alloc(5), heap.pages.alloc(7, { dma: true })];
  const objects = Array.from({ length: 90 }, () => cache.alloc());
  const freed = new Set(random.shuffled(blocks).slice(0, 250));
  for (const block of freed) heap.free(block);
  for (const object of objects.slice(0, 40)) cache.free(object);
  return { heap, blocks: blocks.filter((block) => !freed.has(block)), runs, pages, cache, objects: objects.slice(40) };
}
