import { ASSERTIONS, assert } from "../memory/assert.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { LockBits } from "./layout.ts";
import { acquireLock, type IsGone, releaseLock } from "./lock.ts";

/** Who is inside a critical section, in the word of its lock, and what is known of others. */
export interface Occupant {
  /** From 1 to 2^31 - 1; no other has it. */
  readonly owner: number;
  readonly isGone?: IsGone;
  /** Owners that there have been so far: a word that names another one is a stray one. */
  readonly ownerCount?: () => number;
  /** Repairs what the section guards, after the owner that was inside has died. */
  readonly repair?: () => void;
}

/**
 * A critical section around work on one memory: of all threads, and of all owners in one thread, one at a time is
 * inside. It stands for the "interrupts blocked" of the Atomik pages. Where an owner was inside that is gone, the next
 * one repairs what it left and is inside.
 */
export class CriticalSection {
  readonly #memory: LinearMemory;
  readonly #word: number;
  readonly #owner: number;
  readonly #occupant: Occupant;
  readonly #isGone: IsGone;

  constructor(memory: LinearMemory, lockAddress: number, occupant: Occupant) {
    this.#memory = memory;
    this.#word = lockAddress >>> WORD_SHIFT;
    this.#owner = occupant.owner;
    this.#occupant = occupant;
    const { isGone, ownerCount } = occupant;
    const lastOwner = (): number => Math.max(occupant.owner, ownerCount?.() ?? Number.POSITIVE_INFINITY);
    this.#isGone = (owner) => owner < 1 || owner > lastOwner() || isGone?.(owner) === true;
  }

  /**
   * Goes inside, and waits until that is possible. Returns false, with nothing changed, where waiting could never end:
   * this owner is inside already, or somebody is and the memory is not shared, so that no other thread can leave.
   */
  enter(): boolean {
    const found = Atomics.compareExchange(this.#memory.words, this.#word, LockBits.FREE, this.#owner);
    return found === LockBits.FREE || this.#enterAfter(found & ~LockBits.WAITED);
  }

  #enterAfter(other: number): boolean {
    if (other === this.#owner || (!this.#memory.isShared && !this.#isGone(other))) return false;
    const { repair } = this.#occupant;
    if (acquireLock(this.#memory.words, this.#word, this.#owner, this.#isGone)) repair?.();
    return true;
  }

  /** Goes outside and wakes one waiter. Only for who is inside. */
  leave(): void {
    if (ASSERTIONS) {
      const holder = Atomics.load(this.#memory.words, this.#word) & ~LockBits.WAITED;
      assert(
        holder === this.#owner,
        `the section at word ${this.#word} is left by who is inside, not by ${this.#owner}`,
      );
    }
    releaseLock(this.#memory.words, this.#word);
  }
}
