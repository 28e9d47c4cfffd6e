export type { ClusterFinding } from "../../cluster/check.ts";
export * from "./giet.ts";
