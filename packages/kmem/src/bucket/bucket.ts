import { ASSERTIONS, assert } from "../memory/assert.ts";
import { PAGE_SHIFT, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import {
  BITMAP_BIT_MASK,
  BITMAP_WORD_SHIFT,
  BucketWord,
  SHAPE_LIVE_MASK,
  SHAPE_POOL_AT,
  SHAPE_SHIFT_AT,
  SHAPE_SHIFT_MASK,
} from "./layout.ts";
import { type BucketShape, bitmapWords } from "./shape.ts";

/** Reads and writes the metadata of buckets, by the number of a bucket's first frame. Knows no lists of them. */
export class Buckets {
  readonly #memory: LinearMemory;
  readonly #shapes: readonly BucketShape[];

  constructor(memory: LinearMemory, shapes: readonly BucketShape[]) {
    this.#memory = memory;
    this.#shapes = shapes;
  }

  get(frame: number, field: number): number {
    return this.#memory.words[(frame << (PAGE_SHIFT - WORD_SHIFT)) + field];
  }

  set(frame: number, field: number, value: number): void {
    this.#memory.words[(frame << (PAGE_SHIFT - WORD_SHIFT)) + field] = value;
  }

  liveCount(frame: number): number {
    return this.get(frame, BucketWord.SHAPE) & SHAPE_LIVE_MASK;
  }

  /** The shape that the metadata names. Where that is damaged it may be undefined, which the type leaves out. */
  shape(frame: number): BucketShape {
    return this.#shapes[(this.get(frame, BucketWord.SHAPE) >>> SHAPE_SHIFT_AT) & SHAPE_SHIFT_MASK];
  }

  pool(frame: number): number {
    return this.get(frame, BucketWord.SHAPE) >>> SHAPE_POOL_AT;
  }

  isLive(frame: number, index: number): boolean {
    const word = this.get(frame, BucketWord.BITMAP + (index >>> BITMAP_WORD_SHIFT));
    return ((word >>> (index & BITMAP_BIT_MASK)) & 1) === 1;
  }

  /** Address of a block by its index. */
  address(frame: number, shape: BucketShape, index: number): number {
    return frame * 2 ** PAGE_SHIFT + shape.dataOffset + index * shape.blockBytes;
  }

  /** Index of the block that starts at `address`; -1 where none of this bucket does. */
  indexOf(frame: number, shape: BucketShape, address: number): number {
    const offset = address - frame * 2 ** PAGE_SHIFT - shape.dataOffset;
    const index = offset / shape.blockBytes;
    return Number.isInteger(index) && index >= 0 && index < shape.blockCount ? index : -1;
  }

  /** Writes the metadata of a new bucket and strings its blocks together, the highest first. O(blocks). */
  format(frame: number, shape: BucketShape, pool: number): void {
    if (ASSERTIONS) assert(this.#shapes[shape.shift] === shape, `blocks of 2^${shape.shift} bytes have one shape`);
    this.set(frame, BucketWord.SHAPE, (shape.shift << SHAPE_SHIFT_AT) | (pool << SHAPE_POOL_AT));
    for (let word = 0; word < bitmapWords(shape.blockCount); word++) this.set(frame, BucketWord.BITMAP + word, 0);
    this.relink(frame);
  }

  /** Counts the live blocks in the bitmap, stores that count and returns it. O(blocks). */
  recount(frame: number): number {
    let liveCount = 0;
    for (let index = 0; index < this.shape(frame).blockCount; index++) liveCount += Number(this.isLive(frame, index));
    this.set(frame, BucketWord.SHAPE, (this.get(frame, BucketWord.SHAPE) & ~SHAPE_LIVE_MASK) | liveCount);
    return liveCount;
  }

  /** Rebuilds the free list from the bitmap. O(blocks). */
  relink(frame: number): void {
    const { words } = this.#memory;
    const shape = this.shape(frame);
    let head = 0;
    for (let index = 0; index < shape.blockCount; index++) {
      if (this.isLive(frame, index)) continue;
      const address = this.address(frame, shape, index);
      words[address >>> WORD_SHIFT] = head;
      head = address;
    }
    this.set(frame, BucketWord.FREE_HEAD, head);
  }

  /** Takes the first free block of a bucket that has one; 0, with nothing changed, where the list is damaged. O(1). */
  pop(frame: number): number {
    const shape = this.shape(frame);
    const address = this.get(frame, BucketWord.FREE_HEAD) >>> 0;
    const index = this.indexOf(frame, shape, address);
    if (index < 0 || this.isLive(frame, index)) return 0;
    this.#setLive(frame, index, 1);
    const isLast = this.liveCount(frame) === shape.blockCount;
    this.set(frame, BucketWord.FREE_HEAD, isLast ? 0 : this.#memory.words[address >>> WORD_SHIFT]);
    return address;
  }

  /** Puts the live block of this index back on the free list. O(1). */
  push(frame: number, index: number): void {
    const address = this.address(frame, this.shape(frame), index);
    this.#setLive(frame, index, -1);
    this.#memory.words[address >>> WORD_SHIFT] = this.get(frame, BucketWord.FREE_HEAD);
    this.set(frame, BucketWord.FREE_HEAD, address);
  }

  /** Flips the block's bit and counts it; `by` is 1 for a block that becomes live and -1 for one that becomes free. */
  #setLive(frame: number, index: number, by: 1 | -1): void {
    const field = BucketWord.BITMAP + (index >>> BITMAP_WORD_SHIFT);
    if (ASSERTIONS) {
      assert(
        index >= 0 && index < this.shape(frame).blockCount,
        `block ${index} is one of the bucket at page ${frame}`,
      );
      assert(this.isLive(frame, index) === by < 0, `block ${index} of the bucket at page ${frame} changes its state`);
    }
    this.set(frame, field, this.get(frame, field) ^ (1 << (index & BITMAP_BIT_MASK)));
    this.set(frame, BucketWord.SHAPE, this.get(frame, BucketWord.SHAPE) + by);
  }
}
