import type { Located } from "./locate-object.ts";

/** Upper limits of the quarantine. */
export interface QuarantineLimits {
  /** The most bytes that it holds. */
  readonly bytes: number;
  /** The most blocks that it holds. */
  readonly count: number;
}

/**
 * Freed blocks of a thread withheld from reuse, so that a write after free hits poison, not a new object. They are
 * evicted first in, first out, or with `random` in an order that nobody can foresee. O(1) amortized. Modelled on:
 * KASAN's quarantine.
 */
export class Quarantine {
  readonly #limits: QuarantineLimits;
  /** Returns a number from 0 on below 1; undefined for first in, first out. */
  readonly #random: (() => number) | undefined;
  #blocks: Located[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limits: QuarantineLimits, random?: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  get count(): number {
    return this.#blocks.length - this.#first;
  }

  /** Bytes of the blocks that are held back. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many objects of a cache are held back, by the cache's kind. O(count). */
  countOf(kind: number): number {
    return this.#blocks.slice(this.#first).filter(({ record }) => record.kind === kind).length;
  }

  /** Adds a block; returns those that are evicted for it, possibly itself. */
  put(block: Located): Located[] {
    this.#blocks.push(block);
    this.#bytes += block.block.bytes;
    const evicted: Located[] = [];
    while (this.count > this.#limits.count || this.#bytes > this.#limits.bytes) evicted.push(this.#evict());
    return evicted;
  }

  /** Removes all blocks and returns them. */
  drain(): Located[] {
    const blocks = this.#blocks.slice(this.#first);
    this.#blocks = [];
    this.#first = 0;
    this.#bytes = 0;
    return blocks;
  }

  /** Removes the next block. There must be one. */
  #evict(): Located {
    const blocks = this.#blocks;
    if (this.#random !== undefined) {
      const chosen = this.#first + Math.floor(this.#random() * this.count);
      [blocks[this.#first], blocks[chosen]] = [blocks[chosen]!, blocks[this.#first]!];
    }
    const block = blocks[this.#first]!;
    this.#first++;
    // The array is compacted once most of it is evicted.
    if (this.#first * 2 > blocks.length) {
      this.#blocks = blocks.slice(this.#first);
      this.#first = 0;
    }
    this.#bytes -= block.block.bytes;
    return block;
  }
}
