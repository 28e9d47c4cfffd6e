import { byteForChecksum } from "../memory/checksum.ts";
import type { BlockShapes } from "../memory/header.ts";
import { GRANULE, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { FrameKind } from "../pages/layout.ts";
import { type CacheTable, checksumOfRecord, colourCount, isCacheName, isPowerOfTwo } from "../slab/cache-table.ts";
import { recordFault } from "../slab/check-records.ts";
import {
  CACHE_FLAG_MASK,
  CACHE_NAME_BYTES,
  CACHE_USER_BITS_SHIFT,
  CacheRecord,
  NAMED_SHEAF_CAPACITY,
  RECORD_CONSTANTS,
} from "../slab/layout.ts";
import { CLASS_COUNT, classBytes, MAX_OBJECT_BYTES, slabShape } from "../slab/size-classes.ts";
import type { RepairLog } from "./log.ts";

/** Bits of FLAGS that a named cache may have. */
const KNOWN_FLAGS: number = (CACHE_FLAG_MASK | (-1 << CACHE_USER_BITS_SHIFT)) & 0x7fff_ffff;

/** What of a cache's shape does not follow from the rest. */
interface Basics {
  readonly objectBytes: number;
  readonly alignBytes: number;
  readonly colourBytes: number;
}

/** The lowest byte of a word. */
const BYTE_MASK = 0xff;

/**
 * Repairs the records of caches. Those of size classes are what their class is. A record of a named cache is
 * restored where the checksum shows what it was: one byte is damaged, or words that follow from others. Beyond that it
 * is kept where most words of its shape agree, and else emptied: its slabs then belong to no cache.
 */
export function repairRecords(caches: CacheTable, log: RepairLog): void {
  for (let cache = 0; cache < caches.count; cache++) {
    const kind = FrameKind.FIRST_CACHE + cache;
    const record = caches.words(kind);
    const address = (caches.record(kind) << WORD_SHIFT) >>> 0;
    const isEmpty = record.every((word) => word === 0);
    if ((isEmpty && cache >= CLASS_COUNT) || isSound(caches, kind)) continue;
    const text = `the record of cache ${cache}`;
    if (cache < CLASS_COUNT) {
      setClass(record, cache, caches);
      log.done(address, `${text} was rewritten: it is kmalloc-${classBytes(cache)}`);
    } else if (attempt(caches, kind, restoreShape) || attempt(caches, kind, restoreByte)) {
      log.done(address, `${text}, "${caches.name(kind)}", was restored by its checksum`);
    } else if (attempt(caches, kind, guess)) {
      log.lost(address, `${text}, "${caches.name(kind)}", was repaired; its name and flags may have been others`);
    } else {
      // Of what was never made, something is left over by damage only.
      const wasMade = record[CacheRecord.BLOCK_BYTES] !== 0 || record[CacheRecord.CHECKSUM] !== 0;
      record.fill(0);
      if (wasMade) log.lost(address, `${text} was emptied: nothing certain is left in it`);
      else log.done(address, `${text}, unused, was emptied`);
    }
  }
}

function isSound(caches: CacheTable, kind: number): boolean {
  return caches.isUsed(kind) && recordFault(caches, kind, kind - FrameKind.FIRST_CACHE) === undefined;
}

/** Tries to repair a record; false, with nothing changed, where that does not make it sound. */
function attempt(
  caches: CacheTable,
  kind: number,
  repair: (record: Int32Array, shapes: BlockShapes) => boolean,
): boolean {
  const record = caches.words(kind);
  const before = record.slice();
  if (repair(record, caches.shapes)) {
    const next = record[CacheRecord.COLOUR_NEXT];
    if (!(next >= 0 && next < record[CacheRecord.COLOURS])) record[CacheRecord.COLOUR_NEXT] = 0;
    if (isSound(caches, kind)) return true;
  }
  record.set(before);
  return false;
}

function setClass(record: Int32Array, cache: number, { classFlags, shapes }: CacheTable): void {
  const bytes = classBytes(cache);
  setShape(record, { objectBytes: bytes, alignBytes: GRANULE, colourBytes: 0 }, shapes, Number.POSITIVE_INFINITY);
  record[CacheRecord.FLAGS] = classFlags;
  record[CacheRecord.COLOUR_NEXT] = 0;
  // The classes were the first caches that the heap made, in their order.
  record[CacheRecord.SERIAL] = cache + 1;
  setName(record, `kmalloc-${bytes}`);
  record[CacheRecord.CHECKSUM] = checksumOfRecord(record);
}

/** Writes what follows from what the user asked for, or from the size of blocks; true where the checksum is of that. */
function restoreShape(record: Int32Array, shapes: BlockShapes): boolean {
  const checksum = record[CacheRecord.CHECKSUM];
  const found = record.slice();
  for (const basics of possibleBasics(found)) {
    if (setShape(record, basics, shapes) && checksumOfRecord(record) === checksum) return true;
  }
  return restoreObjectBytes(record, found, shapes);
}

/**
 * The same where the size of objects is damaged, which lies less than an alignment below that of blocks: its lowest
 * byte follows from the checksum, once for each value of the next one.
 */
function restoreObjectBytes(record: Int32Array, found: Int32Array, shapes: BlockShapes): boolean {
  const blockBytes = found[CacheRecord.BLOCK_BYTES];
  const alignBytes = found[CacheRecord.ALIGN_BYTES];
  const colourBytes = found[CacheRecord.COLOUR_BYTES];
  if (!isAlignment(alignBytes)) return false;
  const lowest = blockBytes - Math.max(alignBytes, GRANULE) + 1;
  for (let high = blockBytes & ~BYTE_MASK; high + BYTE_MASK >= lowest && high >= 0; high -= BYTE_MASK + 1) {
    if (!setShape(record, { objectBytes: blockBytes, alignBytes, colourBytes }, shapes)) return false;
    record[CacheRecord.OBJECT_BYTES] = high;
    restoreByte(record);
    const objectBytes = record[CacheRecord.OBJECT_BYTES];
    const isRight = objectBytes >= lowest && objectBytes <= blockBytes;
    if (isRight && checksumOfRecord(record) === found[CacheRecord.CHECKSUM]) return true;
  }
  return false;
}

/** What was asked for if one of the words that say so is damaged. */
function* possibleBasics(record: Int32Array): Generator<Basics> {
  const objectBytes = record[CacheRecord.OBJECT_BYTES];
  const alignBytes = record[CacheRecord.ALIGN_BYTES];
  const colourBytes = record[CacheRecord.COLOUR_BYTES];
  yield { objectBytes, alignBytes, colourBytes };
  for (let align = 1; align <= PAGE_SIZE; align *= 2) yield { objectBytes, alignBytes: align, colourBytes };
  for (let distance = 0; distance <= PAGE_SIZE; distance += GRANULE) {
    yield { objectBytes, alignBytes, colourBytes: distance };
  }
}

/** Changes the one byte of the constants that is not what the checksum was made of. */
function restoreByte(record: Int32Array): boolean {
  const words = RECORD_CONSTANTS.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
  const values = words.map((word) => record[word]);
  const change = byteForChecksum(values, record[CacheRecord.CHECKSUM]);
  if (change === undefined) return false;
  const bytes = new Uint8Array(record.buffer, record.byteOffset, record.byteLength);
  bytes[words[change.index >>> WORD_SHIFT] * WORD_BYTES + (change.index % WORD_BYTES)] = change.value;
  return true;
}

/** Writes the shape on which the pages and the blocks of a slab agree; false where there is none. */
function guess(record: Int32Array, shapes: BlockShapes): boolean {
  const objectBytes = record[CacheRecord.OBJECT_BYTES];
  const alignBytes = isAlignment(record[CacheRecord.ALIGN_BYTES]) ? record[CacheRecord.ALIGN_BYTES] : GRANULE;
  const fromObject = roundUp(objectBytes, Math.max(alignBytes, GRANULE));
  const blockBytes = [record[CacheRecord.BLOCK_BYTES], fromObject].find((bytes) => {
    if (!isBlock(bytes)) return false;
    const { slabPages, slabBlocks } = slabShape(bytes, shapes);
    return record[CacheRecord.SLAB_PAGES] === slabPages && record[CacheRecord.SLAB_BLOCKS] === slabBlocks;
  });
  if (blockBytes === undefined) return false;
  const isObject = fromObject === blockBytes;
  const colourBytes = record[CacheRecord.COLOUR_BYTES];
  const isDistance = colourBytes >= 0 && colourBytes <= PAGE_SIZE && colourBytes % Math.max(alignBytes, GRANULE) === 0;
  const basics = isObject ? { objectBytes, alignBytes } : { objectBytes: blockBytes, alignBytes: GRANULE };
  setShape(record, { ...basics, colourBytes: isDistance ? colourBytes : 0 }, shapes);
  record[CacheRecord.FLAGS] &= KNOWN_FLAGS;
  if (!isCacheName(nameOf(record))) setName(record, `cache-${record[CacheRecord.SERIAL] >>> 0}`);
  record[CacheRecord.CHECKSUM] = checksumOfRecord(record);
  return true;
}

function isAlignment(bytes: number): boolean {
  return isPowerOfTwo(bytes) && bytes <= PAGE_SIZE;
}

function isBlock(blockBytes: number): boolean {
  return blockBytes >= GRANULE && blockBytes <= MAX_OBJECT_BYTES && blockBytes % GRANULE === 0;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Writes what follows from the basics of a cache; false, with nothing written, where they are impossible. */
function setShape(
  record: Int32Array,
  { objectBytes, alignBytes, colourBytes }: Basics,
  shapes: BlockShapes,
  capacityMax: number = NAMED_SHEAF_CAPACITY,
): boolean {
  const blockBytes = roundUp(objectBytes, Math.max(alignBytes, GRANULE));
  if (!isBlock(blockBytes) || colourBytes < 0 || !isAlignment(alignBytes)) return false;
  const shape = slabShape(blockBytes, shapes);
  record[CacheRecord.BLOCK_BYTES] = blockBytes;
  record[CacheRecord.OBJECT_BYTES] = objectBytes;
  record[CacheRecord.ALIGN_BYTES] = alignBytes;
  record[CacheRecord.SLAB_PAGES] = shape.slabPages;
  record[CacheRecord.SLAB_BLOCKS] = shape.slabBlocks;
  record[CacheRecord.CAPACITY] = Math.min(shape.capacity, capacityMax);
  record[CacheRecord.COLOURS] = colourCount(shape, blockBytes, colourBytes);
  record[CacheRecord.COLOUR_BYTES] = colourBytes;
  return true;
}

function nameBytes(record: Int32Array): Uint8Array {
  return new Uint8Array(record.buffer, record.byteOffset + CacheRecord.NAME * WORD_BYTES, CACHE_NAME_BYTES);
}

function nameOf(record: Int32Array): string {
  const bytes = nameBytes(record);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end));
}

function setName(record: Int32Array, name: string): void {
  const bytes = nameBytes(record);
  bytes.fill(0);
  for (let index = 0; index < name.length; index++) bytes[index] = name.charCodeAt(index);
}
