import { describeValue, signedHint } from "./arguments.ts";
import { KmemError } from "./errors.ts";
import { type BlockShapes, DEFAULT_SHAPES, type Geometry, isSmallHeap, NO_MOVING_TABLES } from "./header.ts";
import {
  ADDRESS_SPACE_BYTES,
  DEFAULT_SLOT_COUNT,
  GRANULE_SHIFT,
  HEADER_WORDS,
  MAX_SLOT_COUNT,
  PAGE_SHIFT,
  PAGE_SIZE,
  SMALL_NAMED_CACHES,
  SMALL_SHEAF_BLOCKS,
  SMALL_SLOT_COUNT,
  WORD_BYTES,
} from "./layout.ts";

/** Bytes that the upper layers need for their tables; each layer names its own in its layout file. */
export interface TableSizes {
  readonly zoneTableBytes: number;
  readonly slotRecordBytes: number;
  readonly cacheRecordBytes: number;
  /** Caches that every heap has, and the most that one can have. */
  readonly classCount: number;
  readonly cacheCountMax: number;
  readonly frameRecordBytes: number;
  /** Pages that have to be left after the tables, in one zone: those of the first slot. */
  slotPages(shapes: BlockShapes): number;
  groupTableBytes(firstFrame: number, endFrame: number): number;
}

/** The part of a buffer that a heap may use, in bytes (`limit` is how far growth may go), and how it is planned. */
export interface Extent {
  readonly start: number;
  readonly end: number;
  readonly limit: number;
  /** The memory's length when this was planned; the heap grows by whatever lies beyond it. Default: its length now. */
  readonly presentBytes?: number | undefined;
  /** Whether all of it reads as zero, so that the tables need no clearing, and untouched ones cost no memory. */
  readonly isZeroed?: boolean | undefined;
  readonly slotCount?: number | undefined;
  /** Records of caches, those of the size classes among them. */
  readonly cacheCount?: number | undefined;
  readonly dmaBytes?: number | undefined;
  /** Whether the tables of pages and tags move. Default: they stand before the pages, for all up to the limit. */
  readonly hasMovingTables?: boolean | undefined;
  /** Default: the heap's own choice. */
  readonly shapes?: BlockShapes | undefined;
}

/** What of a geometry follows from the frames and slots that the tables are for. */
type Tables = Omit<
  Geometry,
  | "baseFrame"
  | "limitFrame"
  | "dmaFrames"
  | "hasMovingTables"
  | "coveredEndFrame"
  | keyof BlockShapes
  | keyof typeof NO_MOVING_TABLES
>;

/** Alignment of every table, so that two of them never share a cache line. */
const TABLE_ALIGNMENT = 64;

/** The lowest multiple of an alignment that is not below a value. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Throws BAD_ARGUMENT unless `value` is a byte offset from 0 to 2^32. */
export function requireByteOffset(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= ADDRESS_SPACE_BYTES) return;
  const text = `${name} must be a byte offset from 0 to 2^32, not ${describeValue(value)}${signedHint(name, value)}`;
  throw new KmemError("BAD_ARGUMENT", text, { [name]: value });
}

/**
 * Lays the tables out after the header, sized for `limit`, so that they never move when memory grows; without those
 * that are to move, whose addresses are 0. Throws BAD_ARGUMENT for what is no offset and BAD_GEOMETRY where not one
 * page would be left.
 */
export function planGeometry(extent: Extent, sizes: TableSizes): Geometry {
  const { start, end, limit } = extent;
  const dmaBytes = extent.dmaBytes ?? 0;
  requireByteOffset("start", start);
  requireByteOffset("end", end);
  requireByteOffset("limit", limit);
  requireByteOffset("dmaBytes", dmaBytes);
  const baseFrame = Math.ceil(start / PAGE_SIZE);
  const limitFrame = Math.floor(limit / PAGE_SIZE);
  const isSmall = isSmallHeap({ baseFrame, limitFrame });
  const slotCount = extent.slotCount ?? (isSmall ? SMALL_SLOT_COUNT : DEFAULT_SLOT_COUNT);
  if (!Number.isInteger(slotCount) || slotCount < 1 || slotCount > MAX_SLOT_COUNT) {
    const text = `slotCount must be a whole number from 1 to ${MAX_SLOT_COUNT}, not ${describeValue(slotCount)}`;
    throw new KmemError("BAD_ARGUMENT", text, { slotCount });
  }
  requireCacheCount(extent.cacheCount, sizes);
  if (end < start || limit < end) {
    throw new KmemError("BAD_ARGUMENT", `a heap from byte ${start} to ${end} (limit ${limit}) is reversed`, {
      start,
      end,
      limit,
    });
  }
  const dmaFrames = Math.floor(dmaBytes / PAGE_SIZE);
  const hasMovingTables = extent.hasMovingTables === true;
  const tableEnd = hasMovingTables ? baseFrame : limitFrame;
  const tables = planTables(baseFrame, tableEnd, { slotCount, cacheCount: extent.cacheCount, isSmall }, sizes);
  if (hasMovingTables) Object.assign(tables, NO_TABLES);
  const { slabPages, ...shapes } = extent.shapes ?? DEFAULT_SHAPES;
  const sheafBlocks = shapes.sheafBlocks === 0 && isSmall ? SMALL_SHEAF_BLOCKS : shapes.sheafBlocks;
  const reach = { baseFrame, limitFrame, coveredEndFrame: limitFrame, sheafBlocks, slabPages };
  const geometry: Geometry = { ...reach, dmaFrames, hasMovingTables, ...tables, ...NO_MOVING_TABLES };
  if (geometry.firstPageFrame >= limitFrame) {
    throw tooSmall(
      `the tables of a heap from byte ${start} to ${limit} leave no page behind them`,
      leastBytes(geometry, extent, sizes),
    );
  }
  return geometry;
}

/** Addresses of tables that stand elsewhere. */
const NO_TABLES = { frameTable: 0, kindTable: 0, groupTable: 0, tagTable: 0 } as const;

/** Records that the tables of slots and caches have room for; of caches as many as suit where that is left open. */
interface RecordCounts {
  readonly slotCount: number;
  readonly cacheCount: number | undefined;
  readonly isSmall: boolean;
}

/**
 * Where the tables of a heap go that may reach from one frame to another. A small heap has records of few caches, and
 * of as many more as there is room for in the last page of its tables.
 */
function planTables(baseFrame: number, limitFrame: number, counts: RecordCounts, sizes: TableSizes): Tables {
  const { slotCount, isSmall } = counts;
  const { classCount, cacheCountMax, cacheRecordBytes } = sizes;
  const place = (cacheCount: number) => placeTables(baseFrame, limitFrame, { slotCount, cacheCount }, sizes);
  if (counts.cacheCount !== undefined) return place(counts.cacheCount).tables;
  if (!isSmall) return place(cacheCountMax).tables;
  const least = classCount + SMALL_NAMED_CACHES;
  const { tables, endByte } = place(least);
  const spareRecords = Math.floor((tables.firstPageFrame * PAGE_SIZE - endByte) / cacheRecordBytes);
  return place(Math.min(least + spareRecords, cacheCountMax)).tables;
}

function placeTables(
  baseFrame: number,
  limitFrame: number,
  { slotCount, cacheCount }: Pick<Geometry, "slotCount" | "cacheCount">,
  sizes: TableSizes,
): { tables: Tables; endByte: number } {
  const frameCount = Math.max(0, limitFrame - baseFrame);
  let cursor = baseFrame * PAGE_SIZE + HEADER_WORDS * WORD_BYTES;
  const place = (bytes: number, alignment: number): number => {
    const address = alignUp(cursor, alignment);
    cursor = address + bytes;
    return address;
  };
  const zoneTable = place(sizes.zoneTableBytes, TABLE_ALIGNMENT);
  const slotTable = place(slotCount * sizes.slotRecordBytes, TABLE_ALIGNMENT);
  const cacheTable = place(cacheCount * sizes.cacheRecordBytes, TABLE_ALIGNMENT);
  const frameTable = place(frameCount * sizes.frameRecordBytes, TABLE_ALIGNMENT);
  const kindTable = place(frameCount, TABLE_ALIGNMENT);
  const groupTable = place(frameCount === 0 ? 0 : sizes.groupTableBytes(baseFrame, limitFrame), TABLE_ALIGNMENT);
  const tagTable = place(frameCount << (PAGE_SHIFT - GRANULE_SHIFT), TABLE_ALIGNMENT);
  const firstPageFrame = Math.ceil(cursor / PAGE_SIZE);
  const places = { zoneTable, slotTable, cacheTable, frameTable, kindTable, groupTable, tagTable };
  return { tables: { firstPageFrame, slotCount, cacheCount, ...places }, endByte: cursor };
}

/** Whether there are pages for the first slot after the tables of a heap. */
export function hasSlotPages(geometry: Geometry, { slotPages }: TableSizes): boolean {
  const pageCount = geometry.limitFrame - geometry.firstPageFrame;
  const dmaPages = Math.min(geometry.dmaFrames, pageCount);
  return Math.max(dmaPages, pageCount - dmaPages) >= slotPages(geometry);
}

/** The least bytes from its start on that a heap like this one can live in. O(pages of the tables). */
export function leastBytes(
  geometry: Geometry,
  { start, cacheCount }: Pick<Extent, "start" | "cacheCount">,
  sizes: TableSizes,
): number {
  const { baseFrame, slotCount } = geometry;
  const counts = { slotCount, cacheCount, isSmall: isSmallHeap(geometry) };
  for (let limitFrame = baseFrame + 1; ; limitFrame++) {
    const candidate = { ...geometry, limitFrame, ...planTables(baseFrame, limitFrame, counts, sizes) };
    if (hasSlotPages(candidate, sizes)) return limitFrame * PAGE_SIZE - start;
  }
}

/** Throws BAD_ARGUMENT where a heap cannot have so many caches. */
function requireCacheCount(cacheCount: number | undefined, { classCount, cacheCountMax }: TableSizes): void {
  if (cacheCount === undefined) return;
  if (Number.isInteger(cacheCount) && cacheCount >= classCount && cacheCount <= cacheCountMax) return;
  const text = `a heap has ${classCount} to ${cacheCountMax} caches, not ${describeValue(cacheCount)}`;
  throw new KmemError("BAD_ARGUMENT", text, { cacheCount });
}

/** The error of a heap that gets too little memory. */
export function tooSmall(problem: string, leastByteCount: number): KmemError {
  const text = `too small: ${problem}; the least that works is ${leastByteCount} bytes`;
  return new KmemError("BAD_GEOMETRY", text, { leastBytes: leastByteCount });
}
