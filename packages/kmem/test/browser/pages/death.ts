// Workers of a page that are terminated while they hold blocks and locks.

import { blocksOf, checkHeap, Heap, heapStats, type ReapReport, reapSlot, watchWorker } from "kmem";
import { layersOf } from "../../../dist/heap/access.js";
import { Ticks } from "./turns.ts";
import { WorkerThread } from "./worker-thread.ts";

const HEAP_BYTES = 4 * 1024 * 1024;
const BLOCK_BYTES = 64 * 1024;
const LARGE_BYTES = 100_000;
const SOME_TICKS = 10;

interface Recovery {
  readonly slot: number;
  readonly blocks: number;
  readonly isFreed: boolean;
  readonly heldSlots: number;
  readonly left: readonly unknown[];
}

function recovery(heap: Heap, { slot, blocks, isFreed }: ReapReport): Recovery {
  const left = [...blocksOf(heap), ...checkHeap(heap).findings];
  return { slot, blocks: blocks.length, isFreed, heldSlots: heapStats(heap).heldSlots, left };
}

/** The page watches a worker that has taken all the memory, and terminates it. */
export async function reapTerminated(): Promise<{ taken: number; recovered: Recovery }> {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const handle = heap.reserve();
  const worker = new WorkerThread();
  const reaped = new Promise<ReapReport>((resolve) => {
    watchWorker(heap, worker.worker, handle, { blocks: "free", onReaped: resolve });
  });
  await worker.call("attach", handle);
  const taken = await worker.call("takeAll", BLOCK_BYTES);
  worker.terminate();
  return { taken, recovered: recovery(heap, await reaped) };
}

/** The page itself waits for the lock of a worker that it has terminated, and that nobody watches. */
export async function inheritLock(): Promise<{ isThere: boolean; recovered: Recovery }> {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const worker = new WorkerThread();
  const ticks = new Ticks();
  const slot = await worker.call("attach", heap.handle);
  const done = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  void worker.call("holdLockForEver", done.buffer);
  while (Atomics.load(done, 0) === 0) await ticks.more(1);
  worker.terminate();
  // A browser ends a busy worker by a timer of the page, so the page must not block before.
  while (!layersOf(heap).sync.beacon.hasExited(slot)) await ticks.more(SOME_TICKS);
  ticks.stop();
  const block = heap.alloc(LARGE_BYTES);
  const isThere = block !== 0;
  heap.free(block);
  return { isThere, recovered: recovery(heap, reapSlot(heap, slot)) };
}
