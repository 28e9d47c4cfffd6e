import type { Located } from "./locate-object.ts";
import type { RawBlock } from "./record.ts";

/** Upper limits of the quarantine. */
export interface QuarantineLimits {
  /** The most bytes that it holds. */
  readonly bytes: number;
  /** The most blocks that it holds. */
  readonly count: number;
}

/** A freed block that has been evicted. */
export interface Evicted {
  readonly block: RawBlock;
  /** Bytes from the start of the block to the object that it was, also where its record is damaged meanwhile. */
  readonly padBytes: number;
  /** Kind of the cache that reports name. */
  readonly kind: number;
}

/** Numbers of an entry: address, bytes, padBytes, kind. */
const ENTRY_NUMBERS = 4;
const BYTES = 1;
const PAD_BYTES = 2;
const KIND = 3;
const NONE: readonly Evicted[] = [];

/**
 * Freed blocks of a thread withheld from reuse, so that a write after free hits poison, not a new object. They are
 * evicted first in, first out, or with `random` in an order that nobody can foresee. O(1) amortized. Modelled on:
 * KASAN's quarantine.
 */
export class Quarantine {
  readonly #limits: QuarantineLimits;
  /** Returns a number from 0 on below 1; undefined for first in, first out. */
  readonly #random: (() => number) | undefined;
  /** Entry after entry: thousands of objects that live this long would keep the garbage collector busy. */
  #numbers: number[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limits: QuarantineLimits, random?: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  get count(): number {
    return (this.#numbers.length - this.#first) / ENTRY_NUMBERS;
  }

  /** Bytes of the blocks that are held back. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many objects of a cache are held back, by the cache's kind. O(count). */
  countOf(kind: number): number {
    let count = 0;
    for (let at = this.#first; at < this.#numbers.length; at += ENTRY_NUMBERS) {
      if (this.#numbers[at + KIND] === kind) count++;
    }
    return count;
  }

  /** Adds a block; returns those that are evicted for it, possibly itself. */
  put({ block: { address, bytes }, record: { padBytes, kind } }: Located): readonly Evicted[] {
    this.#numbers.push(address, bytes, padBytes, kind);
    this.#bytes += bytes;
    if (!this.#isOverfull()) return NONE;
    const evicted: Evicted[] = [];
    while (this.#isOverfull()) evicted.push(this.#evict());
    return evicted;
  }

  /** Takes a block back that could not leave; it does not count against the limits until the next one comes. */
  putBack({ block: { address, bytes }, padBytes, kind }: Evicted): void {
    this.#numbers.push(address, bytes, padBytes, kind);
    this.#bytes += bytes;
  }

  #isOverfull(): boolean {
    return this.count > this.#limits.count || this.#bytes > this.#limits.bytes;
  }

  /** Removes all blocks and returns them. */
  drain(): readonly Evicted[] {
    const evicted: Evicted[] = [];
    for (let at = this.#first; at < this.#numbers.length; at += ENTRY_NUMBERS) evicted.push(this.#entry(at));
    this.#numbers = [];
    this.#first = 0;
    this.#bytes = 0;
    return evicted;
  }

  #entry(at: number): Evicted {
    const numbers = this.#numbers;
    const block = { address: numbers[at]!, bytes: numbers[at + BYTES]! };
    return { block, padBytes: numbers[at + PAD_BYTES]!, kind: numbers[at + KIND]! };
  }

  /** Removes the next block. There must be one. */
  #evict(): Evicted {
    if (this.#random !== undefined) this.#swap(this.#first + Math.floor(this.#random() * this.count) * ENTRY_NUMBERS);
    const numbers = this.#numbers;
    const evicted = this.#entry(this.#first);
    this.#first += ENTRY_NUMBERS;
    // The array is compacted once most of it is evicted.
    if (this.#first * 2 > numbers.length) {
      this.#numbers = numbers.slice(this.#first);
      this.#first = 0;
    }
    this.#bytes -= evicted.block.bytes;
    return evicted;
  }

  /** Exchanges the first entry with another one. */
  #swap(other: number): void {
    const numbers = this.#numbers;
    for (let index = 0; index < ENTRY_NUMBERS; index++) {
      const first = numbers[this.#first + index]!;
      numbers[this.#first + index] = numbers[other + index]!;
      numbers[other + index] = first;
    }
  }
}
