import { readDistances, uniformDistances } from "../cluster/placement.ts";
import type { HeapHandle } from "../heap/handle.ts";
import { HEAP_CHECKS, type HeapOptions } from "../heap/options.ts";
import { anyValue, type Checks, readOptions, requireBoolean } from "../memory/arguments.ts";
import { readNodes, requireApart, requireNode } from "./machine.ts";

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
  /** The handles of the nodes' heaps, by the number of the node. */
  readonly nodes: readonly HeapHandle[];
  /** `distances[from][to]`, as Linux has them. */
  readonly distances: readonly (readonly number[])[];
}

/** How {@link Nodes.allocOn} asks. */
export interface AllocOnOptions {
  /** No other node will do: Linux's __GFP_THISNODE. */
  readonly thisNode?: boolean;
}

const NODES_CHECKS: Checks<NodesOptions> = { nodes: anyValue, distances: anyValue, home: anyValue };
const HANDLE_CHECKS: Checks<NodesHandle> = { nodes: anyValue, distances: anyValue };
const HOME_CHECKS: Checks<{ readonly home: number }> = { home: anyValue };
const ALLOC_ON_CHECKS: Checks<AllocOnOptions> = { thisNode: requireBoolean };

/** What a machine is made of, read once. Throws BAD_ARGUMENT. */
export function readMachine(options: NodesOptions): Required<NodesOptions> {
  const { home = 0, distances, ...given } = readOptions("options", options, NODES_CHECKS);
  const nodes = readNodes(given.nodes).map((node) => readOptions("a node", node as HeapOptions, HEAP_CHECKS));
  const count = nodes.length;
  const table = distances === undefined ? uniformDistances(count) : readDistances(distances, count);
  requireNode("home", home, count);
  requireApart(nodes);
  return { nodes, distances: table, home };
}

/** A handle of nodes, read once. Throws BAD_ARGUMENT. */
export function readHandle(handle: NodesHandle): NodesHandle {
  const given = readOptions("a handle of nodes", handle, HANDLE_CHECKS);
  const nodes = readNodes(given.nodes) as HeapHandle[];
  return { nodes, distances: readDistances(given.distances, nodes.length) };
}

/** The node that a thread says it runs on. Throws BAD_ARGUMENT. */
export function readHome(options: { readonly home: number }, nodeCount: number): number {
  const { home } = readOptions("options", options, HOME_CHECKS);
  requireNode("home", home, nodeCount);
  return home;
}

/** Whether no other node will do. Throws BAD_ARGUMENT. */
export function isThisNode(options: AllocOnOptions | undefined): boolean {
  return readOptions("options", options, ALLOC_ON_CHECKS).thisNode === true;
}
