// Nodes pass the suite that every allocator passes: one alone, and two that take turns in one buffer.
import { CLASS_COUNT, classBytes } from "../../src/layout.ts";
import { Nodes, type NodesOptions } from "../../src/nodes/index.ts";
import { type Allocator, describeConformance } from "../conformance/conformance.ts";
import { MIB, PAGE } from "../support/memories.ts";

const NODE_SPAN = 2 ** 32;

/**
 * An allocator whose addresses are the bytes of one buffer in which all nodes have their parts; from `border` on they
 * are of node 1.
 */
function allocatorOver(nodes: Nodes, buffer: () => ArrayBufferLike, border: number): Allocator {
  const flat = (address: number): number => address % NODE_SPAN;
  const full = (byte: number): number => (byte < border ? byte : NODE_SPAN + byte);
  return {
    alloc: (sizeBytes) => flat(nodes.alloc(sizeBytes)),
    tryAlloc: (sizeBytes) => flat(nodes.tryAlloc(sizeBytes)),
    calloc: (count, sizeBytes) => flat(nodes.calloc(count, sizeBytes)),
    realloc: (address, sizeBytes) => flat(nodes.realloc(full(address), sizeBytes)),
    alignedAlloc: (alignmentBytes, sizeBytes) => flat(nodes.alignedAlloc(alignmentBytes, sizeBytes)),
    free: (address) => nodes.free(full(address)),
    usableSize: (address) => nodes.usableSize(full(address)),
    findings: () => nodes.check().findings,
    trim: () => nodes.trim(),
    figures: () => nodes.stats().map(({ heap }) => ({ bytes: heap.bytes, liveBlocks: heap.liveBlocks })),
    bytes: () => new Uint8Array(buffer()),
    foreignFault: () => -1,
  };
}

const borderBytes = [
  ...Array.from({ length: CLASS_COUNT }, (_, index) => classBytes(index)),
  ...[1, 2, 3, 4, 7, 8, 9, 16, 17, 33].map((pages) => pages * PAGE),
];

const single: readonly (readonly [string, NodesOptions, number])[] = [
  ["one node", { nodes: [{ sizeBytes: 6 * MIB }] }, 6 * MIB],
  [
    "one node that grows and is not shared",
    { nodes: [{ sizeBytes: MIB, maximumBytes: 8 * MIB, shared: false }] },
    8 * MIB,
  ],
];

for (const [name, options, capacityBytes] of single) {
  describeConformance({
    name,
    capacityBytes,
    borderBytes,
    make: () => {
      const nodes = Nodes.create(options);
      const { memory } = nodes.handle.nodes[0] as { memory: { buffer?: ArrayBufferLike } };
      const buffer = (): ArrayBufferLike => memory.buffer ?? (memory as ArrayBufferLike);
      return allocatorOver(nodes, buffer, Number.POSITIVE_INFINITY);
    },
  });
}

for (const home of [0, 1]) {
  describeConformance({
    name: `two nodes in one buffer, from node ${home}`,
    capacityBytes: 6 * MIB,
    borderBytes,
    make: () => {
      const memory = new SharedArrayBuffer(6 * MIB + 77);
      const border = 3 * MIB;
      const halves = [
        { memory, end: border },
        { memory, start: border, end: 6 * MIB },
      ];
      return allocatorOver(Nodes.create({ nodes: halves, home }), () => memory, border);
    },
  });
}
