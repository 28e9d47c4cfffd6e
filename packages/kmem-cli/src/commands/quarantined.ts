import { blocksOf, type Heap } from "kmem";
import { DebugHeap } from "kmem/debug";

/**
 * How many of a heap's allocated blocks hold no object any more: those that wait in the quarantines of a debugged heap,
 * which the layers below still count. 0 for all other heaps. O(heap).
 */
export function quarantinedCount(heap: Heap, liveBlocks: number): number {
  if (!(heap instanceof DebugHeap)) return 0;
  let objectCount = 0;
  for (const _ of blocksOf(heap)) objectCount += 1;
  return Math.max(0, liveBlocks - objectCount);
}

/** What follows a count of live blocks where some of them are such ones; empty otherwise. */
export function quarantinedText(count: number): string {
  return count === 0 ? "" : `; ${count} of them freed, in quarantine`;
}
