import { Heap, heapStats } from "../../../src/index.ts";
import { GFP_ATOMIC, KMALLOC_MAX_BYTES, type Linux, linux } from "../../../src/kernels/linux/index.ts";
import { PAGE } from "../../support/memories.ts";
import type { Adapter, MemoryCase } from "../allocator.ts";
import { flatMemory, orOutOfMemory, Refusals } from "./flat.ts";
import { HEAP_BORDERS, heapFigures, heapOptions } from "./heap.ts";

/** Blocks are of whole cache lines. */
const LINE_BYTES = 32;

function bind(memory: MemoryCase): { heap: Heap; calls: Linux; refusals: Refusals } {
  const heap = Heap.create(heapOptions(memory));
  const refusals = new Refusals();
  return { heap, calls: linux(heap, refusals.console), refusals };
}

/** A call's answer; want of memory, which is printed too, is 0. */
export const linuxAdapter: Adapter = {
  name: "kmem/linux, kmalloc",
  lacks: { alignedAlloc: "blocks are aligned to a cache line, and from a page on to a page" },
  alignmentBytes: LINE_BYTES,
  largestBytes: KMALLOC_MAX_BYTES,
  borderBytes: HEAP_BORDERS,
  blockBytes: (sizeBytes) => sizeBytes + LINE_BYTES,
  create: (memory) => {
    const { heap, calls, refusals } = bind(memory);
    const take = (sizeBytes: number): number => calls.kmalloc(sizeBytes, GFP_ATOMIC);
    const resize = (address: number, sizeBytes: number): number => {
      // To size 0 it frees the block, and what stands for one without bytes is no address.
      return orOutOfMemory(calls.krealloc(address, sizeBytes === 0 ? 1 : sizeBytes, GFP_ATOMIC));
    };
    return {
      capacityBytes: memory.maximumBytes,
      tryAlloc: take,
      alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
      calloc: (count, sizeBytes) => orOutOfMemory(calls.kcalloc(count, sizeBytes, GFP_ATOMIC)),
      realloc: resize,
      free: (address) => refusals.refuse(() => calls.kfree(address)),
      usableSize: (address) => calls.ksize(address),
      findings: () => calls.check().findings,
      trim: () => void heap.trim(),
      figures: () => heapFigures(heap),
      ...flatMemory(() => heap.buffer),
    };
  },
};

export const vmallocAdapter: Adapter = {
  name: "vmalloc",
  lacks: {
    "size 0": "an area has a page at the least",
    usableSize: "an area is as long as was asked for, up to its last page",
    realloc: "the kernel has no vrealloc",
    alignedAlloc: "areas are aligned to pages",
    "refusal of sizes": "kmem/linux prints them: its own tests",
  },
  alignmentBytes: PAGE,
  borderBytes: [1, 2, 3, 9, 33].map((pages) => pages * PAGE),
  // Up to a page of the area is not asked for, and page tables and records take some more.
  blockBytes: (sizeBytes) => (Math.ceil(sizeBytes / PAGE) + 1) * PAGE,
  create: (memory) => {
    const { heap, calls, refusals } = bind(memory);
    const { vm } = calls;
    const take = (sizeBytes: number): number => calls.vmalloc(sizeBytes);
    return {
      capacityBytes: memory.maximumBytes,
      tryAlloc: take,
      alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
      calloc: (count, sizeBytes) => orOutOfMemory(calls.vzalloc(count * sizeBytes)),
      free: (address) => refusals.refuse(() => calls.vfree(address)),
      read: (address, lengthBytes) => vm.readBytes(address, lengthBytes),
      write: (address, bytes) => vm.writeBytes(address, bytes),
      findings: () => calls.check().findings,
      trim: () => void heap.trim(),
      // Records of areas, once made, are kept.
      figures: () => {
        const { areaCount, mappedPages, framePages, tablePages } = vm.stats();
        return { areaCount, mappedPages, framePages, tablePages, liveBlocks: heapStats(heap).liveBlocks };
      },
    };
  },
};
