import type { Layers } from "../kmalloc/layers.ts";
import { type ReapOptions, requireReapOptions } from "../kmalloc/reap-options.ts";
import { NOTHING, type ReapReport } from "../kmalloc/reap-report.ts";
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

/** A worker as Node has them, or as a browser does. */
export interface WatchedWorker {
  terminate(): unknown;
  /** Node: tells of the end of the thread. */
  once?(event: "exit", listener: () => void): unknown;
  off?(event: "exit", listener: () => void): unknown;
  /** Node: -1 once the thread has ended. */
  readonly threadId?: number;
}

export interface WatchOptions extends Pick<ReapOptions, "blocks" | "to"> {
  /**
   * Is told what was found, when the thread has ended without a `detach`. Where it could not be done as it was asked
   * for (the slot `to` is nobody's by then, or this heap was detached) blocks are kept, and `problem` says so. What it
   * throws goes to whoever gives the event.
   */
  readonly onReaped?: (report: ReapReport) => void;
}

/** `threadId` of a worker of Node's whose thread has ended. */
const ENDED_THREAD_ID = -1;

/** A handle with a place, as far as a watch needs it. */
export interface OpenedPlace {
  readonly memory: unknown;
  readonly place: Reservation;
}

const WATCH_CHECKS: Checks<WatchOptions> = { blocks: anyValue, to: anyValue, onReaped: requireFunction };

/** How often a browser's watcher looks whether the thread has come. */
const ARRIVAL_INTERVAL_MS = 20;

/** Reaps a slot as the heap does that watches; throws as that does. */
type Reap = (slot: number, options: ReapOptions) => ReapReport;

/**
 * Reaps a slot as soon as the thread that it is reserved for has ended without giving it back, or at once where it has
 * ended already. This thread's own waits for locks notice the end as well, before any event comes. The result ends the
 * watch. Throws BAD_ARGUMENT for a worker or options that are none, and for a reservation of another heap; NO_SLOT for
 * one that is over.
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
  // No event comes any more.
  else if (worker.threadId === ENDED_THREAD_ID) queueMicrotask(onExit);
  else worker.once("exit", onExit);
  return registration(() => {
    isWatching = false;
    worker.off?.("exit", onExit);
  });
}

/** Each option, read once and verified. */
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
 * What an event of the end of a thread leads to. It does not throw: where it cannot be done as it was asked for, blocks
 * are kept, and where this thread cannot reap at all, the slot is dead and left to others.
 */
function reapEnded(layers: Layers, { slot, generation }: Reservation, how: ReapOptions, reap: Reap): ReapReport {
  const { slots, sync } = layers;
  if (sync.beacon.goesOn(slot)) {
    const problem = "the thread that has this slot goes on: the worker that has ended was another one";
    return { ...NOTHING, slot, isFreed: false, problem };
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
      return { ...NOTHING, slot, isFreed: false, problem };
    }
  }
}

/** Why it could not be done; throws on what is no refusal. */
function problemOf(error: unknown): string {
  if (error instanceof KmemError) return error.message;
  throw error;
}

/** Waits until the thread holds its Web Lock, then for the lock. */
function watchByLock(
  { slots, memory, sync }: Layers,
  place: Reservation,
  isWatching: () => boolean,
  onExit: () => void,
): void {
  const { slot, lockName } = place;
  // Node has Web Locks too, but its workers tell of their end by an event.
  const locks = "Worker" in globalThis ? webLocks() : undefined;
  if (locks === undefined) {
    throw new KmemError("BAD_ARGUMENT", "nothing here tells of the end of a worker: no exit event, no Web Locks", {});
  }
  const look = (): void => {
    if (!isWatching() || !slots.isReserved(place) || slots.isFree(slot)) return;
    if (Atomics.load(memory.words, slots.word(slot, SlotRecord.WATCHED)) === 1) void locks.request(lockName, onExit);
    // It may have attached and died before it had its Web Lock.
    else if (slots.isHeld(slot) && sync.beacon.hasExited(slot)) onExit();
    else setTimeout(look, ARRIVAL_INTERVAL_MS);
  };
  look();
}
