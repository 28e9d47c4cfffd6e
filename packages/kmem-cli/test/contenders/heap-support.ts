import type { CheckableHeap, HeapPlan } from "../../src/replay/replay-heap.ts";

const MIB = 2 ** 20;

/** A small workload, as far as it matters to the making of a heap. */
export const SMALL_PLAN: HeapPlan = { peakLiveBytes: MIB, peakLiveBlockCount: 100, requestedBytes: MIB, opCount: 200 };

/** The bytes of a block, to read and to write. */
export function bytesAt(heap: CheckableHeap, address: number, sizeBytes: number): Uint8Array {
  return new Uint8Array(heap.buffer, address, sizeBytes);
}
