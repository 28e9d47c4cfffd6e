import { KmemError } from "../memory/errors.ts";
import { SlotRecord } from "../sync/layout.ts";
import { type Reservation, webLocks } from "../sync/reservation.ts";
import type { Layers } from "./layers.ts";
import type { ReapOptions, ReapReport } from "./reap.ts";

/** A worker as Node has them, or as a browser does. */
export interface WatchedWorker {
  terminate(): unknown;
  /** Node: tells of the end of the thread. */
  once?(event: "exit", listener: () => void): unknown;
}

export interface WatchOptions extends ReapOptions {
  /** Is told what was found, when the thread has ended without a `detach`. */
  readonly onReaped?: (report: ReapReport) => void;
}

/** How often a browser's watcher looks whether the thread has come. */
const ARRIVAL_INTERVAL_MS = 20;

/**
 * Reaps a slot as soon as the thread that it is reserved for has ended without giving it back. This thread's own waits
 * for locks notice the end as well, before any event comes. The result ends the watch.
 */
export function watchWorker(
  layers: Layers,
  worker: WatchedWorker,
  { slot, generation, lockName }: Reservation,
  { onReaped, ...options }: WatchOptions,
  reap: (slot: number, options: ReapOptions) => ReapReport,
): () => void {
  const { slots } = layers;
  let isWatching = true;
  const end = (): void => {
    isWatching = false;
  };
  const settle = (): void => {
    if (!isWatching) return;
    end();
    if (slots.generation(slot) !== generation || slots.isFree(slot)) return;
    const report = reap(slot, { ...options, generation });
    onReaped?.(report);
  };
  if (worker.once !== undefined) worker.once("exit", settle);
  else watchByLock(layers, { slot, generation, lockName }, () => isWatching, settle);
  return end;
}

/** Waits until the thread holds its Web Lock, then for the lock. */
function watchByLock(
  { slots, memory, sync }: Layers,
  { slot, generation, lockName }: Reservation,
  isWatching: () => boolean,
  settle: () => void,
): void {
  // Node has Web Locks too, but its workers tell of their end by an event.
  const locks = "Worker" in globalThis ? webLocks() : undefined;
  if (locks === undefined) {
    throw new KmemError("BAD_ARGUMENT", "nothing here tells of the end of a worker: no exit event, no Web Locks", {});
  }
  const look = (): void => {
    if (!isWatching() || slots.generation(slot) !== generation || slots.isFree(slot)) return;
    if (Atomics.load(memory.words, slots.word(slot, SlotRecord.WATCHED)) === 1) void locks.request(lockName, settle);
    // It may have attached and died before it had its Web Lock.
    else if (slots.isHeld(slot) && sync.life.isOver(slot)) settle();
    else setTimeout(look, ARRIVAL_INTERVAL_MS);
  };
  look();
}
