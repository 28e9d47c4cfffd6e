// Waiting for memory in a page, which must never be blocked.

import { blocksOf, checkHeap, Heap } from "kmem";
import { type Refusal, refusal, rejection } from "./refusal.ts";
import { Ticks } from "./turns.ts";
import { WorkerThread } from "./worker-thread.ts";

const HEAP_BYTES = 4 * 1024 * 1024;
const BLOCK_BYTES = 64 * 1024;
/** Longer than any test takes: such a wait ends for another reason. */
const LONG_MS = 3_600_000;
const SHORT_MS = 200;
const SOME_TICKS = 10;

/** A heap without a free block in it, all of them held by a worker. */
interface FullHeap {
  readonly heap: Heap;
  readonly worker: WorkerThread;
  readonly ticks: Ticks;
  /** Frees everything and gives what the check finds. */
  end(): Promise<readonly unknown[]>;
}

async function fullHeap(): Promise<FullHeap> {
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const worker = new WorkerThread();
  const ticks = new Ticks();
  await worker.call("attach", heap.handle);
  await worker.call("takeAll", BLOCK_BYTES);
  const end = async (): Promise<readonly unknown[]> => {
    ticks.stop();
    await worker.call("releaseAll");
    await worker.call("detach");
    worker.terminate();
    return [...blocksOf(heap), ...checkHeap(heap).findings];
  };
  return { heap, worker, ticks, end };
}

/** Whether a promise is settled after the timer has had some turns. */
async function isSettledAfterTicks(promise: Promise<unknown>, ticks: Ticks): Promise<boolean> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  await ticks.more(SOME_TICKS);
  return isSettled;
}

/** The page waits for memory with `allocAsync`; the worker frees what it has. */
export async function waitForWorker(): Promise<unknown> {
  const { heap, worker, ticks, end } = await fullHeap();
  const isFull = refusal(() => heap.alloc(BLOCK_BYTES))?.code === "OUT_OF_MEMORY";
  const waiting = heap.allocAsync(BLOCK_BYTES, { timeoutMs: LONG_MS });
  const settledBeforeFree = await isSettledAfterTicks(waiting, ticks);
  await worker.call("releaseAll");
  const block = await waiting;
  const usable = heap.usableSize(block) >= BLOCK_BYTES;
  heap.free(block);
  return { isFull, settledBeforeFree, usable, left: await end() };
}

/**
 * A wait that times out while nobody frees anything, and the turns that the timer had meanwhile. A page that the system
 * lets stand for longer than that has none: then it waits again.
 */
export async function waitTooLong(): Promise<{
  refused: Refusal | undefined;
  ticks: number;
  left: readonly unknown[];
}> {
  const { heap, ticks, end } = await fullHeap();
  const ticksBefore = ticks.count;
  let refused: Refusal | undefined;
  do refused = await rejection(heap.allocAsync(BLOCK_BYTES, { timeoutMs: SHORT_MS }));
  while (refused !== undefined && ticks.count === ticksBefore);
  return { refused, ticks: ticks.count - ticksBefore, left: await end() };
}

/** A wait that is given up, and one that was given up before it began. */
export async function waitUntilAborted(): Promise<unknown> {
  const { heap, ticks, end } = await fullHeap();
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = heap.allocAsync(BLOCK_BYTES, { timeoutMs: LONG_MS, signal });
  const settledBeforeAbort = await isSettledAfterTicks(waiting, ticks);
  const reason = new Error("the user has gone");
  controller.abort(reason);
  const isReason = (error: unknown): boolean => error === reason;
  const rejections = [await waiting.catch(isReason), await heap.allocAsync(BLOCK_BYTES, { signal }).catch(isReason)];
  return { settledBeforeAbort, rejections, left: await end() };
}

/** `allocWait` in the page: where there is no memory, and where there is. */
export async function blockingWait(): Promise<{
  whenFull: Refusal | undefined;
  whenFree: Refusal | undefined;
  left: readonly unknown[];
}> {
  const { heap, worker, end } = await fullHeap();
  const whenFull = refusal(() => heap.allocWait(BLOCK_BYTES, { timeoutMs: LONG_MS }));
  await worker.call("releaseAll");
  const whenFree = refusal(() => heap.free(heap.allocWait(BLOCK_BYTES, { timeoutMs: LONG_MS })));
  return { whenFull, whenFree, left: await end() };
}

/** A worker sleeps in `allocWait` until the page frees a block. */
export async function waitInWorker(): Promise<unknown> {
  const { heap, worker, ticks, end } = await fullHeap();
  await worker.call("releaseAll");
  const held: number[] = [];
  for (let block = heap.tryAlloc(BLOCK_BYTES); block !== 0; block = heap.tryAlloc(BLOCK_BYTES)) held.push(block);
  const waiting = worker.call("allocWait", BLOCK_BYTES, LONG_MS);
  const settledBeforeFree = await isSettledAfterTicks(waiting, ticks);
  for (const block of held) heap.free(block);
  heap.free(await waiting);
  return { settledBeforeFree, left: await end() };
}
