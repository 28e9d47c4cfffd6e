import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { LockBits } from "./layout.ts";
import type { LockOrder } from "./lock-order.ts";

const free = LockBits.FREE;
const waited: number = LockBits.WAITED;

/** Attempts before a waiter goes to sleep: about as long as the short work under a lock takes. */
const SPIN_LIMIT = 256;

/**
 * A waiter that nobody wakes looks again after so long: the thread that was to wake it may have died before it could,
 * and so may the holder of the lock.
 */
const LOOK_AGAIN_MS = 20;

/** Node 20 and older browsers have no Atomics.pause. */
const { pause } = Atomics as typeof Atomics & { pause?: () => void };

/** The word of a lock that a slot holds. */
export function lockOwner(slot: number, generation: number): number {
  if (ASSERTIONS) assert(slot >= 0 && slot < LockBits.OWNER_SLOT_MASK, `${slot} is the number of a slot`);
  return ((generation & LockBits.GENERATION_MASK) << LockBits.GENERATION_SHIFT) | (slot + 1);
}

/** Says whether the thread that was the owner in a lock's word is gone, for certain. */
export type IsGone = (owner: number) => boolean;

const NOBODY_IS_GONE: IsGone = () => false;

/**
 * Takes the lock in `words[word]` for `owner`; waits as long as another has it who is there. Returns whether it was
 * inherited from one who is gone, so that what it guards may be half changed. Shared memory only.
 */
export function acquireLock(words: Int32Array, word: number, owner: number, isGone: IsGone = NOBODY_IS_GONE): boolean {
  if (Atomics.compareExchange(words, word, free, owner) === free) return false;
  for (let spin = 0; spin < SPIN_LIMIT; spin++) {
    pause?.();
    if (Atomics.load(words, word) !== free) continue;
    if (Atomics.compareExchange(words, word, free, owner) === free) return false;
  }
  for (;;) {
    // A thread that has slept takes the lock with WAITED set, since others may still sleep.
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

/** Gives the lock back, and wakes one of those who sleep for it, if any do. Only for who holds it. */
export function releaseLock(words: Int32Array, word: number): void {
  if ((Atomics.exchange(words, word, free) & waited) !== 0) Atomics.notify(words, word, 1);
}

/** Sleeps while the word has this value. A browser's main thread must not sleep and asks again at once. */
function sleep(words: Int32Array, word: number, value: number): void {
  try {
    Atomics.wait(words, word, value, LOOK_AGAIN_MS);
  } catch {
    pause?.();
  }
}

/** The locks of a heap as one of its slots takes them, by the index of their word. */
export interface Locks {
  /** In test builds, what the slot's thread holds. */
  readonly order?: LockOrder | undefined;
  /**
   * Takes a lock. Where it is inherited from a thread that is gone, `repair` repairs what it guards; without one, what
   * the heap knows of its own locks: see {@link LockRecovery}.
   */
  acquire(word: number, repair?: () => void): void;
  release(word: number): void;
}

/** What a thread does about locks whose holders are gone. */
export interface LockRecovery {
  readonly isGone: IsGone;
  /** Repairs what a lock guards that this thread has just inherited. */
  repair(word: number): void;
}

/** The same for a thread with a slot, which others are to find out about in turn. */
export interface SlotLockRecovery extends LockRecovery {
  /** Sees to it that others find out when this thread is gone, before it takes a lock. */
  renewBeacon(): void;
}

/** Locks for a slot of shared memory. They spin a while, then sleep; a thread that must not sleep keeps spinning. */
export class SharedLocks implements Locks {
  /** Until there is one, nobody is known to be gone. */
  recovery: SlotLockRecovery | undefined;
  order: LockOrder | undefined;
  readonly #memory: LinearMemory;
  readonly #owner: number;
  readonly #isGone: IsGone;

  constructor(memory: LinearMemory, owner: number) {
    this.#memory = memory;
    this.#owner = owner;
    // No slot takes a lock twice: a word that names this thread before it has the lock is a stray one.
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

/** Locks in memory that no other thread can reach: there is nobody to lock out. */
export class UnsharedLocks implements Locks {
  order: LockOrder | undefined;

  acquire(word: number): void {
    if (ASSERTIONS) this.order?.acquire(word);
  }

  release(word: number): void {
    if (ASSERTIONS) this.order?.release(word);
  }
}
