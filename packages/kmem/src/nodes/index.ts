/**
 * A machine of several heaps, its nodes, with the distances between them: {@link Nodes}.
 *
 * @module kmem/nodes
 */
export { LOCAL_DISTANCE, REMOTE_DISTANCE } from "../cluster/placement.ts";
export type { NumaCounts } from "./node-area.ts";
export * from "./nodes.ts";
export type { AllocOnOptions, NodesHandle, NodesOptions } from "./options.ts";
export { type NodeShortage, NodesOutOfMemoryError } from "./out-of-memory.ts";
export type { NodeFinding, NodeStats } from "./reports.ts";
