import { parentPort, workerData } from "node:worker_threads";
import { DebugHeap } from "../../src/debug/index.ts";
import type { HeapHandle } from "../../src/index.ts";
import { depotOf } from "./depot-of.ts";

const { handle, texts } = workerData as { handle: HeapHandle; texts: readonly string[] };
const heap = DebugHeap.attach(handle);
const depot = depotOf(heap);
const ids = texts.map((text) => depot.idOf(text));
// The thread is terminated as soon as it has answered.
heap.detach();
parentPort?.postMessage(ids);
