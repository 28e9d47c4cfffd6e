import { DebugHeap } from "kmem/debug";
import type { HeapPlan } from "../replay/replay-heap.ts";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "./heap-bytes.ts";
import { type ReportingHeap, withReports } from "./with-reports.ts";

/** kmem with every check of SLUB's debugging on: consistency, red zones, poison and the stacks of the owners. */
export function createHeap(plan: HeapPlan): ReportingHeap<DebugHeap> {
  const { peakLiveBytes, peakLiveBlockCount } = plan;
  const wantedBytes = (peakLiveBytes + peakLiveBlockCount * DEBUG_BYTES_PER_BLOCK) * HEAP_BYTES_PER_LIVE_BYTE;
  return withReports(DebugHeap.create({ sizeBytes: heapBytes(wantedBytes, plan), debug: "FZPU" }));
}

/** Red zones and tracks, about: a heap for a replay has room to spare. */
const DEBUG_BYTES_PER_BLOCK = 128;
