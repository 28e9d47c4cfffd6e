import { workerData } from "node:worker_threads";
import { DebugHeap } from "../../src/debug/index.ts";

// Allocates and frees in a debugged heap until it is terminated.

const { handle, gate } = workerData;
const heap = DebugHeap.attach(handle, { quarantineCount: 8, report: () => Atomics.add(gate, 1, 1) });
const cache = heap.openCache("objects");
const held: number[] = [];
Atomics.store(gate, 0, 1);
for (let turn = 1; ; turn++) {
  held.push(heap.alloc(turn % 700), cache.alloc());
  if (turn % 50 === 0) held.push(heap.realloc(heap.alloc(40_000), 60_000));
  if (held.length > 60) for (const address of held.splice(turn % 30, 20)) heap.free(address);
}
