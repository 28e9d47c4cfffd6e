import type { HeapPlan } from "../replay/replay-heap.ts";

const STEP_BYTES = 2 ** 20;
const MIN_BYTES = 2 ** 26;
const MAX_BYTES = 2 ** 32;

/** Far more than is needed, so that no replay is slow because its memory is nearly full. */
export const HEAP_BYTES_PER_LIVE_BYTE = 4;

/**
 * The bytes of a memory in which `wantedBytes` are wanted: what the plan says; else whole MiB, 64 at least, as far as
 * addresses go.
 */
export function heapBytes(wantedBytes: number, { memoryBytes }: Pick<HeapPlan, "memoryBytes"> = {}): number {
  return memoryBytes ?? Math.min(MAX_BYTES, Math.max(MIN_BYTES, Math.ceil(wantedBytes / STEP_BYTES) * STEP_BYTES));
}
