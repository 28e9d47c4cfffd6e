import type { HeapHandle } from "./handle.ts";
import type { HeapOptions } from "./heap-options.ts";

/** A machine of nodes. */
export interface NodesOptions {
  /**
   * How the heap of each node is made, as for {@link Heap.create}: 1 to 1024 nodes, each in bytes of its own. The first
   * 8 KiB of them hold the node's counters; the heap follows.
   */
  readonly nodes: readonly HeapOptions[];
  /**
   * distances[from][to], as in the SLIT of ACPI: 10 from a node to itself, whole numbers from 11 to 254 otherwise.
   * Default: every other node is 20 away.
   */
  readonly distances?: readonly (readonly number[])[];
  /** The node that this thread runs on. Default 0. */
  readonly home?: number;
}

/** What another thread attaches to; goes through postMessage. */
export interface NodesHandle {
  readonly nodes: readonly HeapHandle[];
  readonly distances: readonly (readonly number[])[];
}

/** How {@link Nodes.allocOn} asks. */
export interface AllocOnOptions {
  /** No other node will do: Linux's __GFP_THISNODE. */
  readonly thisNode?: boolean;
}
