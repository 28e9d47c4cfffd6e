export type { BucketStats } from "../../bucket/bucket-heap.ts";
export type { BucketFinding } from "../../bucket/check.ts";
export * from "./mykernel.ts";
