import { Heap } from "kmem";
import type { HeapPlan } from "../replay/replay-heap.ts";

/** Far more than is needed, so that no replay is slow because its memory is nearly full. */
const HEAP_BYTES_PER_LIVE_BYTE = 4;
const HEAP_STEP_BYTES = 2 ** 20;
const HEAP_MIN_BYTES = 2 ** 26;
const HEAP_MAX_BYTES = 2 ** 32;

/** kmem as it comes: one heap in one SharedArrayBuffer, exact checks on. */
export function createHeap({ peakLiveBytes }: HeapPlan): Heap {
  const steps = Math.ceil((peakLiveBytes * HEAP_BYTES_PER_LIVE_BYTE) / HEAP_STEP_BYTES);
  const sizeBytes = Math.min(HEAP_MAX_BYTES, Math.max(HEAP_MIN_BYTES, steps * HEAP_STEP_BYTES));
  return Heap.create({ sizeBytes });
}
