import type { HeapPlan } from "../replay/replay-heap.ts";
import { createRegionHeap, type RegionHeap } from "./region.ts";

/** Atomik's `kmalloc_fast`: the first free chunk that is large enough. */
export function createHeap(plan: HeapPlan): RegionHeap {
  return createRegionHeap("first", plan);
}
