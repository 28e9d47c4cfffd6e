import { Nodes } from "../../../src/nodes/index.ts";
import type { Adapter, Allocator, MemoryCase } from "../allocator.ts";
import { bufferOf, flatMemory } from "./flat.ts";
import { HEAP_BORDERS, HEAP_CODES, heapOptions } from "./heap.ts";

const NODE_SPAN = 2 ** 32;

/** Addresses are the bytes of one buffer in which all nodes have their parts; from `border` on they are node 1's. */
function nodesAllocator(nodes: Nodes, memory: MemoryCase, buffer: () => ArrayBufferLike, border: number): Allocator {
  const flat = (address: number): number => address % NODE_SPAN;
  const full = (byte: number): number => (byte < border ? byte : NODE_SPAN + byte);
  return {
    capacityBytes: memory.maximumBytes,
    alloc: (sizeBytes) => flat(nodes.alloc(sizeBytes)),
    tryAlloc: (sizeBytes) => flat(nodes.tryAlloc(sizeBytes)),
    calloc: (count, sizeBytes) => flat(nodes.calloc(count, sizeBytes)),
    realloc: (address, sizeBytes) => flat(nodes.realloc(full(address), sizeBytes)),
    alignedAlloc: (alignmentBytes, sizeBytes) => flat(nodes.alignedAlloc(alignmentBytes, sizeBytes)),
    free: (address) => nodes.free(full(address)),
    usableSize: (address) => nodes.usableSize(full(address)),
    findings: () => nodes.check().findings,
    trim: () => void nodes.trim(),
    figures: () => nodes.stats().map(({ heap }) => ({ bytes: heap.bytes, liveBlocks: heap.liveBlocks })),
    ...flatMemory(buffer),
  };
}

const common = { lacks: {}, alignmentBytes: 16, borderBytes: HEAP_BORDERS, codes: HEAP_CODES } as const;

export const oneNodeAdapter: Adapter = {
  ...common,
  name: "Nodes, one of them",
  create: (memory) => {
    const node = heapOptions(memory);
    const buffer = (): ArrayBufferLike => bufferOf(node.memory);
    return nodesAllocator(Nodes.create({ nodes: [node] }), memory, buffer, Number.POSITIVE_INFINITY);
  },
};

/** Two nodes, each with half of a buffer, seen from one of them. */
export const twoNodesAdapter = (home: 0 | 1): Adapter => ({
  ...common,
  name: `Nodes, two in one buffer, from node ${home}`,
  unfit: ({ sizeBytes, maximumBytes }) =>
    maximumBytes > sizeBytes ? "two nodes in one memory take turns at growing it: tests of nodes" : undefined,
  create: (memory) => {
    const source = memory.make();
    const border = memory.sizeBytes / 2;
    const halves = [
      { memory: source, end: border },
      { memory: source, start: border },
    ];
    return nodesAllocator(Nodes.create({ nodes: halves, home }), memory, () => bufferOf(source), border);
  },
});
