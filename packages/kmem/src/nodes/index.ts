export { LOCAL_DISTANCE, REMOTE_DISTANCE } from "../cluster/placement.ts";
export type { NumaCounts } from "./node-area.ts";
export * from "./nodes.ts";
export type { AllocOnOptions, NodesHandle, NodesOptions } from "./options.ts";
export { type NodeShortage, NodesOutOfMemoryError } from "./out-of-memory.ts";
export type { NodeFinding, NodeStats } from "./reports.ts";
