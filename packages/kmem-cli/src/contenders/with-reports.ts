import { checkHeap, type Heap, heapStats } from "kmem";

/** A heap of kmem that answers for itself what replays ask of every contender. */
export type ReportingHeap<Kind extends Heap> = Kind & {
  check(): ReturnType<typeof checkHeap>;
  stats(): ReturnType<typeof heapStats>;
};

/** Gives a heap the two reports of a replay as methods. */
export function withReports<Kind extends Heap>(heap: Kind): ReportingHeap<Kind> {
  return Object.assign(heap, { check: () => checkHeap(heap), stats: () => heapStats(heap) });
}
