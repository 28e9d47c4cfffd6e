import { describeValue } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import type { Report } from "../memory/finding.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { checkArena } from "./check.ts";
import {
  ARENA_HEADER_WORDS,
  ARENA_MAGIC,
  ArenaHeader,
  NO_RANGE,
  NO_RECORD,
  OWNER_WORDS_MAX,
  SEGMENT_WORDS,
  SegmentRecord,
  SegmentState,
  UNITS_END,
} from "./layout.ts";
import { type Range, rangeOf, rangesOf, requireArena, requirePlace } from "./ranges.ts";
import { Records } from "./records.ts";
import { alignUp, SegmentTree } from "./tree.ts";

/** How an arena is made. */
export interface VmemOptions {
  /** Words in each record for the owner of a range: 0 to 256. Default 0. */
  readonly ownerWords?: number;
  /** Called when records run out; adds a table with {@link Vmem.addTable} and returns whether it could. */
  readonly grow?: (() => boolean) | undefined;
}

/**
 * An arena of integers: hands out ranges of whole numbers from 0 to 2^32 - 2 and never looks at what they stand for.
 * The lowest range that fits is taken; freed ranges merge with their neighbours at once; ranges never reach from one
 * span into another. All state lies in the buffer, in a header and tables at addresses that the caller gives.
 * One thread at a time; what one that died has left half done, `rebuildArena` makes whole. Modelled on: Bonwick's vmem,
 * Linux's genalloc and the tree of its vmap areas.
 */
export class Vmem {
  readonly #memory: LinearMemory;
  readonly #header: number;
  readonly #records: Records;
  readonly #tree: SegmentTree;
  readonly #grow: (() => boolean) | undefined;

  private constructor(memory: LinearMemory, headerAddress: number, grow: (() => boolean) | undefined) {
    this.#memory = memory;
    this.#header = headerAddress >>> WORD_SHIFT;
    this.#records = new Records(memory, this.#header);
    this.#tree = new SegmentTree(memory, this.#header + ArenaHeader.ROOT);
    this.#grow = grow;
  }

  /** Makes an arena without spans and tables; its header takes ARENA_HEADER_BYTES. Throws BAD_ARGUMENT. O(1). */
  static create(memory: LinearMemory, headerAddress: number, options: VmemOptions = {}): Vmem {
    const { ownerWords = 0, grow } = options;
    requirePlace(memory, headerAddress);
    if (!Number.isInteger(ownerWords) || ownerWords < 0 || ownerWords > OWNER_WORDS_MAX) {
      throw new KmemError("BAD_ARGUMENT", `a record has 0 to ${OWNER_WORDS_MAX} owner's words, not ${ownerWords}`, {
        ownerWords,
      });
    }
    const header = headerAddress >>> WORD_SHIFT;
    memory.words.fill(0, header, header + ARENA_HEADER_WORDS);
    memory.words[header + ArenaHeader.RECORD_WORDS] = SEGMENT_WORDS + ownerWords;
    memory.words[header + ArenaHeader.MAGIC] = ARENA_MAGIC;
    return new Vmem(memory, headerAddress, grow);
  }

  /** Opens the arena whose header lies at this address. Throws BAD_ARGUMENT or NOT_A_HEAP. O(1). */
  static attach(memory: LinearMemory, headerAddress: number, grow?: () => boolean): Vmem {
    requireArena(memory, headerAddress);
    return new Vmem(memory, headerAddress, grow);
  }

  /**
   * Gives the arena `sizeBytes` of memory for its records and returns how many fit. The memory stays the caller's to
   * take back when the arena is done with. Throws BAD_ARGUMENT unless a record fits and all lies inside. O(records).
   */
  addTable(address: number, sizeBytes: number): number {
    return this.#records.add(address, sizeBytes);
  }

  /** Addresses of the tables, the newest first. */
  tables(): Generator<number> {
    return this.#records.tables();
  }

  /**
   * Adds the integers from `start` on, all free, and returns whether there was a record for them. Throws BAD_ARGUMENT
   * for what overlaps a span or reaches beyond 2^32 - 2. Needs one record. O(log n).
   */
  addSpan(start: number, size: number): boolean {
    requireSize(size);
    if (!Number.isInteger(start) || start < 0 || start + size > UNITS_END) {
      throw new KmemError("BAD_ARGUMENT", `a span of ${size} from ${describeValue(start)} on is out of bounds`, {
        start,
        size,
      });
    }
    const previous = this.#tree.floor(start + size - 1);
    if (previous !== NO_RECORD && this.#end(previous) > start) {
      throw new KmemError("BAD_ARGUMENT", `a span of ${size} from ${start} on overlaps a span of the arena`, {
        start,
        size,
      });
    }
    if (!this.#reserve(1)) return false;
    const record = this.#newSegment(previous, start, size, SegmentState.FREE | SegmentState.SPAN_START);
    this.#tree.insert(record);
    this.#addTo(ArenaHeader.SPAN_COUNT, 1);
    this.#addTo(ArenaHeader.TOTAL_UNITS, size);
    this.#addTo(ArenaHeader.FREE_UNITS, size);
    return true;
  }

  /** Takes back the span that starts at `start`, all of which must be free. Throws BAD_ARGUMENT. O(log n). */
  removeSpan(start: number): void {
    const record = this.#recordAt(start);
    const next = record === NO_RECORD ? NO_RECORD : this.#get(record, SegmentRecord.NEXT);
    const isWhole = next === NO_RECORD || this.#has(next, SegmentState.SPAN_START);
    if (!this.#has(record, SegmentState.SPAN_START) || !this.#has(record, SegmentState.FREE) || !isWhole) {
      throw new KmemError("BAD_ARGUMENT", `no span that is all free starts at ${describeValue(start)}`, { start });
    }
    const size = this.#get(record, SegmentRecord.SIZE);
    this.#drop(record);
    this.#addTo(ArenaHeader.SPAN_COUNT, -1);
    this.#addTo(ArenaHeader.TOTAL_UNITS, -size);
    this.#addTo(ArenaHeader.FREE_UNITS, -size);
  }

  /**
   * Allocates the lowest `size` integers in a row that start at a multiple of `align` (any whole number from 1) and
   * returns the first, or NO_RANGE (-1) when none fit or there is no record for what is cut off. The owner's words
   * are zero. Throws BAD_SIZE or BAD_ALIGNMENT. O(log n) for align 1.
   */
  alloc(size: number, align = 1): number {
    requireSize(size);
    requireAlignment(align);
    const record = this.#allocate(size, align);
    return record === NO_RECORD ? NO_RANGE : this.#get(record, SegmentRecord.START);
  }

  /** As {@link alloc}, but returns the index in `memory.words` of the range's owner's words; 0 where it returns -1. */
  allocOwned(size: number, align = 1): number {
    requireSize(size);
    requireAlignment(align);
    const record = this.#allocate(size, align);
    return record === NO_RECORD ? 0 : record + SegmentRecord.OWNER;
  }

  /** The first integer of the allocated range whose owner's words begin at `owner`. O(1). */
  startOf(owner: number): number {
    return this.#get(owner - SegmentRecord.OWNER, SegmentRecord.START);
  }

  /** Record of a new range, or NO_RECORD. */
  #allocate(size: number, align: number): number {
    const fit = this.#tree.lowestFit(size, align);
    if (fit === NO_RECORD) return NO_RECORD;
    const start = alignUp(this.#get(fit, SegmentRecord.START), align);
    const before = start - this.#get(fit, SegmentRecord.START);
    const after = this.#get(fit, SegmentRecord.SIZE) - before - size;
    if (!this.#reserve(Number(before > 0) + Number(after > 0))) return NO_RECORD;
    const range = before > 0 ? this.#cut(fit, before) : fit;
    if (after > 0) this.#cut(range, size);
    if (ASSERTIONS) {
      assert(this.#has(range, SegmentState.FREE), `the range from ${start} on is free before it is handed out`);
      assert(this.#get(range, SegmentRecord.START) === start, `the range that is handed out starts at ${start}`);
      assert(this.#get(range, SegmentRecord.SIZE) === size, `the range from ${start} on has the ${size} asked for`);
      assert(start % align === 0, `the range from ${start} on starts at a multiple of ${align}`);
    }
    const { words } = this.#memory;
    words.fill(0, range + SegmentRecord.OWNER, range + this.#records.recordWords);
    this.#setAllocated(range, true);
    this.#tree.update(range);
    this.#addTo(ArenaHeader.FREE_UNITS, -size);
    return range;
  }

  /**
   * Frees the allocated range that starts at `start` and returns its size. Throws INVALID_FREE, with nothing changed,
   * for every other value, and says what lies there. Never needs a record. O(log n).
   */
  free(start: number): number {
    const record = this.#allocatedAt(start);
    if (record === NO_RECORD) {
      throw new KmemError("INVALID_FREE", `cannot free ${describeValue(start)}: ${this.#phraseFor(start)}`, { start });
    }
    return this.#release(record);
  }

  /** As {@link free}, for the range whose owner's words begin at `owner`: see {@link ownerWord}. */
  freeOwned(owner: number): number {
    if (ASSERTIONS)
      assert(this.#has(owner - SegmentRecord.OWNER, SegmentState.ALLOCATED), "only what is allocated is freed");
    return this.#release(owner - SegmentRecord.OWNER);
  }

  /** Makes an allocated range free, and joins it with the free ones beside it; returns its size. */
  #release(record: number): number {
    const size = this.#get(record, SegmentRecord.SIZE);
    if (ASSERTIONS) assert(size > 0 && this.freeUnits + size <= this.totalUnits, `${size} can be free besides`);
    const previous = this.#get(record, SegmentRecord.PREV);
    const next = this.#get(record, SegmentRecord.NEXT);
    this.#setAllocated(record, false);
    if (this.#joins(record, next)) this.#absorb(record, next);
    let merged = record;
    if (this.#joins(previous, record)) {
      this.#absorb(previous, record);
      merged = previous;
    }
    this.#tree.update(merged);
    this.#addTo(ArenaHeader.FREE_UNITS, size);
    if (ASSERTIONS) assert(this.#has(merged, SegmentState.FREE), "a range lies in a free one after it was freed");
    return size;
  }

  /** The segment that an integer lies in, or undefined outside of all spans. Any number is allowed. O(log n). */
  lookup(value: number): Range | undefined {
    const record = this.#tree.floor(value);
    return record !== NO_RECORD && value < this.#end(record) ? rangeOf(this.#memory, record) : undefined;
  }

  /**
   * Index in `memory.words` of the owner's words of the allocated range that starts at `start`, or 0 where none does.
   * It stays the same until the range is freed. O(log n).
   */
  ownerWord(start: number): number {
    const record = this.#allocatedAt(start);
    return record === NO_RECORD ? 0 : record + SegmentRecord.OWNER;
  }

  /** All segments in the order of their starts. Do not change the arena while iterating. */
  ranges(): Generator<Range> {
    return rangesOf(this.#memory, this.#address);
  }

  /** Integers in all spans. */
  get totalUnits(): number {
    return this.#memory.words[this.#header + ArenaHeader.TOTAL_UNITS] >>> 0;
  }

  /** Integers that are not allocated. */
  get freeUnits(): number {
    return this.#memory.words[this.#header + ArenaHeader.FREE_UNITS] >>> 0;
  }

  /** The longest range that an allocation without alignment can get. O(1). */
  get longestFree(): number {
    return this.#tree.longestFree;
  }

  /** Records that are left before a table must be added. */
  get unusedRecords(): number {
    return this.#records.unusedCount;
  }

  /** Verifies every invariant and reports what is broken, by address of the record. Reads only; ends on any bytes. */
  check(report: Report): void {
    checkArena(this.#memory, this.#address, report);
  }

  /** Address of the header. */
  get #address(): number {
    return (this.#header << WORD_SHIFT) >>> 0;
  }

  #get(record: number, field: number): number {
    return field <= SegmentRecord.SIZE ? this.#memory.words[record + field] >>> 0 : this.#memory.words[record + field];
  }

  #has(record: number, bit: number): boolean {
    return record !== NO_RECORD && (this.#memory.words[record + SegmentRecord.STATE] & bit) !== 0;
  }

  #end(record: number): number {
    return this.#get(record, SegmentRecord.START) + this.#get(record, SegmentRecord.SIZE);
  }

  #recordAt(start: number): number {
    const record = this.#tree.floor(start);
    return record !== NO_RECORD && this.#get(record, SegmentRecord.START) === start ? record : NO_RECORD;
  }

  #allocatedAt(start: number): number {
    const record = this.#recordAt(start);
    return this.#has(record, SegmentState.ALLOCATED) ? record : NO_RECORD;
  }

  #phraseFor(value: number): string {
    const range = this.lookup(value);
    if (range === undefined) return "it lies outside of the arena";
    if (range.isFree) return "it is free";
    return `it lies inside of the range of ${range.size} from ${range.start} on`;
  }

  /** Makes sure of `count` unused records, with the owner's help where needed. */
  #reserve(count: number): boolean {
    while (this.#records.unusedCount < count) {
      const before = this.#records.unusedCount;
      if (this.#grow?.() !== true || this.#records.unusedCount === before) return false;
    }
    return true;
  }

  #addTo(field: number, count: number): void {
    this.#memory.words[this.#header + field] += count;
  }

  #setAllocated(record: number, isAllocated: boolean): void {
    const { words } = this.#memory;
    const spanStart = words[record + SegmentRecord.STATE] & SegmentState.SPAN_START;
    words[record + SegmentRecord.STATE] = spanStart | (isAllocated ? SegmentState.ALLOCATED : SegmentState.FREE);
  }

  /** Makes a record for a segment and links it after `previous`; the tree is left to the caller. */
  #newSegment(previous: number, start: number, size: number, state: number): number {
    const record = this.#records.take();
    if (ASSERTIONS) assert(size > 0, `a segment from ${start} on is not empty`);
    const { words } = this.#memory;
    const nextLink = previous === NO_RECORD ? this.#header + ArenaHeader.FIRST : previous + SegmentRecord.NEXT;
    const next = words[nextLink];
    words[record + SegmentRecord.START] = start;
    words[record + SegmentRecord.SIZE] = size;
    words[record + SegmentRecord.STATE] = state;
    words[record + SegmentRecord.PREV] = previous;
    words[record + SegmentRecord.NEXT] = next;
    if (next !== NO_RECORD) words[next + SegmentRecord.PREV] = record;
    words[nextLink] = record;
    return record;
  }

  /**
   * Shortens a free segment to `size` and returns the new one that holds the rest. The tree updates the first on
   * the way to its successor.
   */
  #cut(record: number, size: number): number {
    const start = this.#get(record, SegmentRecord.START);
    const restSize = this.#get(record, SegmentRecord.SIZE) - size;
    if (ASSERTIONS) assert(this.#has(record, SegmentState.FREE), `the segment from ${start} on that is cut is free`);
    const rest = this.#newSegment(record, start + size, restSize, SegmentState.FREE);
    this.#memory.words[record + SegmentRecord.SIZE] = size;
    this.#tree.insert(rest);
    return rest;
  }

  /** Whether two neighbouring segments are to be one. */
  #joins(low: number, high: number): boolean {
    const areFree = this.#has(low, SegmentState.FREE) && this.#has(high, SegmentState.FREE);
    return areFree && !this.#has(high, SegmentState.SPAN_START);
  }

  #absorb(low: number, high: number): void {
    if (ASSERTIONS) {
      assert(
        this.#end(low) === this.#get(high, SegmentRecord.START),
        `segments that become one touch at ${this.#end(low)}`,
      );
    }
    this.#memory.words[low + SegmentRecord.SIZE] += this.#get(high, SegmentRecord.SIZE);
    this.#drop(high);
  }

  /** Takes a segment out of the tree and the list and its record back. */
  #drop(record: number): void {
    this.#tree.remove(record);
    const { words } = this.#memory;
    const previous = words[record + SegmentRecord.PREV];
    const next = words[record + SegmentRecord.NEXT];
    if (previous === NO_RECORD) words[this.#header + ArenaHeader.FIRST] = next;
    else words[previous + SegmentRecord.NEXT] = next;
    if (next !== NO_RECORD) words[next + SegmentRecord.PREV] = previous;
    this.#records.give(record);
  }
}

function requireSize(size: number): void {
  if (Number.isInteger(size) && size >= 1 && size <= UNITS_END) return;
  throw new KmemError("BAD_SIZE", `a range has a whole number of integers from 1, not ${describeValue(size)}`, {
    size,
  });
}

function requireAlignment(align: number): void {
  if (Number.isInteger(align) && align >= 1 && align <= UNITS_END) return;
  throw new KmemError("BAD_ALIGNMENT", `an alignment is a whole number from 1, not ${describeValue(align)}`, { align });
}
