import { BucketHeap } from "../../../src/bucket/bucket-heap.ts";
import { Heap } from "../../../src/index.ts";
import { mykernel } from "../../../src/kernels/mykernel/index.ts";
import { checkLayers } from "../../../src/kmalloc/check.ts";
import type { Adapter } from "../allocator.ts";
import { flatMemory, orOutOfMemory, powerOfTwo, Refusals } from "./flat.ts";
import { heapFigures, heapOptions } from "./heap.ts";
import { newLayers } from "./layers.ts";

const POOL = 0;
/** A page of metadata for each bucket of the largest blocks, and headers at the start of those of small ones. */
const blockBytes = (sizeBytes: number): number => powerOfTwo(sizeBytes, 8) * 2;

export const bucketAdapter: Adapter = {
  name: "buckets",
  lacks: {
    "size 0": "the smallest block has 8 bytes: kmem/mykernel gives NULL for 0",
    calloc: "it is made of alloc and clear: kmem/mykernel",
    realloc: "it is made of alloc and free: kmem/mykernel",
    alignedAlloc: "blocks are aligned to their size, up to a page",
    trim: "a bucket goes back with its last block",
    "refusal of sizes": "its callers verify them: kmem/mykernel",
  },
  alignmentBytes: 8,
  blockBytes,
  create: (memory) => {
    const layers = newLayers(memory);
    const damage: string[] = [];
    const buckets = BucketHeap.open(layers, (problem) => damage.push(problem)) as BucketHeap;
    const take = (sizeBytes: number): number => buckets.alloc(sizeBytes, POOL);
    return {
      capacityBytes: memory.maximumBytes,
      tryAlloc: take,
      alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
      free: (address) => {
        if (address === 0) return;
        const state = buckets.free(address);
        if (state !== "live") throw new Error(`the block is ${state}`);
      },
      usableSize: (address) => buckets.blockAt(address)?.usableBytes ?? 0,
      findings: () => [...checkLayers(layers).findings, ...buckets.check(), ...damage],
      figures: () => ({ ...buckets.stats() }),
      ...flatMemory(() => layers.memory.buffer),
    };
  },
};

export const mykernelAdapter: Adapter = {
  name: "kmem/mykernel, kmalloc",
  lacks: {
    "size 0": "kmalloc(0) is NULL",
    alignedAlloc: "blocks are aligned to their size, up to a page",
  },
  alignmentBytes: 8,
  blockBytes,
  create: (memory) => {
    const refusals = new Refusals();
    const heap = Heap.create(heapOptions(memory));
    const kernel = mykernel(heap, refusals.console);
    const take = (sizeBytes: number): number => refusals.refuse(() => kernel.kmalloc(sizeBytes, 0));
    return {
      capacityBytes: memory.maximumBytes,
      tryAlloc: take,
      alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
      calloc: (count, sizeBytes) => orOutOfMemory(refusals.refuse(() => kernel.kcalloc(count, sizeBytes, 0))),
      realloc: (address, sizeBytes) => orOutOfMemory(refusals.refuse(() => kernel.krealloc(address, sizeBytes, 0))),
      free: (address) => refusals.refuse(() => kernel.kfree(address)),
      usableSize: (address) => kernel.ksize(address),
      findings: () => kernel.check().findings,
      trim: () => void heap.trim(),
      figures: () => ({ ...kernel.stats(), heap: heapFigures(heap) }),
      ...flatMemory(() => heap.buffer),
    };
  },
};
