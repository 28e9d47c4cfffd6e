import { hrtime } from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import type { ThreadHeapModule } from "./thread-heap.ts";
import { awaitValue, setValue } from "./work/list-ring.ts";
import { AMOUNT, IS_LAST, PHASE, turnWord } from "./work/shared-state.ts";
import { Work, type WorkThread } from "./work/work.ts";
import { findWorkload } from "./workloads.ts";

// A thread of a run: attaches the heap, does its part in each phase when its turn has come, detaches after the last.

/** What a thread is started with. */
export interface WorkerSetting {
  readonly moduleUrl: string;
  readonly handle: unknown;
  readonly shared: Int32Array<SharedArrayBuffer>;
  readonly workload: string;
  readonly laneCount: number;
  readonly number: number;
}

/** What a thread tells: that it is ready (nothing more), or that it has done its part of a phase. */
export interface WorkerReport {
  readonly startNs: number;
  readonly endNs: number;
  readonly work: Work;
}

const { moduleUrl, handle, shared, laneCount, number, ...setting } = workerData as WorkerSetting;
const workload = findWorkload(setting.workload);
const { generationCount } = workload;
const { attachHeap } = (await import(moduleUrl)) as ThreadHeapModule;
const heap = attachHeap(handle);
const { alloc, free } = heap;
const work = new Work();
const lane = number % laneCount;
const generation = Math.floor(number / laneCount);
const words = new Int32Array(heap.buffer);
const thread: WorkThread = { alloc, free, words, shared, lane, laneCount, generation, generationCount, work };

parentPort?.postMessage(undefined);
for (let phase = 1, isLast = false; !isLast; phase += 1) {
  const turn = (phase - 1) * generationCount + generation;
  awaitValue(shared, PHASE, phase);
  awaitValue(shared, turnWord(lane), turn);
  isLast = shared[IS_LAST] === 1;
  work.start(number);
  const startNs = Number(hrtime.bigint());
  workload.run(thread, shared[AMOUNT]!);
  const endNs = Number(hrtime.bigint());
  setValue(shared, turnWord(lane), turn + 1);
  parentPort?.postMessage({ startNs, endNs, work } satisfies WorkerReport);
}
heap.detach();
