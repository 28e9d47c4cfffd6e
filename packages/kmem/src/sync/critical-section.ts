import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";

/**
 * The lock word: 0 while nobody is inside, else the number of the owner, with WAITED set once others may be asleep.
 *
 *      bit   31       30 … 0
 *            WAITED   owner, from 1
 */
const NOBODY = 0;
const WAITED: number = 1 << 31;

/** Attempts before a waiter goes to sleep: about as long as the short work inside takes. */
const SPIN_LIMIT = 256;

/** Node 20 and older browsers have no Atomics.pause. */
const { pause } = Atomics as typeof Atomics & { pause?: () => void };

/**
 * A critical section around work on one memory: of all threads, and of all owners in one thread, one at a time is
 * inside. It stands for the "interrupts blocked" of the Atomik pages. The lock is a word in the buffer; an owner is a
 * number from 1 to 2^31 - 1 that no other has. A thread that is terminated inside leaves the section closed for ever.
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
    const { words } = this.#memory;
    const word = this.#word;
    let found = Atomics.compareExchange(words, word, NOBODY, this.#owner);
    if (found === NOBODY) return true;
    if ((found & ~WAITED) === this.#owner || !isShared(words)) return false;
    for (let spin = 0; spin < SPIN_LIMIT; spin++) {
      pause?.();
      if (Atomics.load(words, word) !== NOBODY) continue;
      if (Atomics.compareExchange(words, word, NOBODY, this.#owner) === NOBODY) return true;
    }
    for (;;) {
      // Whoever has slept comes in with WAITED set, since others may still sleep.
      found = Atomics.compareExchange(words, word, NOBODY, this.#owner | WAITED);
      if (found === NOBODY) return true;
      const marked = found | WAITED;
      if (found === marked || Atomics.compareExchange(words, word, found, marked) === found) sleep(words, word, marked);
    }
  }

  /** Goes outside and wakes one waiter. Only for who is inside. */
  leave(): void {
    const { words } = this.#memory;
    if ((Atomics.exchange(words, this.#word, NOBODY) & WAITED) !== 0) Atomics.notify(words, this.#word, 1);
  }
}

function isShared(words: Int32Array<ArrayBufferLike>): boolean {
  return typeof SharedArrayBuffer !== "undefined" && words.buffer instanceof SharedArrayBuffer;
}

/** Sleeps while the word has this value. A browser's main thread must not sleep and asks again at once. */
function sleep(words: Int32Array<ArrayBufferLike>, word: number, value: number): void {
  try {
    Atomics.wait(words, word, value);
  } catch {
    pause?.();
  }
}
