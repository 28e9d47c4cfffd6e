/** What `find` and `remove` answer for a key that is not in the table. */
export const NOT_FOUND = -1;

// An entry is three words: the two halves of the key, and the value plus one, so that 0 marks an empty place.
const WORDS_PER_ENTRY = 3;
const HIGH = 1;
const VALUE = 2;

const INITIAL_CAPACITY = 16;
/** At most half the places are taken, which keeps the runs of linear probing short. */
const CAPACITY_PER_ENTRY = 2;

// Two odd constants with well-mixed bits: the golden ratio's and the square root of two's binary expansions.
const LOW_MULTIPLIER = 0x9e3779b1;
const HIGH_MULTIPLIER = 0xb504f333;
const FOLD_BITS = 15;

/** Mixes a key so that aligned addresses spread over all low bits of the result. */
export function hashWordPair(high: number, low: number): number {
  const first = Math.imul(Math.imul(high, HIGH_MULTIPLIER) ^ low, LOW_MULTIPLIER);
  const second = Math.imul(first ^ (first >>> FOLD_BITS), HIGH_MULTIPLIER);
  return (second ^ (second >>> FOLD_BITS)) >>> 0;
}

/**
 * An exact map from pairs of 32-bit words (a 64-bit address, say) to small numbers, by open addressing over one
 * typed array. A JS Map would need a string or a BigInt for each address, and an object for the garbage collector
 * with each event.
 *
 * Keys are compared as 32-bit integers, so signed and unsigned halves mean the same. Values are 0 … 2^31 - 2.
 */
export class AddressTable {
  #entries = new Int32Array(INITIAL_CAPACITY * WORDS_PER_ENTRY);
  #mask = INITIAL_CAPACITY - 1;
  #size = 0;

  /** Number of keys in the table. */
  get size(): number {
    return this.#size;
  }

  /** The value of a key, or NOT_FOUND. */
  find(high: number, low: number): number {
    return this.#entries[this.#place(high, low) + VALUE]! - 1;
  }

  /** Sets the value of a key, whether or not the key was there. */
  set(high: number, low: number, value: number): void {
    let at = this.#place(high, low);
    if (this.#entries[at + VALUE] === 0) {
      if ((this.#size + 1) * CAPACITY_PER_ENTRY > this.#mask + 1) {
        this.#grow();
        at = this.#place(high, low);
      }
      this.#size += 1;
      this.#entries[at] = low;
      this.#entries[at + HIGH] = high;
    }
    this.#entries[at + VALUE] = value + 1;
  }

  /** Takes a key out and answers the value it had, or NOT_FOUND. */
  remove(high: number, low: number): number {
    const at = this.#place(high, low);
    const value = this.#entries[at + VALUE]! - 1;
    if (value !== NOT_FOUND) {
      this.#closeGap(at / WORDS_PER_ENTRY);
      this.#size -= 1;
    }
    return value;
  }

  /** Word offset of the entry that holds the key, or of the empty place where it would go. */
  #place(high: number, low: number): number {
    const entries = this.#entries;
    const lowWord = low | 0;
    const highWord = high | 0;
    let index = hashWordPair(highWord, lowWord) & this.#mask;
    for (;;) {
      const at = index * WORDS_PER_ENTRY;
      if (entries[at + VALUE] === 0 || (entries[at] === lowWord && entries[at + HIGH] === highWord)) {
        return at;
      }
      index = (index + 1) & this.#mask;
    }
  }

  /** Moves later entries of the same run back, so that no search stops at the gap and no tombstones pile up. */
  #closeGap(gapIndex: number): void {
    const entries = this.#entries;
    const mask = this.#mask;
    let gap = gapIndex;
    let index = gapIndex;
    for (;;) {
      index = (index + 1) & mask;
      const at = index * WORDS_PER_ENTRY;
      if (entries[at + VALUE] === 0) {
        entries[gap * WORDS_PER_ENTRY + VALUE] = 0;
        return;
      }
      const home = hashWordPair(entries[at + HIGH]!, entries[at]!) & mask;
      if (((index - home) & mask) >= ((index - gap) & mask)) {
        entries.copyWithin(gap * WORDS_PER_ENTRY, at, at + WORDS_PER_ENTRY);
        gap = index;
      }
    }
  }

  #grow(): void {
    const old = this.#entries;
    this.#entries = new Int32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < old.length; at += WORDS_PER_ENTRY) {
      if (old[at + VALUE] !== 0) {
        this.#entries.set(old.subarray(at, at + WORDS_PER_ENTRY), this.#place(old[at + HIGH]!, old[at]!));
      }
    }
  }
}
