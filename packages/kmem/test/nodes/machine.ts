import { OutOfMemoryError } from "../../src/index.ts";
import { type NodeStats, Nodes } from "../../src/nodes/index.ts";
import { MIB, PAGE } from "../support/memories.ts";

/** Larger than every size class: each request is a run of pages of its own. */
export const RUN_BYTES = 40_000;
export const NODE_SPAN: number = 2 ** 32;

/** A machine of nodes of one size, 1 MiB unless told otherwise. */
export function machine(
  count: number,
  options: { home?: number; distances?: number[][]; sizeBytes?: number } = {},
): Nodes {
  const { sizeBytes = MIB, ...rest } = options;
  return Nodes.create({ nodes: Array.from({ length: count }, () => ({ sizeBytes })), ...rest });
}

/**
 * The nodes of the blocks that a function gives until there is no memory, in the order in which they come; each node is
 * named when it is not that of the block before.
 */
export function nodesInTurn(nodes: Nodes, allocate: () => number): number[] {
  const turns: number[] = [];
  for (;;) {
    let address = 0;
    try {
      address = allocate();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    if (address === 0) return turns;
    const node = nodes.nodeOf(address);
    if (turns.at(-1) !== node) turns.push(node);
  }
}

/** numa_hit, numa_miss, numa_foreign, local_node, other_node of each node. */
export function countsOf(nodes: Nodes): number[][] {
  return nodes
    .stats()
    .map(({ numa_hit, numa_miss, numa_foreign, local_node, other_node }) => [
      numa_hit,
      numa_miss,
      numa_foreign,
      local_node,
      other_node,
    ]);
}

/** Free pages of each node. */
export function freePages(nodes: Nodes): number[] {
  return nodes.stats().map(({ heap }) => heap.bytes.freePageBytes / PAGE);
}

/** What must be the same again when everything is freed. */
export function figuresOf(nodes: Nodes): unknown {
  return nodes.stats().map(({ heap }: NodeStats) => ({ bytes: heap.bytes, zones: heap.zones }));
}
