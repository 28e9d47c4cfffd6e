import { checkHeap, Heap } from "../../../src/index.ts";
import type { Adapter } from "../allocator.ts";
import { flatMemory } from "./flat.ts";
import { HEAP_CODES, heapFigures, heapOptions } from "./heap.ts";

const ONE_SIZE = "a cache has objects of one size";

/** A named cache of objects of a size. */
export const cacheAdapter = (objectBytes: number): Adapter => ({
  name: `Cache of ${objectBytes} bytes`,
  lacks: {
    "any size": ONE_SIZE,
    "size 0": ONE_SIZE,
    "refusal of sizes": ONE_SIZE,
    usableSize: ONE_SIZE,
    realloc: ONE_SIZE,
    calloc: "objects keep what they hold; a constructor makes them",
    alignedAlloc: "the alignment is the cache's",
  },
  onlyBytes: objectBytes,
  alignmentBytes: 16,
  codes: { free: HEAP_CODES.free, doubleFree: HEAP_CODES.doubleFree },
  create: (memory) => {
    const heap = Heap.create(heapOptions(memory));
    const cache = heap.createCache({ name: "objects", sizeBytes: objectBytes });
    return {
      capacityBytes: memory.maximumBytes,
      tryAlloc: () => cache.tryAlloc(),
      alloc: () => cache.alloc(),
      free: (address) => cache.free(address),
      findings: () => checkHeap(heap).findings,
      trim: () => {
        cache.shrink();
        heap.trim();
      },
      figures: () => ({ ...heapFigures(heap), objects: cache.stats() }),
      ...flatMemory(() => heap.buffer),
    };
  },
});
