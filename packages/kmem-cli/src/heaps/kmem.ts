import { Heap } from "kmem";
import type { HeapPlan } from "../replay/replay-heap.ts";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "./heap-bytes.ts";

/** kmem as it comes: one heap in one SharedArrayBuffer, exact checks on. */
export function createHeap({ peakLiveBytes }: Pick<HeapPlan, "peakLiveBytes">): Heap {
  return Heap.create({ sizeBytes: heapBytes(peakLiveBytes * HEAP_BYTES_PER_LIVE_BYTE) });
}
