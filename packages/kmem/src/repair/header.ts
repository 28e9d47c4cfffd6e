import { openGeometry, TABLE_SIZES } from "../kmalloc/open-layers.ts";
import { byteForChecksum, checksumOf } from "../memory/checksum.ts";
import { KmemError } from "../memory/errors.ts";
import { planGeometry } from "../memory/geometry.ts";
import {
  arePossible,
  checksumBeforeFlags,
  checksumOfHeader,
  GEOMETRY_WORDS,
  type Geometry,
  headerValue,
  headerWord,
  shapeFlags,
  shapesOf,
} from "../memory/header.ts";
import {
  BYTE_ORDER_MARK,
  HEADER_WORDS,
  HEAP_FLAG_MASK,
  Header,
  HeapFlag,
  LAYOUT_VERSION,
  MAGIC,
  PAGE_SHIFT,
  PAGE_SIZE,
  SHEAF_BLOCKS_MAX,
  SHEAF_BLOCKS_MIN,
  SLAB_PAGES_MAX,
  WORD_BYTES,
  WORD_SHIFT,
} from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { rewriteTablePlace } from "../pages/moving-tables.ts";
import type { RepairLog } from "./log.ts";
import { restoreTablePlace } from "./tables.ts";

/** Every possible value of a heap's flags, those of a heap that chooses the shapes of sheaves and slabs first. */
function* possibleFlags(): Generator<number> {
  for (let slabPages = 0; slabPages <= SLAB_PAGES_MAX; slabPages++) {
    for (let sheafBlocks = 0; sheafBlocks <= SHEAF_BLOCKS_MAX; sheafBlocks++) {
      if (sheafBlocks !== 0 && sheafBlocks < SHEAF_BLOCKS_MIN) continue;
      const shapes = shapeFlags({ sheafBlocks, slabPages });
      for (let flags = 0; flags <= HEAP_FLAG_MASK; flags++) yield shapes | flags;
    }
  }
}

/** The flags that give a header its checksum: those it has, or all that there can be; undefined where none do. */
function confirmedFlags(header: Int32Array, hasMovingTables: boolean): number | undefined {
  const before = checksumBeforeFlags(header, 0);
  const isConfirmed = (flags: number): boolean =>
    ((flags & HeapFlag.MOVING_TABLES) !== 0) === hasMovingTables &&
    checksumOf([flags], before) === header[Header.CHECKSUM];
  if (isConfirmed(header[Header.FLAGS])) return header[Header.FLAGS];
  for (const flags of possibleFlags()) if (isConfirmed(flags)) return flags;
  return undefined;
}

/** Whether flags are some that there can be. */
function arePossibleFlags(flags: number): boolean {
  const shapes = shapesOf(flags);
  return arePossible(shapes) && ((flags ^ shapeFlags(shapes)) & ~HEAP_FLAG_MASK) === 0;
}

/**
 * Repairs the header of the heap at byte `start`. All constants follow from three of them, and the checksum confirms
 * the result; if it does not, searches for a single damaged byte. `endFrame` is the end of the pages. Throws what
 * `readHeader` throws if the header cannot be restored, with nothing changed.
 */
export function repairHeader(memory: LinearMemory, start: number, endFrame: number, log: RepairLog): void {
  const baseFrame = Math.ceil(start / PAGE_SIZE);
  const firstWord = (baseFrame << PAGE_SHIFT) >>> WORD_SHIFT;
  if (memory.byteLength < (baseFrame + 1) * PAGE_SIZE) openGeometry(memory, start);
  const header = memory.words.subarray(firstWord, firstWord + HEADER_WORDS);
  const before = header.slice();
  const isRestored = restoreDerived(header, baseFrame) || restoreByte(header);
  if (isRestored) header[Header.END_FRAME] = endFrame;
  restoreTablePlace(memory, start);
  try {
    openGeometry(memory, start);
  } catch (error) {
    header.set(before);
    throw error;
  }
  logChanges(before, header, baseFrame * PAGE_SIZE, log);
}

function logChanges(before: Int32Array, header: Int32Array, address: number, log: RepairLog): void {
  for (const [word, value] of before.entries()) {
    if (header[word] === value) continue;
    log.done(address + word * WORD_BYTES, `word ${word} of the header was ${value >>> 0} and is ${header[word] >>> 0}`);
  }
}

/** Writes all constants that follow from others; false, with nothing changed, if the checksum does not confirm them. */
function restoreDerived(header: Int32Array, baseFrame: number): boolean {
  const isMoving = (header[Header.FLAGS] & HeapFlag.MOVING_TABLES) !== 0;
  return restoreFor(header, baseFrame, isMoving) || restoreFor(header, baseFrame, !isMoving);
}

/** The same, for a heap whose tables move, or do not. */
function restoreFor(header: Int32Array, baseFrame: number, hasMovingTables: boolean): boolean {
  const derived = header.slice();
  derived[Header.MAGIC] = MAGIC;
  derived[Header.VERSION] = LAYOUT_VERSION;
  derived[Header.BYTE_ORDER] = BYTE_ORDER_MARK;
  try {
    const geometry = planGeometry(
      {
        start: baseFrame * PAGE_SIZE,
        end: baseFrame * PAGE_SIZE,
        limit: (header[Header.LIMIT_FRAME] >>> 0) * PAGE_SIZE,
        slotCount: header[Header.SLOT_COUNT],
        cacheCount: header[Header.CACHE_COUNT],
        dmaBytes: (header[Header.DMA_FRAMES] >>> 0) * PAGE_SIZE,
        hasMovingTables,
      },
      TABLE_SIZES,
    );
    for (const [field, word] of GEOMETRY_WORDS) derived[word] = headerValue(geometry, field);
  } catch (error) {
    if (error instanceof KmemError) return false;
    throw error;
  }
  const isSame = derived.subarray(0, Header.CHECKSUM).every((value, word) => value === header[word]);
  const flags = confirmedFlags(derived, hasMovingTables);
  if (flags !== undefined) {
    derived[Header.FLAGS] = flags;
    header.set(derived);
    return true;
  }
  // If all constants agree with each other, they are right, and only the checksum is damaged.
  const isMoving = (header[Header.FLAGS] & HeapFlag.MOVING_TABLES) !== 0;
  if (!isSame || isMoving !== hasMovingTables || !arePossibleFlags(header[Header.FLAGS])) return false;
  header[Header.CHECKSUM] = checksumOfHeader(header, 0);
  return true;
}

/** Finds and restores the one byte of the constants that does not match the checksum. */
function restoreByte(header: Int32Array): boolean {
  const words = [...Array(Header.CHECKSUM).keys(), Header.FLAGS];
  const values = words.map((word) => header[word]);
  const change = byteForChecksum(values, header[Header.CHECKSUM]);
  if (change === undefined) return false;
  const bytes = new Uint8Array(header.buffer, header.byteOffset, header.byteLength);
  bytes[words[change.index >>> WORD_SHIFT] * WORD_BYTES + (change.index % WORD_BYTES)] = change.value;
  return true;
}

/**
 * As {@link repairHeader}, for an open heap, whose geometry is known whatever the header says. Without a matching
 * checksum, flags with unknown bits are cleared to 0; all others are kept, and the shapes are those of the geometry.
 */
export function rewriteHeader(memory: LinearMemory, geometry: Geometry, endFrame: number, log: RepairLog): void {
  const { words } = memory;
  const firstWord = headerWord(geometry, 0);
  const header = words.subarray(firstWord, firstWord + HEADER_WORDS);
  const before = header.slice();
  for (const [field, word] of GEOMETRY_WORDS) header[word] = headerValue(geometry, field);
  if (!restoreDerived(header, geometry.baseFrame)) {
    const { FLAGS, CHECKSUM } = Header;
    const known = arePossibleFlags(header[FLAGS]) ? header[FLAGS] & HEAP_FLAG_MASK : 0;
    const others = (known & ~HeapFlag.MOVING_TABLES) | shapeFlags(geometry);
    header[FLAGS] = geometry.hasMovingTables ? others | HeapFlag.MOVING_TABLES : others;
    header[Header.MAGIC] = MAGIC;
    header[Header.VERSION] = LAYOUT_VERSION;
    header[Header.BYTE_ORDER] = BYTE_ORDER_MARK;
    header[CHECKSUM] = checksumOfHeader(header, 0);
    log.lost(geometry.baseFrame * PAGE_SIZE, "the header was rewritten; its flags may have been others");
  }
  header[Header.END_FRAME] = Math.min(endFrame, geometry.coveredEndFrame);
  rewriteTablePlace(memory, geometry);
  logChanges(before, header, geometry.baseFrame * PAGE_SIZE, log);
}

/**
 * The end of the managed pages according to most of its witnesses: the header, the end of the last zone, and the kinds
 * of pages (`presentEnd`). If all three differ, the kinds of pages decide.
 */
export function likelyEnd(said: number, zoneEnd: number, presentEnd: number): number {
  if (said === zoneEnd || said === presentEnd) return said;
  return zoneEnd === presentEnd ? zoneEnd : presentEnd;
}
