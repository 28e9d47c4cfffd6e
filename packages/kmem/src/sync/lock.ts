import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { LockBits } from "./layout.ts";
import type { LockOrder } from "./lock-order.ts";

const free = LockBits.FREE;
const waited: number = LockBits.WAITED;

/** Attempts before a waiter sleeps: about as long as the short critical sections of this heap take. */
const SPIN_LIMIT = 256;

/**
 * A sleeping waiter retries after this time even if nobody wakes it: the holder, or the thread that should have woken
 * it, may have died.
 */
const RETRY_MS = 20;

/** Node 20 and older browsers have no Atomics.pause. */
const { pause } = Atomics as typeof Atomics & { pause?: () => void };

/** The value of a lock word while this slot holds the lock. */
export function lockOwner(slot: number, generation: number): number {
  if (ASSERTIONS) assert(slot >= 0 && slot < LockBits.OWNER_SLOT_MASK, `${slot} is the number of a slot`);
  return ((generation & LockBits.GENERATION_MASK) << LockBits.GENERATION_SHIFT) | (slot + 1);
}

/** Whether no thread can hold a lock by this value any more: its thread is dead, has left the slot, or never was. */
export type IsGone = (owner: number) => boolean;

const NOBODY_IS_GONE: IsGone = () => false;

/**
 * Acquires the lock in `words[word]` for `owner`; waits as long as a live thread holds it. Returns true if the lock was
 * taken over from a dead holder, so that the data it protects may be half changed. Shared memory only.
 */
export function acquireLock(words: Int32Array, word: number, owner: number, isGone: IsGone = NOBODY_IS_GONE): boolean {
  if (Atomics.compareExchange(words, word, free, owner) === free) return false;
  for (let spin = 0; spin < SPIN_LIMIT; spin++) {
    pause?.();
    if (Atomics.load(words, word) !== free) continue;
    if (Atomics.compareExchange(words, word, free, owner) === free) return false;
  }
  for (;;) {
    // Past the spin phase a thread always acquires with WAITED set: it may have slept, and others may still sleep.
    const found = Atomics.compareExchange(words, word, free, owner | waited);
    if (found === free) return false;
    if (isGone(found & ~waited)) {
      if (Atomics.compareExchange(words, word, found, owner | waited) === found) return true;
      continue;
    }
    const marked = found | waited;
    if (found === marked || Atomics.compareExchange(words, word, found, marked) === found) sleep(words, word, marked);
  }
}

/** Releases the lock and wakes one thread that sleeps on it, if there is one. Only the holder may call it. */
export function releaseLock(words: Int32Array, word: number): void {
  if ((Atomics.exchange(words, word, free) & waited) !== 0) Atomics.notify(words, word, 1);
}

/** Sleeps while the word has this value. On a browser's main thread, which must not sleep, Atomics.wait throws: the caller retries. */
function sleep(words: Int32Array, word: number, value: number): void {
  try {
    Atomics.wait(words, word, value, RETRY_MS);
  } catch {
    pause?.();
  }
}

/** The locks of a heap as one slot acquires them, each identified by the index of its word. */
export interface Locks {
  /** In test builds: the locks that the slot's thread holds. */
  readonly order?: LockOrder | undefined;
  /**
   * Acquires a lock. If it is taken over from a dead thread, `repair` repairs the data that it protects; without
   * `repair`, the heap's own repair for that lock runs: see {@link LockRecovery}.
   */
  acquire(word: number, repair?: () => void): void;
  release(word: number): void;
}

/** How a thread detects dead lock holders, and what it does after taking a lock over. */
export interface LockRecovery {
  readonly isGone: IsGone;
  /** Repairs the data protected by a lock that this thread has just taken over. */
  repair(word: number): void;
}

/** The same for a thread with a slot, whose own death other threads must be able to detect. */
export interface SlotLockRecovery extends LockRecovery {
  /** Makes sure that other threads can detect this thread's death; called before each lock is acquired. */
  renewBeacon(): void;
}

/** Locks for a slot of shared memory. Waiters spin for a while, then sleep; a thread that must not block only spins. */
export class SharedLocks implements Locks {
  /** While this is undefined, only a damaged word that names this thread itself is taken over. */
  recovery: SlotLockRecovery | undefined;
  order: LockOrder | undefined;
  readonly #memory: LinearMemory;
  readonly #owner: number;
  readonly #isGone: IsGone;

  constructor(memory: LinearMemory, owner: number) {
    this.#memory = memory;
    this.#owner = owner;
    // No slot acquires a lock twice: a word that names this thread before it has the lock is damaged.
    this.#isGone = (holder) => holder === owner || this.recovery?.isGone(holder) === true;
  }

  acquire(word: number, repair?: () => void): void {
    if (ASSERTIONS) this.order?.acquire(word);
    this.recovery?.renewBeacon();
    if (!acquireLock(this.#memory.words, word, this.#owner, this.#isGone)) return;
    if (repair === undefined) this.recovery?.repair(word);
    else repair();
  }

  release(word: number): void {
    if (ASSERTIONS) {
      this.order?.release(word);
      const holder = Atomics.load(this.#memory.words, word) & ~waited;
      assert(holder === this.#owner, `the lock at word ${word} is released by who holds it`);
    }
    releaseLock(this.#memory.words, word);
  }
}

/** Locks in memory that no other thread can reach: they exclude nobody. */
export class UnsharedLocks implements Locks {
  order: LockOrder | undefined;

  acquire(word: number): void {
    if (ASSERTIONS) this.order?.acquire(word);
  }

  release(word: number): void {
    if (ASSERTIONS) this.order?.release(word);
  }
}
