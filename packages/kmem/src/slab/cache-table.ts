import { describeValue, isUint32 } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { checksumOf } from "../memory/checksum.ts";
import { KmemError } from "../memory/errors.ts";
import { type BlockShapes, type Geometry, headerWord } from "../memory/header.ts";
import { GRANULE, Header, HeapFlag, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { asciiText, isPrintableAscii } from "../memory/text.ts";
import { FrameKind } from "../pages/layout.ts";
import { assertNoSlabs } from "./assertions.ts";
import {
  CACHE_NAME_BYTES,
  CACHE_RECORD_WORDS,
  CACHE_USER_BITS_MAX,
  CACHE_USER_BITS_SHIFT,
  CacheFlag,
  CacheRecord,
  NAMED_SHEAF_CAPACITY,
  RECORD_CONSTANTS,
  SLAB_OFFSET_MAX,
} from "./layout.ts";
import { CLASS_COUNT, classBytes, MAX_OBJECT_BYTES, type SlabShape, slabShape } from "./size-classes.ts";

/** Constants of the functions below once more, as constants of this module: see fast-path.ts. */
const firstCache = FrameKind.FIRST_CACHE;
const recordWords = CACHE_RECORD_WORDS;

/** What a cache is: constants of its record. */
export interface CacheShape {
  readonly name: string;
  readonly objectBytes: number;
  readonly alignBytes: number;
  /** {@link CacheFlag}s. Default: none. */
  readonly flags?: number;
  /** What the maker of the cache keeps in its record: 0 to CACHE_USER_BITS_MAX. Default 0. */
  readonly ownerFlags?: number;
  /** Successive slabs start their blocks so much further in. Default 0: all alike. */
  readonly colourBytes?: number;
}

/**
 * The records of all caches: the size classes of kmalloc first, then those that users make. Making and destroying are
 * under the table's lock.
 */
export class CacheTable {
  readonly #memory: LinearMemory;
  readonly #tableWord: number;
  readonly #serialWord: number;
  readonly #flagsWord: number;
  /** What the heap was told of sheaves and slabs. */
  readonly shapes: BlockShapes;
  /** Records of the table, those of the size classes among them. */
  readonly count: number;
  /** One past the kind of the last cache that there can be. */
  readonly endKind: number;

  constructor(memory: LinearMemory, geometry: Geometry) {
    this.shapes = geometry;
    this.count = geometry.cacheCount;
    this.endKind = firstCache + this.count;
    this.#memory = memory;
    this.#tableWord = geometry.cacheTable >>> WORD_SHIFT;
    this.#serialWord = headerWord(geometry, Header.CACHE_SERIAL);
    this.#flagsWord = headerWord(geometry, Header.FLAGS);
  }

  /** Writes the records of kmalloc's size classes into a new memory. */
  createSizeClasses(): void {
    const flags = this.classFlags;
    for (let index = 0; index < CLASS_COUNT; index++) {
      const bytes = classBytes(index);
      this.#write(index, { name: `kmalloc-${bytes}`, objectBytes: bytes, alignBytes: GRANULE, flags }, bytes);
    }
  }

  /** {@link CacheFlag}s of the size classes: the blocks of a debugged heap are formatted when their slab is made. */
  get classFlags(): number {
    const isDebugged = (this.#memory.words[this.#flagsWord] & HeapFlag.DEBUGGED) !== 0;
    return isDebugged ? CacheFlag.HAS_CONSTRUCTOR : 0;
  }

  /** Index of the record's first word in `memory.words`, by the kind of the cache's frames. */
  record(kind: number): number {
    return this.#tableWord + (kind - firstCache) * recordWords;
  }

  /** A word of a record; 0 where a damaged byte names a kind that has none. */
  get(kind: number, field: number): number {
    if (kind >= this.endKind) return 0;
    return this.#memory.words[this.record(kind) + field];
  }

  /** The words of a cache's record. */
  words(kind: number): Int32Array<ArrayBufferLike> {
    return this.#memory.words.subarray(this.record(kind), this.record(kind) + recordWords);
  }

  /** Bytes of a block of the cache. */
  blockBytes(kind: number): number {
    return this.get(kind, CacheRecord.BLOCK_BYTES);
  }

  isUsed(kind: number): boolean {
    return kind >= FrameKind.FIRST_CACHE && kind < this.endKind && this.get(kind, CacheRecord.BLOCK_BYTES) !== 0;
  }

  hasFlag(kind: number, flag: number): boolean {
    return (this.get(kind, CacheRecord.FLAGS) & flag) !== 0;
  }

  /** Whether slabs of the cache need functions of the thread that makes or releases them. */
  hasConstructorOrDestructor(kind: number): boolean {
    return this.hasFlag(kind, CacheFlag.HAS_CONSTRUCTOR | CacheFlag.HAS_DESTRUCTOR);
  }

  /** What the maker of the cache keeps in its record. */
  ownerFlags(kind: number): number {
    return this.get(kind, CacheRecord.FLAGS) >>> CACHE_USER_BITS_SHIFT;
  }

  /** Whether there is a record for one cache more. O(caches). */
  hasRoom(): boolean {
    return [...this.kinds()].length < this.count;
  }

  /** The kind of the cache of that name, undefined where there is none. O(caches). */
  find(name: string): number | undefined {
    for (const kind of this.kinds()) if (this.name(kind) === name) return kind;
    return undefined;
  }

  /** Kinds of all caches in use, kmalloc's first. */
  *kinds(): Generator<number> {
    for (let cache = 0; cache < this.count; cache++) {
      const kind = FrameKind.FIRST_CACHE + cache;
      if (this.isUsed(kind)) yield kind;
    }
  }

  /** The name of a cache, in printable ASCII whatever stands there: every other byte reads as a question mark. */
  name(kind: number): string {
    const start = (this.record(kind) + CacheRecord.NAME) * WORD_BYTES;
    return asciiText(this.#memory.bytes.subarray(start, start + CACHE_NAME_BYTES));
  }

  /** Whether the name of a cache is one that there can be. */
  hasSoundName(kind: number): boolean {
    const start = (this.record(kind) + CacheRecord.NAME) * WORD_BYTES;
    const bytes = this.#memory.bytes.subarray(start, start + CACHE_NAME_BYTES);
    const end = bytes.indexOf(0);
    return end !== 0 && bytes.subarray(0, end < 0 ? bytes.length : end).every(isPrintableAscii);
  }

  /** Blocks of a slab of a cache: never more than its pages hold, whatever the record says. */
  slabBlocks(kind: number): number {
    const blockBytes = this.blockBytes(kind);
    if (!(blockBytes >= GRANULE)) return 0;
    const most = Math.floor((this.slabPages(kind) * PAGE_SIZE) / blockBytes);
    return Math.max(0, Math.min(this.get(kind, CacheRecord.SLAB_BLOCKS), most));
  }

  /** Pages of a slab of a cache: never more than slabs have, whatever the record says. */
  slabPages(kind: number): number {
    return Math.max(0, Math.min(this.get(kind, CacheRecord.SLAB_PAGES), MAX_OBJECT_BYTES / PAGE_SIZE));
  }

  /** Takes a free record for a new cache and returns its kind. Throws with nothing changed. O(caches). */
  create(shape: CacheShape): number {
    const blockBytes = checkShape(shape);
    let free = -1;
    for (let cache = 0; cache < this.count; cache++) {
      const kind = FrameKind.FIRST_CACHE + cache;
      if (!this.isUsed(kind)) free = free < 0 ? cache : free;
      else if (this.name(kind) === shape.name) {
        throw new KmemError("CACHE_EXISTS", `a cache named "${shape.name}" exists already`, { name: shape.name });
      }
    }
    if (free < 0) {
      const limit = this.count - CLASS_COUNT;
      throw new KmemError("TOO_MANY_CACHES", `there is no room for more than ${limit} caches`, { limit });
    }
    this.#write(free, shape, blockBytes);
    return FrameKind.FIRST_CACHE + free;
  }

  /**
   * Gives a record back. Its cache must have no slabs. Under the cache's lock as well: a thread that looks through all
   * caches may be at this one.
   */
  destroy(kind: number): void {
    if (ASSERTIONS) assertNoSlabs(this.#memory.words, this.record(kind));
    this.#clear(this.record(kind));
  }

  /** Clears all words of a record but the lock: that is for all caches that the record ever was, and will be. */
  #clear(record: number): void {
    const { words } = this.#memory;
    words.fill(0, record, record + CacheRecord.LOCK);
    words.fill(0, record + CacheRecord.LOCK + 1, record + CACHE_RECORD_WORDS);
  }

  #write(cache: number, shape: CacheShape, blockBytes: number): void {
    const { words, bytes } = this.#memory;
    const record = this.record(FrameKind.FIRST_CACHE + cache);
    const slab = slabShape(blockBytes, this.shapes);
    const { slabPages, slabBlocks, capacity } = slab;
    const colourBytes = roundUp(shape.colourBytes ?? 0, Math.max(shape.alignBytes, GRANULE));
    if (ASSERTIONS) {
      assert(words[record + CacheRecord.BLOCK_BYTES] === 0, `the record of cache ${cache} is free`);
      assert(
        blockBytes >= shape.objectBytes && blockBytes % GRANULE === 0,
        `blocks of ${blockBytes} bytes are granules`,
      );
      assert(slabBlocks * blockBytes <= slabPages * PAGE_SIZE, `${slabBlocks} blocks fit into ${slabPages} pages`);
    }
    this.#clear(record);
    words[record + CacheRecord.OBJECT_BYTES] = shape.objectBytes;
    words[record + CacheRecord.ALIGN_BYTES] = shape.alignBytes;
    words[record + CacheRecord.SLAB_PAGES] = slabPages;
    words[record + CacheRecord.SLAB_BLOCKS] = slabBlocks;
    words[record + CacheRecord.CAPACITY] = cache < CLASS_COUNT ? capacity : Math.min(capacity, NAMED_SHEAF_CAPACITY);
    words[record + CacheRecord.FLAGS] = (shape.flags ?? 0) | ((shape.ownerFlags ?? 0) << CACHE_USER_BITS_SHIFT);
    words[record + CacheRecord.COLOURS] = colourCount(slab, blockBytes, colourBytes);
    words[record + CacheRecord.COLOUR_BYTES] = colourBytes;
    words[record + CacheRecord.SERIAL] = ++words[this.#serialWord];
    const nameByte = (record + CacheRecord.NAME) * WORD_BYTES;
    for (let i = 0; i < shape.name.length; i++) bytes[nameByte + i] = shape.name.charCodeAt(i);
    const constants = this.words(FrameKind.FIRST_CACHE + cache).slice();
    constants[CacheRecord.BLOCK_BYTES] = blockBytes;
    words[record + CacheRecord.CHECKSUM] = checksumOfRecord(constants);
    words[record + CacheRecord.BLOCK_BYTES] = blockBytes;
  }
}

/** The checksum over the words of a cache's record that never change while the cache lives. */
export function checksumOfRecord(record: Int32Array): number {
  return checksumOf(RECORD_CONSTANTS.flatMap(([first, last]) => [...record.subarray(first, last + 1)]));
}

/** Colours that fit into the end that the blocks of a slab leave unused. */
export function colourCount({ slabPages, slabBlocks }: SlabShape, blockBytes: number, colourBytes: number): number {
  if (colourBytes === 0) return 1;
  if (ASSERTIONS) assert(colourBytes % GRANULE === 0, `colours are granules apart, not ${colourBytes} bytes`);
  const unusedBytes = slabPages * PAGE_SIZE - slabBlocks * blockBytes;
  return 1 + Math.floor(Math.min(unusedBytes, SLAB_OFFSET_MAX * GRANULE) / colourBytes);
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Verifies what a user asks of a cache; returns the bytes of its blocks. */
function checkShape({ name, objectBytes, alignBytes, colourBytes = 0, ownerFlags = 0 }: CacheShape): number {
  if (typeof name !== "string" || !isCacheName(name)) {
    throw new KmemError(
      "BAD_ARGUMENT",
      `a cache's name has 1 to ${CACHE_NAME_BYTES} printable ASCII characters, unlike ${describeValue(name)}`,
      { name },
    );
  }
  if (!Number.isInteger(objectBytes) || objectBytes < 1 || objectBytes > MAX_OBJECT_BYTES) {
    throw new KmemError(
      "BAD_SIZE",
      `objects of a cache have 1 to ${MAX_OBJECT_BYTES} bytes, not ${describeValue(objectBytes)}`,
      {
        sizeBytes: objectBytes,
      },
    );
  }
  if (!isPowerOfTwo(alignBytes) || alignBytes > PAGE_SIZE) {
    throw new KmemError(
      "BAD_ALIGNMENT",
      `objects of a cache are aligned to a power of two up to ${PAGE_SIZE}, not ${describeValue(alignBytes)}`,
      { alignmentBytes: alignBytes },
    );
  }
  const alignment = Math.max(alignBytes, GRANULE);
  if (!Number.isInteger(colourBytes) || colourBytes < 0 || colourBytes > MAX_OBJECT_BYTES) {
    throw new KmemError(
      "BAD_ARGUMENT",
      `colours are 0 to ${MAX_OBJECT_BYTES} bytes apart, not ${describeValue(colourBytes)}`,
      {
        colourBytes,
      },
    );
  }
  if (!Number.isInteger(ownerFlags) || ownerFlags < 0 || ownerFlags > CACHE_USER_BITS_MAX) {
    throw new KmemError(
      "BAD_ARGUMENT",
      `the flags of a cache's maker are 0 to ${CACHE_USER_BITS_MAX}, not ${describeValue(ownerFlags)}`,
      {
        ownerFlags,
      },
    );
  }
  return roundUp(objectBytes, alignment);
}

/** Whether a cache can have this name: printable ASCII that fits its record. */
export function isCacheName(name: string): boolean {
  return /^[\x20-\x7e]+$/.test(name) && name.length <= CACHE_NAME_BYTES;
}

/** Whether a value is a power of two below 2^32. */
export function isPowerOfTwo(value: unknown): boolean {
  return isUint32(value) && value !== 0 && (value & (value - 1)) === 0;
}
