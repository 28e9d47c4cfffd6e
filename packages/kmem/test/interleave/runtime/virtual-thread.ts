import type { PendingAccess, Place } from "./access.ts";

export type ThreadState =
  /** It has an access to make. */
  | "ready"
  /** It spins: nothing changes for it before somebody writes to what it has read. */
  | "paused"
  /** It sleeps in Atomics.wait. */
  | "asleep"
  /** It has been notified and may go on. */
  | "woken"
  | "finished"
  /** It has been stopped for ever, as a worker that is terminated. */
  | "killed";

/** What the body of a virtual thread is: the steps form of some function. */
export type ThreadBody = Iterator<unknown, unknown>;

/** A read and what it found. */
export interface Watched extends Place {
  readonly target: unknown;
  readonly index: number;
  readonly seen: unknown;
}

/** One of the threads that take turns. */
export class VirtualThread {
  readonly number: number;
  /** The bit that stands for it in sets of threads. */
  readonly bit: number;
  readonly body: ThreadBody;
  state: ThreadState = "ready";
  pending: PendingAccess | undefined;
  /** Numbers all accesses of the thread, shared or not, from 1: the pending one's while it is stopped at one. */
  ordinal = 0;
  /** In a replay: the access to stop at; 0 stops at none. */
  stopAt = 0;
  /** Stores made so far, and the number of them after which the thread is killed. */
  stores = 0;
  /** Where each of them stands in the sources. */
  readonly storeSites: number[] = [];
  killAfterStores: number = Number.POSITIVE_INFINITY;
  /** The last reads of the thread since it wrote or paused: what it waits for when it pauses. */
  watched: Watched[] = [];
  /** Number of the event that let it go on, -1 for none. */
  releasedBy = -1;
  timeoutMs: number = Number.POSITIVE_INFINITY;
  /** Sleeps that ended by their timeout. */
  timeouts = 0;
  result: unknown;
  error: unknown;
  /** Ordinal at which the step that runs now began, to tell endless loops. */
  stepBegan = 0;

  constructor(number: number, body: ThreadBody) {
    this.number = number;
    this.bit = 1 << number;
    this.body = body;
  }

  get isOver(): boolean {
    return this.state === "finished" || this.state === "killed";
  }
}
