/**
 * The kernel GIET-VM, call by call: a heap of power-of-two blocks in each cluster of a mesh. It begins with
 * {@link giet}.
 *
 * @module kmem/giet
 */
export type { ClusterFinding } from "../../cluster/check.ts";
export * from "./giet.ts";
