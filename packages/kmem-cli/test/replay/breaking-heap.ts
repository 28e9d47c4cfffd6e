import type { ReplayHeap } from "../../src/replay/replay-heap.ts";

/** A contender that breaks as soon as it is started. */
export function createHeap(): ReplayHeap {
  throw new TypeError("this heap cannot be made");
}
