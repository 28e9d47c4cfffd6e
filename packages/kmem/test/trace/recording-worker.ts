// A thread that is recorded: it makes blocks, swaps them for those of others, and frees what it gets.
import { parentPort, workerData } from "node:worker_threads";
import { Heap, type HeapHandle } from "../../src/index.ts";
import { recordHeap } from "../../src/trace/index.ts";

/** What a recorded thread is to do. */
export interface RecordingOrders {
  readonly handle: HeapHandle;
  /** Words in each of which a block is, or 0. */
  readonly places: SharedArrayBuffer;
  readonly swapCount: number;
  readonly callCount: number;
  /** What its sizes follow from. */
  readonly seed: number;
}

const SIZE_MAX = 600;
const { handle, places, swapCount, callCount, seed } = workerData as RecordingOrders;
const swapped = new Int32Array(places);
const heap = Heap.attach(handle);
const recording = recordHeap(heap, { callCount });
let state = seed;
for (let count = 0; count < swapCount; count++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  const block = heap.alloc(1 + (state % SIZE_MAX));
  heap.free(Atomics.exchange(swapped, (state >>> 8) % swapped.length, block) >>> 0);
}
recording?.stop();
parentPort?.postMessage(recording !== undefined);
