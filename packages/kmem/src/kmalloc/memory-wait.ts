import {
  anyValue,
  badArgument,
  type Check,
  type Checks,
  describeValue,
  reading,
  readOptions,
} from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { assertNoLock } from "../sync/lock-order.ts";
import { isHeld, requireHeld } from "../sync/slot-sync.ts";
import type { KmallocSlowPath } from "./kmalloc.ts";
import type { Layers } from "./layers.ts";

/** What ends a wait: an `AbortSignal`, of which this is all that is used. */
export interface WaitSignal {
  /** Throws the reason once the wait is to end. */
  throwIfAborted(): void;
}

/** How long to wait for memory. */
export interface WaitOptions {
  /** Milliseconds until the wait ends without memory: 0 or more. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait, which throws the signal's reason. A sleeping thread cannot be aborted by its own signal. */
  readonly signal?: WaitSignal | undefined;
}

const requireSignal: Check = (name, value) => {
  const isSignal = reading(name, value, () => typeof (value as WaitSignal).throwIfAborted === "function");
  if (!isSignal) throw badArgument(name, "an AbortSignal", value);
};

/** The checks of {@link WaitOptions}; the timeout is verified when the wait begins. */
export const WAIT_CHECKS: Checks<WaitOptions> = { timeoutMs: anyValue, signal: requireSignal };

/**
 * How often a waiter retries unwoken: a sheaf that its slot was just changing while it was closed has stayed open, and
 * frees into it wake nobody.
 */
const WAIT_POLL_MS = 10;

/** Tries to allocate; 0 if there is no memory. */
type Attempt = () => number;

/**
 * Waiting for memory: GFP_KERNEL. Where nobody waits, a request first reclaims what its slot holds; then it enqueues.
 * The first in the queue closes all sheaves before each attempt; the others sleep until memory is freed, for
 * WAIT_POLL_MS at most. First come, first served: threads in the order of their tickets, and the asynchronous waits of
 * one thread in the order of this queue.
 */
export class MemoryWait {
  readonly #layers: Layers;
  readonly #kmalloc: KmallocSlowPath;
  /** Asynchronous waits of this thread, oldest first. */
  readonly #queue: symbol[] = [];
  /** Waits of this thread that have not ended. */
  #waits = 0;

  constructor(layers: Layers, kmalloc: KmallocSlowPath) {
    this.#layers = layers;
    this.#kmalloc = kmalloc;
  }

  /**
   * Repeats the attempt until it succeeds or the timeout expires, sleeping in between. Returns 0 without memory: at
   * once if no other thread could free any, or if `mayEverSucceed` is false. Throws the signal's reason, and
   * MUST_NOT_BLOCK on a thread that must not block.
   */
  wait(attempt: Attempt, given: WaitOptions, mayEverSucceed = true): number {
    const options = readOptions("options", given, WAIT_CHECKS);
    const deadline = deadlineOf(options);
    const { waiters, locks } = this.#layers.sync;
    if (ASSERTIONS) assertNoLock(locks, "while a thread waits for memory");
    if (!mayEverSucceed) return 0;
    const address = waiters.hasWaiters ? 0 : attempt();
    if (address !== 0) return address;
    this.#waits++;
    try {
      for (;;) {
        waiters.enter();
        const { event } = waiters;
        // Read before the attempt: a thread that frees its blocks and then detaches must not end this wait too early.
        const { isAlone } = waiters;
        const got = this.#attemptIfFirst(attempt);
        const leftMs = deadline - Date.now();
        if (got !== 0 || leftMs <= 0 || isAlone) return got;
        waiters.sleep(event, Math.min(leftMs, WAIT_POLL_MS));
      }
    } finally {
      this.#leave();
    }
  }

  /** As {@link wait}, for a block of a size. */
  waitForBlock(sizeBytes: number, attempt: Attempt, options: WaitOptions): number {
    return this.wait(attempt, options, this.#kmalloc.isBlockSatisfiable(sizeBytes));
  }

  /** As {@link waitForBlock}, without blocking the thread; memory that this thread frees meanwhile ends it, too. */
  async waitAsync(sizeBytes: number, attempt: Attempt, given: WaitOptions): Promise<number> {
    const options = readOptions("options", given, WAIT_CHECKS);
    const deadline = deadlineOf(options);
    const { memory, sync } = this.#layers;
    const { waiters } = sync;
    if (!this.#kmalloc.isBlockSatisfiable(sizeBytes)) return 0;
    const address = waiters.hasWaiters ? 0 : attempt();
    if (address !== 0) return address;
    const place = Symbol("place in the queue");
    this.#queue.push(place);
    this.#waits++;
    try {
      for (;;) {
        // The heap may have been detached while this wait slept.
        requireHeld(memory, sync);
        waiters.enter();
        const { event } = waiters;
        const got = this.#queue[0] === place ? this.#attemptIfFirst(attempt) : 0;
        const leftMs = deadline - Date.now();
        if (got !== 0 || leftMs <= 0) return got;
        await waiters.sleepAsync(event, Math.min(leftMs, WAIT_POLL_MS));
        options.signal?.throwIfAborted();
      }
    } finally {
      this.#queue.splice(this.#queue.indexOf(place), 1);
      this.#leave();
    }
  }

  #attemptIfFirst(attempt: Attempt): number {
    if (!this.#layers.sync.waiters.isFirst) return 0;
    this.#kmalloc.closeAllSheaves();
    return this.#layers.sync.waiters.try(attempt);
  }

  #leave(): void {
    const { memory, sync } = this.#layers;
    if (ASSERTIONS) assert(this.#waits > 0, "a wait of this thread ends that has begun");
    this.#waits--;
    if (isHeld(memory.words, sync)) sync.waiters.leave(this.#waits > 0);
  }
}

/** The time at which a wait ends. Throws BAD_ARGUMENT, and the reason of a signal that is already aborted. */
export function deadlineOf({ timeoutMs = Number.POSITIVE_INFINITY, signal }: WaitOptions): number {
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
    const text = `timeoutMs is a number of milliseconds from 0, not ${describeValue(timeoutMs)}`;
    throw new KmemError("BAD_ARGUMENT", text, { timeoutMs });
  }
  signal?.throwIfAborted();
  return Date.now() + timeoutMs;
}
