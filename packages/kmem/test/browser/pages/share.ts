// A heap that the page shares with dedicated workers.

import { type ByteStats, checkHeap, Heap, type HeapOptions, heapStats } from "kmem";
import { Barter, type BarterResult } from "./barter.ts";
import { Board } from "./board.ts";
import { freeFilled, makeFilled } from "./filled-blocks.ts";
import { workInTurns } from "./turns.ts";
import { WorkerThread } from "./worker-thread.ts";

/** What a heap looks like from outside. */
export interface Picture {
  readonly endAddress: number;
  readonly liveBlocks: number;
  readonly bytes: ByteStats;
}

/** How a test of many threads went. */
export interface Outcome {
  /** The page's own part, then each worker's. */
  readonly parts: readonly BarterResult[];
  readonly before: Picture;
  readonly after: Picture;
  readonly findings: readonly unknown[];
}

const TRADES_PER_TURN = 64;

export function pictureOf(heap: Heap): Picture {
  const { endAddress, liveBlocks, bytes } = heapStats(heap);
  return { endAddress, liveBlocks, bytes };
}

/** Starts workers that are attached to the heap. */
async function startWorkers(heap: Heap, count: number): Promise<WorkerThread[]> {
  const workers = Array.from({ length: count }, () => new WorkerThread());
  await Promise.all(workers.map((worker) => worker.call("attach", heap.handle)));
  return workers;
}

async function stopWorkers(workers: readonly WorkerThread[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.call("detach")));
  for (const worker of workers) worker.terminate();
}

/**
 * The page and its workers trade blocks of up to `limitBytes`, each until all have freed `foreignFrees` blocks of
 * others. Then everything is freed, the workers leave, and the page looks at what there is.
 */
export async function tradeWithWorkers(
  options: HeapOptions,
  { workerCount, limitBytes, foreignFrees }: { workerCount: number; limitBytes: number; foreignFrees: number },
): Promise<Outcome> {
  const heap = Heap.create(options);
  const before = pictureOf(heap);
  const workers = await startWorkers(heap, workerCount);
  const board = new Board();
  const others = workers.map((worker, index) => worker.call("barter", board.memory, index + 1, limitBytes));
  const own = new Barter(heap, board, 0, limitBytes);
  const work = workInTurns(
    () => own.trade(TRADES_PER_TURN),
    () => board.slowest(workerCount + 1) >= foreignFrees,
  ).finally(() => board.end());
  // A worker that fails says so at once; the page would wait for it for ever.
  const [parts] = await Promise.all([Promise.all(others), work]);
  own.clearBoard();
  await stopWorkers(workers);
  heap.trim();
  return { parts: [own.result, ...parts], before, after: pictureOf(heap), findings: checkHeap(heap).findings };
}

/** How it went when the page and a worker took turns to grow the heap. */
export interface Growth {
  /** The end of the heap at first, then after each turn, as the page sees it. */
  readonly endAddresses: readonly number[];
  /** Blocks that were not as their maker had left them. */
  readonly spoilt: readonly number[];
  readonly liveBlocks: number;
  readonly findings: readonly unknown[];
}

/**
 * A worker makes blocks that the memory must grow for, and the page verifies and frees them; then the other way about,
 * with twice as many.
 */
export async function growInTurns(options: HeapOptions, count: number, sizeBytes: number): Promise<Growth> {
  const heap = Heap.create(options);
  const workers = await startWorkers(heap, 1);
  const [worker] = workers as [WorkerThread];
  const endAddresses = [heapStats(heap).endAddress];

  const fromWorker = await worker.call("makeFilled", count, sizeBytes);
  endAddresses.push(heapStats(heap).endAddress);
  const spoiltFromWorker = freeFilled(heap, fromWorker, sizeBytes);

  const fromPage = makeFilled(heap, 2 * count, sizeBytes);
  endAddresses.push(heapStats(heap).endAddress);
  const spoiltFromPage = await worker.call("freeFilled", fromPage, sizeBytes);

  await stopWorkers(workers);
  heap.trim();
  const spoilt = [...spoiltFromWorker, ...spoiltFromPage];
  return { endAddresses, spoilt, liveBlocks: heapStats(heap).liveBlocks, findings: checkHeap(heap).findings };
}
