import { KmemError } from "../memory/errors.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { LockWord } from "./layout.ts";

/** Looks at the lock before a waiter goes to sleep. */
const SPIN_LIMIT = 200;

/** A hint to the processor that the thread spins; engines of 2024 and before have none. */
const pause: (() => void) | undefined = (Atomics as { pause?: () => void }).pause;

/**
 * The queuing spin lock of the GIET-VM page: each comer draws a ticket, and tickets are served in order, so that
 * whoever came first goes first. A waiter spins for a while, then sleeps where its thread may; one that must not block
 * keeps spinning. Tickets wrap at 2^32. Any number of threads; not re-entrant.
 */
export class TicketLock {
  readonly #memory: LinearMemory;
  readonly #word: number;

  /** A lock whose words start at byte `address`, a multiple of 4. Zeroed words are a free lock. */
  constructor(memory: LinearMemory, address: number) {
    this.#memory = memory;
    this.#word = address >>> WORD_SHIFT;
  }

  /** Whether somebody holds the lock or waits for it. */
  get isHeld(): boolean {
    return this.#load(LockWord.CURRENT) !== this.#load(LockWord.FREE);
  }

  /** The number of who holds the lock, 0 while nobody does. */
  get owner(): number {
    return this.#load(LockWord.OWNER);
  }

  /**
   * Draws a ticket and returns once it is served. `owner` is not 0. Throws BAD_ARGUMENT, with nothing changed, for a
   * held lock in memory that no other thread can reach: it would never be released.
   */
  acquire(owner: number): void {
    const { words } = this.#memory;
    const isShared = typeof SharedArrayBuffer !== "undefined" && words.buffer instanceof SharedArrayBuffer;
    if (!isShared && this.isHeld) {
      throw new KmemError("BAD_ARGUMENT", "the lock is held, in memory that no other thread shares", {
        owner: this.owner,
      });
    }
    const current = this.#word + LockWord.CURRENT;
    const ticket = Atomics.add(words, this.#word + LockWord.FREE, 1);
    let spins = 0;
    for (let served = Atomics.load(words, current); served !== ticket; served = Atomics.load(words, current)) {
      if (++spins < SPIN_LIMIT) pause?.();
      else sleepWhile(words, current, served);
    }
    Atomics.store(words, this.#word + LockWord.OWNER, owner);
  }

  /** Lets the next ticket in. The caller holds the lock. */
  release(): void {
    const { words } = this.#memory;
    const current = this.#word + LockWord.CURRENT;
    Atomics.store(words, this.#word + LockWord.OWNER, 0);
    Atomics.add(words, current, 1);
    // Sleepers wait for one word and cannot be told apart: all of them wake and look for their ticket.
    Atomics.notify(words, current);
  }

  #load(field: number): number {
    return Atomics.load(this.#memory.words, this.#word + field);
  }
}

function sleepWhile(words: Int32Array, index: number, value: number): void {
  try {
    Atomics.wait(words, index, value);
  } catch (error) {
    // A thread that must not block, a page's main thread, gets this error; it spins instead.
    if (!(error instanceof TypeError)) throw error;
  }
}
