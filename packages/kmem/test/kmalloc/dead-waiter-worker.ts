// A thread that waits for memory until it is ended: asleep, or in its event loop.
import { parentPort, workerData } from "node:worker_threads";
import type { HeapHandle } from "../../src/heap/handle.ts";
import { Heap } from "../../src/heap/heap.ts";

export interface DeadWaiterWork {
  readonly handle: HeapHandle;
  readonly isAsync: boolean;
}

const { handle, isAsync } = workerData as DeadWaiterWork;
const heap = Heap.attach(handle);
parentPort?.postMessage(heap.slot);
if (isAsync) await heap.allocAsync(300_000);
else heap.allocWait(300_000);
