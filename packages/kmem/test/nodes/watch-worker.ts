// A thread of the test of `nodes.watch`: takes memory of both nodes and a lock of the second, and stays until its end.

import { workerData } from "node:worker_threads";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, type HeapHandle } from "../../src/index.ts";
import { Header } from "../../src/layout.ts";
import { headerWord } from "../../src/memory/header.ts";
import { Nodes, type NodesHandle } from "../../src/nodes/index.ts";

export interface NodesWatchOrders {
  readonly handle: NodesHandle;
  /** Set to 1 when the thread has done what it was to do. */
  readonly done: Int32Array<SharedArrayBuffer>;
}

const { handle, done } = workerData as NodesWatchOrders;
const nodes = Nodes.attach(handle, { home: 1 });
nodes.alloc(100);
nodes.allocOn(0, 200);
// The thread's own: it has the heap already.
const { sync, geometry } = layersOf(Heap.attach(nodes.handle.nodes[1] as HeapHandle));
sync.locks.acquire(headerWord(geometry, Header.PAGES_LOCK));
Atomics.store(done, 0, 1);
for (;;) Atomics.wait(done, 0, 1);
