import type { Layers } from "../kmalloc/layers.ts";
import { type ReapOptions, requireReapOptions } from "../kmalloc/reap-options.ts";
import { EMPTY_REPORT, type ReapReport } from "../kmalloc/reap-report.ts";
import {
  anyValue,
  type Checks,
  readOptions,
  requireFunction,
  requireFunctions,
  requireOptionalFunction,
} from "../memory/arguments.ts";
import { type Registration, registration } from "../memory/dispose.ts";
import { KmemError } from "../memory/errors.ts";
import { SlotRecord } from "../sync/layout.ts";
import { type Reservation, webLocks } from "../sync/reservation.ts";

/** A worker of Node or of a browser. */
export interface WatchedWorker {
  /** Ends the thread. Both kinds of workers have it; a watch does not call it. */
  terminate(): unknown;
  /** Node: registers a listener for the end of the thread. */
  once?(event: "exit", listener: () => void): unknown;
  /** Node: takes a listener for the end of the thread away. */
  off?(event: "exit", listener: () => void): unknown;
  /** Node: -1 once the thread has ended. */
  readonly threadId?: number;
}

/** What happens when a watched thread has ended: what becomes of its blocks, and who hears of it. */
export interface WatchOptions extends Pick<ReapOptions, "blocks" | "to"> {
  /**
   * Receives a report when the worker has ended and the slot was not released. `problem` says why less was done: the
   * options could not be followed (the slot `to` has been released), so that blocks are kept; this thread could not
   * reap (this heap was detached), so that the slot is marked dead; or the slot's thread is another one, and alive. An
   * error that it throws propagates to the source of the exit event.
   */
  readonly onReaped?: (report: ReapReport) => void;
}

/** `threadId` of a worker of Node's whose thread has ended. */
const ENDED_THREAD_ID = -1;

/** The part of a handle with a reserved slot that a watch needs. */
export interface OpenedPlace {
  readonly memory: unknown;
  readonly place: Reservation;
}

const WATCH_CHECKS: Checks<WatchOptions> = { blocks: anyValue, to: anyValue, onReaped: requireFunction };

/** How often a browser's watcher checks whether the thread has attached. */
const ATTACH_INTERVAL_MS = 20;
/** The delay between the grant of the thread's Web Lock and the question whether the thread is gone; how it grows. */
const EXIT_DELAY_MS = 20;
const EXIT_DELAY_FACTOR = 1.5;
const EXIT_DELAY_MAX_MS = 1000;

/** Reaps a slot as the watching heap's `reapSlot` does; throws the same errors. */
type Reap = (slot: number, options: ReapOptions) => ReapReport;

/**
 * Reaps a reserved slot as soon as its thread ends without releasing it, or at once if the thread has ended already.
 * Waits of this thread for locks detect the death as well, before any event arrives. A browser does not tell of a
 * worker that ends before it has attached. The result ends the watch. Throws BAD_ARGUMENT for an invalid worker or
 * options, and for a reservation in another heap; NO_SLOT for a reservation that is over.
 */
export function watchPlace(
  layers: Layers,
  worker: WatchedWorker,
  { memory, place }: OpenedPlace,
  options: WatchOptions,
  reap: Reap,
): Registration {
  const { onReaped, ...how } = readWatchOptions(layers, place.slot, options);
  requireFunctions("worker", worker, ["terminate"]);
  requireOptionalFunction("worker.once", worker.once);
  requireReserved(layers, memory, place);
  const { slots } = layers;
  let isWatching = true;
  const onExit = (): void => {
    if (!isWatching) return;
    isWatching = false;
    if (!slots.isReserved(place) || slots.isFree(place.slot)) return;
    const report = reapEnded(layers, place, how, reap);
    onReaped?.(report);
  };
  if (worker.once === undefined) watchByLock(layers, place, () => isWatching, onExit);
  // The thread has ended already: no event will come.
  else if (worker.threadId === ENDED_THREAD_ID) queueMicrotask(onExit);
  else worker.once("exit", onExit);
  return registration(() => {
    isWatching = false;
    worker.off?.("exit", onExit);
  });
}

/** Reads each option once and verifies it. */
function readWatchOptions(layers: Layers, slot: number, options: WatchOptions): WatchOptions {
  const { onReaped, ...how } = readOptions("options", options, WATCH_CHECKS);
  requireReapOptions(layers, slot, how);
  return onReaped === undefined ? how : { ...how, onReaped };
}

function requireReserved({ memory, slots }: Layers, source: unknown, place: Reservation): void {
  const { slot, generation } = place;
  if (slots.isReserved(place) && !slots.isFree(slot)) return;
  const isOwn = source === memory.source;
  const text = isOwn
    ? `slot ${slot} is not reserved by this handle any more: its thread has detached, or was reaped`
    : `slot ${slot} is not reserved by this handle: it is another heap's, or its thread has detached, or was reaped`;
  throw new KmemError(isOwn ? "NO_SLOT" : "BAD_ARGUMENT", text, { slot, generation });
}

/**
 * Handles the end of a thread, and throws no KmemError: if the options cannot be followed, blocks are kept; if this
 * thread cannot reap at all, the slot is marked dead, for other threads to reap.
 */
function reapEnded(layers: Layers, { slot, generation }: Reservation, how: ReapOptions, reap: Reap): ReapReport {
  const { slots, sync } = layers;
  if (sync.beacon.isAlive(slot)) {
    const problem = "the thread that has this slot goes on: the worker that has ended was another one";
    return { ...EMPTY_REPORT, slot, isFreed: false, problem };
  }
  try {
    return reap(slot, { ...how, generation });
  } catch (error) {
    const problem = problemOf(error);
    try {
      return { ...reap(slot, { blocks: "keep", generation }), problem };
    } catch (second) {
      problemOf(second);
      slots.markDead(slot, generation);
      return { ...EMPTY_REPORT, slot, isFreed: false, problem };
    }
  }
}

/** The message of a KmemError; rethrows any other error. */
function problemOf(error: unknown): string {
  if (error instanceof KmemError) return error.message;
  throw error;
}

/**
 * Polls until the thread holds its Web Lock, then requests that lock. A browser may release it just before the thread's
 * last instruction, so that from its grant on this polls until the thread is gone.
 */
function watchByLock(
  { slots, memory, sync }: Layers,
  place: Reservation,
  isWatching: () => boolean,
  onExit: () => void,
): void {
  const { slot, lockName } = place;
  // Node has Web Locks, too, but its workers signal their end by an event.
  const locks = "Worker" in globalThis ? webLocks() : undefined;
  if (locks === undefined) {
    throw new KmemError("BAD_ARGUMENT", "nothing here tells of the end of a worker: no exit event, no Web Locks", {});
  }
  const pollExit = (delayMs: number): void => {
    if (!isWatching() || !slots.isReserved(place) || slots.isFree(slot)) return;
    if (!sync.beacon.isAlive(slot)) onExit();
    else setTimeout(pollExit, delayMs, Math.min(EXIT_DELAY_MAX_MS, delayMs * EXIT_DELAY_FACTOR));
  };
  const pollAttach = (): void => {
    if (!isWatching() || !slots.isReserved(place) || slots.isFree(slot)) return;
    if (Atomics.load(memory.words, slots.word(slot, SlotRecord.WATCHED)) === 1)
      void locks.request(lockName, () => pollExit(EXIT_DELAY_MS));
    // The thread may have attached and died before it acquired its Web Lock.
    else if (slots.isHeld(slot) && sync.beacon.hasExited(slot)) onExit();
    else setTimeout(pollAttach, ATTACH_INTERVAL_MS);
  };
  pollAttach();
}
