import { ASSERTIONS, assert } from "../memory/assert.ts";
import { NO_FRAME, PCP_CAPACITY, PCP_ORDERS, PCP_STRIDE } from "./layout.ts";
import type { PageRequest } from "./page-request.ts";

/** Pages of the largest run that is cached. */
const MAX_PAGES: number = 1 << (PCP_ORDERS - 1);

/** Requests that fill the pcp lists, by order: runs aligned to their size, so that they serve aligned requests too. */
export const NATURALLY_ALIGNED: readonly PageRequest[] = Array.from({ length: PCP_ORDERS }, (_, order) => ({
  alignFrames: 1 << order,
}));

/** The order of a run that may be cached, -1 for every other count of pages. */
export function cachedOrder(count: number): number {
  return count <= MAX_PAGES && (count & (count - 1)) === 0 ? 31 - Math.clz32(count) : -1;
}

/** Runs of an order that a slot caches at most. */
export function cacheCapacity(order: number): number {
  return PCP_CAPACITY >> order;
}

/** Runs that go to or from the free lists at a time: half of what a slot caches. */
export function cacheBatch(order: number): number {
  return (cacheCapacity(order) + 1) >> 1;
}

/**
 * The pcp lists of one slot, by the index of its first word: a stack of frames for each order. One thread, the slot's
 * holder, works on it. Modelled on: Linux's per-CPU page lists.
 */
export class PcpLists {
  readonly #firstWord: number;

  constructor(firstWord: number) {
    this.#firstWord = firstWord;
  }

  count(words: Int32Array, order: number): number {
    return words[this.#firstWord + order * PCP_STRIDE];
  }

  /** Takes a run of 2^order pages, or returns NO_FRAME. */
  pop(words: Int32Array, order: number): number {
    const countWord = this.#firstWord + order * PCP_STRIDE;
    const count = words[countWord];
    if (count <= 0) return NO_FRAME;
    const frame = words[countWord + count];
    words[countWord] = count - 1;
    return frame;
  }

  /** Adds a run; false when there is no room. */
  push(words: Int32Array, order: number, frame: number): boolean {
    const countWord = this.#firstWord + order * PCP_STRIDE;
    const count = words[countWord];
    if (count >= cacheCapacity(order)) return false;
    if (ASSERTIONS) {
      const held = words.subarray(countWord + 1, countWord + 1 + count);
      assert(frame % (1 << order) === 0, `the run at page ${frame} that is cached is aligned to its order, ${order}`);
      assert(!held.includes(frame), `the run at page ${frame} is cached once`);
    }
    words[countWord + count + 1] = frame;
    words[countWord] = count + 1;
    return true;
  }
}
