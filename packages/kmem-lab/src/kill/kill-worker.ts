import { parentPort, workerData } from "node:worker_threads";
import { type Heap, type HeapHandle, OutOfMemoryError } from "kmem";
import { HEAP_CONFIGS, type HeapConfig } from "./heap-configs.ts";
import { OPERATIONS, recordWord, SharedState, ThreadRecord } from "./shared-state.ts";
import { Workload, type WorkloadSettings } from "./workload.ts";

// A thread of a campaign. A victim works until it is terminated; some detach before, and may be killed while they do. A
// survivor works until it is told to stop, and pauses when it is told to.

/** What a thread is started with. */
export interface WorkerOptions extends WorkloadSettings {
  readonly handle: HeapHandle;
  /** Operations after which a victim frees all that it holds and detaches. */
  readonly detachAfter: number;
}

/** How often a paused survivor looks again, should it miss the notification. */
const PAUSE_MS = 50;
/** A victim that finds no memory when it attaches tries again so much later. */
const TRY_AGAIN_MS = 1;

const options = workerData as WorkerOptions;
const { isSurvivor, handle, shared, thread, detachAfter } = options;
const config = HEAP_CONFIGS.find(({ name }) => name === options.config) as HeapConfig;

/** Counted in the shared state too: a message of a thread that is killed may be lost. */
function onBug(bug: string): void {
  Atomics.add(shared, SharedState.BUG_REPORTS, 1);
  parentPort?.postMessage({ bug });
}

function note(operation: (typeof OPERATIONS)[number]): void {
  Atomics.store(shared, recordWord(thread, ThreadRecord.OPERATION), OPERATIONS.indexOf(operation));
}

/** Notes that this thread is ready, and waits until it may start. */
function awaitStart(): void {
  Atomics.store(shared, recordWord(thread, ThreadRecord.READY), 1);
  Atomics.wait(shared, recordWord(thread, ThreadRecord.START), 0);
}

function victim(): void {
  awaitStart();
  note("attach");
  const heap = attach();
  const workload = new Workload(heap, options);
  for (let count = 0; count < detachAfter; count++) workload.runOne();
  workload.freeAll();
  note("detach");
  heap.detach();
  note("detached");
}

/** Tries as long as there are no pages for the slot: that is an ordinary result where memory is short. */
function attach(): Heap {
  for (;;) {
    try {
      return config.attach(handle, onBug);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    Atomics.wait(shared, recordWord(thread, ThreadRecord.START), 1, TRY_AGAIN_MS);
  }
}

function survivor(): void {
  const heap = config.attach(handle, onBug);
  const workload = new Workload(heap, options);
  awaitStart();
  while (Atomics.load(shared, SharedState.STOP) === 0) {
    workload.runOne();
    pauseIfAsked(workload);
  }
  awaitOthers();
  workload.freeAll();
  heap.detach();
}

/** Waits until no survivor works any more: each gives blocks to the slots of the others. */
function awaitOthers(): void {
  Atomics.add(shared, SharedState.FINISHING, 1);
  Atomics.notify(shared, SharedState.FINISHING);
  for (;;) {
    const count = Atomics.load(shared, SharedState.FINISHING);
    if (count === options.survivorSlots.length) return;
    Atomics.wait(shared, SharedState.FINISHING, count, PAUSE_MS);
  }
}

/** Pauses while the heap is audited, when that is due. */
function pauseIfAsked(workload: Workload): void {
  const number = Atomics.load(shared, SharedState.PAUSE);
  if (number % 2 === 0) return;
  workload.verify();
  Atomics.add(shared, SharedState.PAUSED, 1);
  while (Atomics.load(shared, SharedState.PAUSE) === number) Atomics.wait(shared, SharedState.PAUSE, number, PAUSE_MS);
  Atomics.sub(shared, SharedState.PAUSED, 1);
}

if (isSurvivor) survivor();
else victim();
