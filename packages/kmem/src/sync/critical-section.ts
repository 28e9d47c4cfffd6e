import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { LockBits } from "./layout.ts";
import { acquireLock, releaseLock } from "./lock.ts";

/**
 * A critical section around work on one memory: of all threads, and of all owners in one thread, one at a time is
 * inside. It stands for the "interrupts blocked" of the Atomik pages. It is a lock whose owner is any number from 1 to
 * 2^31 - 1 that no other has. A thread that is terminated inside leaves the section closed for ever.
 */
export class CriticalSection {
  readonly #memory: LinearMemory;
  readonly #word: number;
  readonly #owner: number;

  constructor(memory: LinearMemory, lockAddress: number, owner: number) {
    this.#memory = memory;
    this.#word = lockAddress >>> WORD_SHIFT;
    this.#owner = owner;
  }

  /**
   * Goes inside, and waits until that is possible. Returns false, with nothing changed, where waiting could never end:
   * this owner is inside already, or somebody is and the memory is not shared, so that no other thread can leave.
   */
  enter(): boolean {
    const { words, isShared } = this.#memory;
    const found = Atomics.compareExchange(words, this.#word, LockBits.FREE, this.#owner);
    if (found === LockBits.FREE) return true;
    if ((found & ~LockBits.WAITED) === this.#owner || !isShared) return false;
    acquireLock(words, this.#word, this.#owner);
    return true;
  }

  /** Goes outside and wakes one waiter. Only for who is inside. */
  leave(): void {
    releaseLock(this.#memory.words, this.#word);
  }
}
