import type { HeapPlan } from "../replay/replay-heap.ts";
import { createRegionHeap, type RegionHeap } from "./region.ts";

/** Atomik's `kmalloc`: the largest free chunk. */
export function createHeap(plan: HeapPlan): RegionHeap {
  return createRegionHeap("worst", plan);
}
