// Loads the built library in a page and in a worker of it.

import { blocksOf, checkHeap, Heap } from "kmem";
import type { Loaded } from "./load-entries.ts";
import { WorkerThread } from "./worker-thread.ts";

export { loadEntries } from "./load-entries.ts";

export async function loadEntriesInWorker(paths: readonly string[]): Promise<Loaded> {
  const thread = new WorkerThread();
  try {
    return await thread.call("loadEntries", paths);
  } finally {
    thread.terminate();
  }
}

/** Uses a heap of this page's own; gives the blocks that were spoilt, those left over, and what the check finds. */
export function useHeap(options: { shared: boolean }): unknown {
  const heap = Heap.create(options);
  const blocks = Array.from({ length: 1000 }, (_, index) => heap.alloc(index + 1));
  for (const [index, block] of blocks.entries()) heap.u8(block).fill(index);
  const spoilt = blocks.filter((block, index) => heap.u8(block).some((byte) => byte !== index % 256));
  for (const block of blocks) heap.free(block);
  return { memoryKind: heap.memoryKind, spoilt, left: [...blocksOf(heap)], findings: checkHeap(heap).findings };
}
