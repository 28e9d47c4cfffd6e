import { blocksOf, checkHeap, Heap, heapStats, LocalHeap } from "../../../src/index.ts";
import { CLASS_COUNT, classBytes } from "../../../src/layout.ts";
import { PAGE } from "../../support/memories.ts";
import { Peek } from "../../support/peek.ts";
import type { Adapter, Allocator, MemoryCase } from "../allocator.ts";
import { flatMemory } from "./flat.ts";

const classBorders = Array.from({ length: CLASS_COUNT }, (_, index) => classBytes(index));
const pageBorders = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33].map((pages) => pages * PAGE);
/** Sizes at which a heap takes another size class, or another number of pages. */
export const HEAP_BORDERS: readonly number[] = [...classBorders, ...pageBorders];

export const HEAP_CODES = {
  size: "BAD_SIZE",
  alignment: "BAD_ALIGNMENT",
  free: "INVALID_FREE",
  doubleFree: "DOUBLE_FREE",
  address: "INVALID_ADDRESS",
} as const;

/** What a heap consists of, to compare. */
export function heapFigures(heap: Heap): Record<string, unknown> {
  const freeBlocks = new Peek(heap).freeBlocks();
  const { liveBlocks, bytes, footprintBytes, caches, zones } = heapStats(heap);
  return { liveBlocks, bytes, footprintBytes, caches, zones, freeBlocks, live: [...blocksOf(heap)] };
}

/** How a heap is made over a memory: as large as it is, and growing as far as that can. */
export function heapOptions(memory: MemoryCase): { memory: ReturnType<MemoryCase["make"]>; maximumBytes?: number } {
  return {
    memory: memory.make(),
    ...(memory.maximumBytes > memory.sizeBytes && { maximumBytes: memory.maximumBytes }),
  };
}

/** A heap, or what extends it, as the suite sees it. */
export function heapAllocator(heap: Heap, capacityBytes: number, findings = () => checkHeap(heap).findings): Allocator {
  return {
    capacityBytes,
    // The fast paths are bound again when memory grows, so they are looked up each time.
    alloc: (sizeBytes) => heap.alloc(sizeBytes),
    tryAlloc: (sizeBytes) => heap.tryAlloc(sizeBytes),
    calloc: (count, sizeBytes) => heap.calloc(count, sizeBytes),
    realloc: (address, sizeBytes) => heap.realloc(address, sizeBytes),
    alignedAlloc: (alignmentBytes, sizeBytes) => heap.alignedAlloc(alignmentBytes, sizeBytes),
    free: (address) => heap.free(address),
    usableSize: (address) => heap.usableSize(address),
    findings,
    trim: () => void heap.trim(),
    figures: () => heapFigures(heap),
    ...flatMemory(() => heap.buffer),
  };
}

/** A heap of one thread, which has no shared memory. */
export const localHeapAdapter: Adapter = {
  name: "LocalHeap",
  lacks: {},
  alignmentBytes: 16,
  borderBytes: HEAP_BORDERS,
  codes: HEAP_CODES,
  unfit: ({ name }) => (/shared/i.test(name) ? "it is for memory that is not shared" : undefined),
  create: (memory) => {
    const heap = LocalHeap.create(heapOptions(memory));
    return heapAllocator(heap as unknown as Heap, memory.maximumBytes);
  },
};

/** A heap as users make it. */
export const heapAdapter: Adapter = {
  name: "Heap",
  lacks: {},
  alignmentBytes: 16,
  borderBytes: HEAP_BORDERS,
  codes: HEAP_CODES,
  create: (memory) => heapAllocator(Heap.create(heapOptions(memory)), memory.maximumBytes),
};
