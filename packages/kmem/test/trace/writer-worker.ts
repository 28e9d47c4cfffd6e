// A thread that writes events to a ring until it is told to stop, or killed.
import { parentPort, workerData } from "node:worker_threads";
import { Heap, type HeapHandle } from "../../src/index.ts";
import { openTraceRing } from "../../src/trace/index.ts";
import { NUMBERS_APART, writeNumber } from "./support.ts";

/** What a writer is to do. */
export interface WriterOrders {
  readonly handle: HeapHandle;
  readonly address: number;
  /** Its events have {@link NUMBERS_APART} numbers from here on, again and again. */
  readonly firstNumber: number;
  /** A word that is not 0 once it is to stop. */
  readonly stop: SharedArrayBuffer;
}

const { handle, address, firstNumber, stop } = workerData as WriterOrders;
const stopWord = new Int32Array(stop);
const heap = Heap.attach(handle);
const ring = openTraceRing(heap, address);
parentPort?.postMessage("ready");
let count = 0;
for (; Atomics.load(stopWord, 0) === 0; count++) writeNumber(ring, firstNumber + (count % NUMBERS_APART));
heap.detach();
parentPort?.postMessage(count);
