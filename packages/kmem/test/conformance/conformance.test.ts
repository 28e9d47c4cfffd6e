import type { Heap } from "../../src/index.ts";
import { blocksOf, checkHeap, heapStats } from "../../src/index.ts";
import { CLASS_COUNT, classBytes } from "../../src/layout.ts";
import { freePagesOf } from "../support/expectations.ts";
import { MEMORY_CASES, PAGE } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";
import { type Allocator, describeConformance } from "./conformance.ts";

function figuresOf(heap: Heap): unknown {
  const { liveBlocks, bytes, footprintBytes, caches } = heapStats(heap);
  return {
    liveBlocks,
    bytes,
    footprintBytes,
    caches,
    zones: freePagesOf(heapStats(heap)),
    freeBlocks: new Peek(heap).freeBlocks(),
    live: [...blocksOf(heap)],
  };
}

function allocatorOver(heap: Heap, foreignFault: () => number): Allocator {
  return {
    // The fast paths are bound anew when memory grows, so they are looked up each time.
    alloc: (sizeBytes) => heap.alloc(sizeBytes),
    tryAlloc: (sizeBytes) => heap.tryAlloc(sizeBytes),
    calloc: (count, sizeBytes) => heap.calloc(count, sizeBytes),
    realloc: (address, sizeBytes) => heap.realloc(address, sizeBytes),
    alignedAlloc: (alignmentBytes, sizeBytes) => heap.alignedAlloc(alignmentBytes, sizeBytes),
    free: (address) => heap.free(address),
    usableSize: (address) => heap.usableSize(address),
    findings: () => checkHeap(heap).findings,
    trim: () => heap.trim(),
    figures: () => figuresOf(heap),
    bytes: () => new Uint8Array(heap.buffer),
    foreignFault,
  };
}

const classBorders = Array.from({ length: CLASS_COUNT }, (_, index) => classBytes(index));
const pageBorders = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33].map((pages) => pages * PAGE);

for (const { name, maximumBytes, make } of MEMORY_CASES) {
  describeConformance({
    name,
    capacityBytes: maximumBytes,
    borderBytes: [...classBorders, ...pageBorders],
    make: () => {
      const { heap, foreignFault } = make();
      return allocatorOver(heap, foreignFault);
    },
  });
}
