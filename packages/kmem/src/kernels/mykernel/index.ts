/**
 * The kernel My Kernel, call by call: `kmalloc` over power-of-two buckets. It begins with {@link mykernel}.
 *
 * @module kmem/mykernel
 */
export type { BucketStats } from "../../bucket/bucket-heap.ts";
export type { BucketFinding } from "../../bucket/check.ts";
export * from "./mykernel.ts";
