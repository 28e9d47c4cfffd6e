// A thread of the test of waiting: allocates in a heap that is full, and tells what it got.
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import type { HeapHandle } from "../../src/heap/handle.ts";
import { Heap } from "../../src/heap/heap.ts";

/** What the thread is told, and what it answers. */
export interface WaitWork {
  readonly handle: HeapHandle;
  readonly sizeBytes: number;
  readonly rounds: number;
}
export interface WaitAnswer {
  readonly address: number;
}

const { handle, sizeBytes, rounds } = workerData as WaitWork;
const heap = Heap.attach(handle);
parentPort?.postMessage("attached");
if (parentPort !== null) await once(parentPort, "message");
for (let round = 0; round < rounds; round++) {
  const answer: WaitAnswer = { address: heap.allocWait(sizeBytes) };
  parentPort?.postMessage(answer);
}
heap.detach();
parentPort?.close();
