import process from "node:process";
import { Heap, type HeapOptions } from "kmem";
import { linux } from "kmem/linux";
import type { HeapPlan, ReplayHeap } from "../replay/replay-heap.ts";
import { AreaHeap } from "../replay/vmalloc-heap.ts";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "./heap-bytes.ts";
import { HEAP_OPTIONS_VARIABLE } from "./heap-options-variable.ts";
import { type ReportingHeap, withReports } from "./with-reports.ts";

/** Its caches take constructors. */
export const runsConstructors: boolean = true;

/** kmem as it comes: one heap in one SharedArrayBuffer, exact checks on. */
export function createHeap(plan: Pick<HeapPlan, "peakLiveBytes" | "memoryBytes">): ReportingHeap<Heap> {
  const sizeBytes = heapBytes(plan.peakLiveBytes * HEAP_BYTES_PER_LIVE_BYTE, plan);
  return withReports(Heap.create({ ...givenOptions(), sizeBytes }));
}

/** Options of the heap that whoever starts the process has chosen. */
function givenOptions(): HeapOptions {
  // The inspector replays in a page, where there is no environment.
  const { env } = process as Partial<typeof process>;
  const text = env?.[HEAP_OPTIONS_VARIABLE];
  return text === undefined ? {} : (JSON.parse(text) as HeapOptions);
}

/** The vmalloc of kmem/linux over such a heap. */
export function createAreas(plan: HeapPlan): ReplayHeap {
  const heap = createHeap(plan);
  return new AreaHeap(heap, linux(heap, { print: refuse }));
}

/** The kernel prints what it refuses; want of memory is counted and no more. */
function refuse(message: string): void {
  if (!message.startsWith("vmalloc error")) throw new Error(message);
}
