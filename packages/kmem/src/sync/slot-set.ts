import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { SLOT_SET_MASK, SLOT_SET_SHIFT } from "./layout.ts";

/** A set of slots in shared words, a bit each, by the index of its first word. Any thread adds and removes any slot. */
export class SlotSet {
  readonly #memory: LinearMemory;
  readonly #firstWord: number;
  readonly #endWord: number;

  /** For slots below `slotCount`. */
  constructor(memory: LinearMemory, firstWord: number, slotCount: number) {
    this.#memory = memory;
    this.#firstWord = firstWord;
    this.#endWord = firstWord + ((slotCount + SLOT_SET_MASK) >>> SLOT_SET_SHIFT);
  }

  /** One more than the highest slot that there are bits for: some are of slots that do not exist. */
  get limit(): number {
    return (this.#endWord - this.#firstWord) << SLOT_SET_SHIFT;
  }

  add(slot: number): void {
    if (ASSERTIONS) assert(slot >= 0 && slot < this.limit, `there is a bit for slot ${slot}`);
    Atomics.or(this.#memory.words, this.#firstWord + (slot >>> SLOT_SET_SHIFT), 1 << (slot & SLOT_SET_MASK));
  }

  remove(slot: number): void {
    if (ASSERTIONS) assert(slot >= 0 && slot < this.limit, `there is a bit for slot ${slot}`);
    Atomics.and(this.#memory.words, this.#firstWord + (slot >>> SLOT_SET_SHIFT), ~(1 << (slot & SLOT_SET_MASK)));
  }

  has(slot: number): boolean {
    const word = this.#memory.words[this.#firstWord + (slot >>> SLOT_SET_SHIFT)];
    return ((word >>> (slot & SLOT_SET_MASK)) & 1) !== 0;
  }

  /** Whether the set is empty. Plain loads, as in all that read the whole set. */
  get isEmpty(): boolean {
    const { words } = this.#memory;
    for (let word = this.#firstWord; word < this.#endWord; word++) if (words[word] !== 0) return false;
    return true;
  }

  /** Whether there are two or more. */
  get hasSeveral(): boolean {
    const { words } = this.#memory;
    let isOne = false;
    for (let word = this.#firstWord; word < this.#endWord; word++) {
      const bits = words[word];
      if (bits === 0) continue;
      if (isOne || (bits & (bits - 1)) !== 0) return true;
      isOne = true;
    }
    return false;
  }

  /** How many there are. */
  get size(): number {
    const { words } = this.#memory;
    let size = 0;
    for (let word = this.#firstWord; word < this.#endWord; word++) {
      for (let bits = words[word]; bits !== 0; bits &= bits - 1) size++;
    }
    return size;
  }
}
