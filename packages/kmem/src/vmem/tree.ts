import type { LinearMemory } from "../memory/memory.ts";
import { NO_RECORD, SegmentRecord, SegmentState } from "./layout.ts";

const MIX_FIRST = 0x85ebca6b;
const MIX_SECOND = 0xc2b2ae35;

/**
 * What decides which of two nodes stands higher: a number that looks random but follows from where the record lies
 * (murmur3's last steps), so that it needs no word and the same records always form the same tree. No two are equal.
 */
export function priority(record: number): number {
  let mixed = Math.imul(record ^ (record >>> 16), MIX_FIRST);
  mixed = Math.imul(mixed ^ (mixed >>> 13), MIX_SECOND);
  return mixed ^ (mixed >>> 16);
}

/** The lowest multiple of `align` from `start` on. */
export function alignUp(start: number, align: number): number {
  return Math.ceil(start / align) * align;
}

/** Free units of a segment: its size, or 0 when it is allocated. */
export function freeSize(words: Int32Array, record: number): number {
  return (words[record + SegmentRecord.STATE] & SegmentState.FREE) === 0 ? 0 : words[record + SegmentRecord.SIZE] >>> 0;
}

/**
 * All segments of an arena in a treap (Aragon and Seidel 1989): a search tree by start, a heap by priority, and in each
 * node the longest free segment below it. Depth is logarithmic as expected from random priorities. `rootWord` is where
 * the root is kept.
 */
export class SegmentTree {
  readonly #memory: LinearMemory;
  readonly #rootWord: number;

  constructor(memory: LinearMemory, rootWord: number) {
    this.#memory = memory;
    this.#rootWord = rootWord;
  }

  get root(): number {
    return this.#memory.words[this.#rootWord];
  }

  /** Size of the longest free segment of all. O(1). */
  get longestFree(): number {
    return this.root === NO_RECORD ? 0 : this.#memory.words[this.root + SegmentRecord.LONGEST_FREE] >>> 0;
  }

  /** The last segment that starts at or before `value`, or NO_RECORD. O(log n). */
  floor(value: number): number {
    const { words } = this.#memory;
    let found: number = NO_RECORD;
    let node = this.root;
    while (node !== NO_RECORD) {
      if (words[node + SegmentRecord.START] >>> 0 <= value) {
        found = node;
        node = words[node + SegmentRecord.RIGHT];
      } else node = words[node + SegmentRecord.LEFT];
    }
    return found;
  }

  /**
   * The lowest free segment that holds `size` units from a multiple of `align` on, or NO_RECORD. O(log n) for align 1;
   * otherwise it also passes segments that are long enough but lie awkwardly.
   */
  lowestFit(size: number, align: number): number {
    return align === 1 ? this.#lowest(size) : this.#fit(this.root, size, align);
  }

  /** Adds a segment whose start is not in the tree. O(log n). */
  insert(record: number): void {
    const start = this.#memory.words[record + SegmentRecord.START] >>> 0;
    this.#memory.words[this.#rootWord] = this.#inserted(this.root, record, start);
  }

  /** Takes out a segment that is in the tree. O(log n). */
  remove(record: number): void {
    const start = this.#memory.words[record + SegmentRecord.START] >>> 0;
    this.#memory.words[this.#rootWord] = this.#removed(this.root, record, start);
  }

  /** Updates the tree after a segment became free, allocated, longer or shorter, or moved without passing another. */
  update(record: number): void {
    this.#updateFrom(this.root, record, this.#memory.words[record + SegmentRecord.START] >>> 0);
  }

  #lowest(size: number): number {
    const { words } = this.#memory;
    let node = this.longestFree < size ? NO_RECORD : this.root;
    while (node !== NO_RECORD) {
      const left = words[node + SegmentRecord.LEFT];
      if (left !== NO_RECORD && words[left + SegmentRecord.LONGEST_FREE] >>> 0 >= size) node = left;
      else if (freeSize(words, node) >= size) break;
      else node = words[node + SegmentRecord.RIGHT];
    }
    return node;
  }

  #fit(node: number, size: number, align: number): number {
    const { words } = this.#memory;
    if (node === NO_RECORD || words[node + SegmentRecord.LONGEST_FREE] >>> 0 < size) return NO_RECORD;
    const below = this.#fit(words[node + SegmentRecord.LEFT], size, align);
    if (below !== NO_RECORD) return below;
    const start = words[node + SegmentRecord.START] >>> 0;
    const aligned = align === 1 ? start : alignUp(start, align);
    if (aligned + size <= start + freeSize(words, node)) return node;
    return this.#fit(words[node + SegmentRecord.RIGHT], size, align);
  }

  #inserted(node: number, record: number, start: number): number {
    const { words } = this.#memory;
    if (node === NO_RECORD || priority(record) > priority(node)) {
      this.#splitInto(node, record, start);
      this.#count(record);
      return record;
    }
    const side = start < words[node + SegmentRecord.START] >>> 0 ? SegmentRecord.LEFT : SegmentRecord.RIGHT;
    words[node + side] = this.#inserted(words[node + side], record, start);
    this.#count(node);
    return node;
  }

  /** Splits a subtree at `start`; the halves become the children of `record`. */
  #splitInto(node: number, record: number, start: number): void {
    const { words } = this.#memory;
    if (node === NO_RECORD) {
      words[record + SegmentRecord.LEFT] = NO_RECORD;
      words[record + SegmentRecord.RIGHT] = NO_RECORD;
      return;
    }
    const isAbove = start < words[node + SegmentRecord.START] >>> 0;
    const inner = isAbove ? SegmentRecord.LEFT : SegmentRecord.RIGHT;
    const outer = isAbove ? SegmentRecord.RIGHT : SegmentRecord.LEFT;
    this.#splitInto(words[node + inner], record, start);
    words[node + inner] = words[record + outer];
    this.#count(node);
    words[record + outer] = node;
  }

  #removed(node: number, record: number, start: number): number {
    const { words } = this.#memory;
    if (node === record) return this.#joined(words[node + SegmentRecord.LEFT], words[node + SegmentRecord.RIGHT]);
    const side = start < words[node + SegmentRecord.START] >>> 0 ? SegmentRecord.LEFT : SegmentRecord.RIGHT;
    words[node + side] = this.#removed(words[node + side], record, start);
    this.#count(node);
    return node;
  }

  /** One tree of two, where every segment of the first lies below those of the second. */
  #joined(low: number, high: number): number {
    const { words } = this.#memory;
    if (low === NO_RECORD) return high;
    if (high === NO_RECORD) return low;
    if (priority(low) > priority(high)) {
      words[low + SegmentRecord.RIGHT] = this.#joined(words[low + SegmentRecord.RIGHT], high);
      this.#count(low);
      return low;
    }
    words[high + SegmentRecord.LEFT] = this.#joined(low, words[high + SegmentRecord.LEFT]);
    this.#count(high);
    return high;
  }

  /** Returns whether the longest free segment under `node` has become another: else those above stay as they are. */
  #updateFrom(node: number, record: number, start: number): boolean {
    const { words } = this.#memory;
    if (node !== record) {
      const side = start < words[node + SegmentRecord.START] >>> 0 ? SegmentRecord.LEFT : SegmentRecord.RIGHT;
      if (!this.#updateFrom(words[node + side], record, start)) return false;
    }
    return this.#count(node);
  }

  /** Notes the longest free segment under `node`; returns whether it was another one. */
  #count(node: number): boolean {
    const { words } = this.#memory;
    const left = words[node + SegmentRecord.LEFT];
    const right = words[node + SegmentRecord.RIGHT];
    let longest = freeSize(words, node);
    if (left !== NO_RECORD) longest = Math.max(longest, words[left + SegmentRecord.LONGEST_FREE] >>> 0);
    if (right !== NO_RECORD) longest = Math.max(longest, words[right + SegmentRecord.LONGEST_FREE] >>> 0);
    const former = words[node + SegmentRecord.LONGEST_FREE] >>> 0;
    words[node + SegmentRecord.LONGEST_FREE] = longest;
    return longest !== former;
  }
}
