// A thread of the tests of `watchWorker`: works on a heap until it is ended in the way that it is told.

import { workerData } from "node:worker_threads";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, type HeapHandle } from "../../src/index.ts";
import { Header } from "../../src/layout.ts";
import { headerWord } from "../../src/memory/header.ts";

export interface WatchOrders {
  readonly handle: HeapHandle;
  readonly end: "detach" | "return" | "throw" | "hold";
  /** Set to 1 when the thread has done what it was to do. */
  readonly done: Int32Array<SharedArrayBuffer>;
}

const { handle, end, done } = workerData as WatchOrders;
const heap = Heap.attach(handle);
heap.alloc(100);
heap.pages.alloc(2);
if (end === "hold") {
  const { sync, geometry } = layersOf(heap);
  sync.locks.acquire(headerWord(geometry, Header.PAGES_LOCK));
}
if (end === "detach") heap.detach();
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
if (end === "throw") throw new Error("as it was told");
// Busy for ever, so that only `terminate` ends it.
if (end === "hold") for (;;) Atomics.add(done, 1, 1);
