import { ClusterHeap } from "../../../src/cluster/cluster-heap.ts";
import { DESCRIPTOR_BYTES, MIN_BLOCK_SIZE } from "../../../src/cluster/layout.ts";
import { giet, VOBJ_TYPE_HEAP } from "../../../src/kernels/giet/index.ts";
import { LinearMemory } from "../../../src/memory/memory.ts";
import type { Adapter, Allocator, MemoryCase } from "../allocator.ts";
import { bufferOf, flatMemory, orOutOfMemory, powerOfTwo, Refusals } from "./flat.ts";

const blockBytes = (sizeBytes: number): number => powerOfTwo(sizeBytes, MIN_BLOCK_SIZE);

/** The heap has the upper half of the memory, so that addresses are bytes of it; its descriptor is in the lower one. */
const lengthOf = (memory: MemoryCase): number => memory.sizeBytes / 2;

const common = {
  alignmentBytes: MIN_BLOCK_SIZE,
  blockBytes,
  lacks: {
    calloc: "the document has no calloc",
    realloc: "the document has no realloc",
    alignedAlloc: "blocks are aligned to their size",
    trim: "halves are merged at once",
  },
} as const;

/** The free blocks of each size. */
function figuresOf(heap: ClusterHeap): unknown {
  const lists: number[] = [];
  for (let shift = 0; shift < 32; shift++) if (heap.descriptor.hasList(shift)) lists.push(heap.descriptor.free(shift));
  return lists.map((first) => first !== 0);
}

export const clusterAdapter: Adapter = {
  ...common,
  name: "cluster",
  lacks: { ...common.lacks, "refusal of sizes": "its callers verify them: kmem/giet" },
  create: (memory): Allocator => {
    const linear = new LinearMemory(memory.make());
    const length = lengthOf(memory);
    const heap = new ClusterHeap(linear, DESCRIPTOR_BYTES, { base: length, length, memory: linear, offset: length }, 1);
    heap.init();
    const take = (sizeBytes: number): number => {
      const address = heap.alloc(sizeBytes);
      if (typeof address !== "number") throw new Error(JSON.stringify(address));
      return address;
    };
    return {
      capacityBytes: length,
      tryAlloc: take,
      alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
      free: (address) => {
        if (address === 0) return;
        const verdict = heap.free(address);
        if (verdict !== "freed") throw new Error(verdict);
      },
      usableSize: (address) => heap.blockBytes(address),
      findings: () => heap.check(),
      figures: () => figuresOf(heap),
      ...flatMemory(() => linear.buffer),
    };
  },
};

export const gietAdapter: Adapter = {
  ...common,
  name: "kmem/giet, _remote_malloc",
  create: (memory): Allocator => {
    const source = memory.make();
    const length = lengthOf(memory);
    const refusals = new Refusals();
    const vseg = { type: VOBJ_TYPE_HEAP, base: length, length, offset: length };
    const kernel = giet({ clusters: [[{ memory: source, vsegs: [vseg] }]], kernel_data: 0 }, refusals.console);
    kernel._heap_init();
    // It prints that there is no more space, which is no refusal.
    const take = (sizeBytes: number): number => kernel._remote_malloc(sizeBytes, 0, 0);
    return {
      capacityBytes: length,
      tryAlloc: take,
      alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
      free: (address) => {
        if (address !== 0) kernel._free(address);
      },
      usableSize: (address) => kernel.bytes(address).length,
      findings: () => kernel.check().findings,
      figures: () => kernel.kernel_heap[0]?.[0]?.free.map((first) => first !== 0),
      ...flatMemory(() => bufferOf(source)),
    };
  },
};
