import { describeValue, signedHint } from "./arguments.ts";
import { KmemError } from "./errors.ts";
import { type BlockShapes, DEFAULT_SHAPES, type Geometry, NO_MOVING_TABLES } from "./header.ts";
import {
  ADDRESS_SPACE_BYTES,
  DEFAULT_SLOT_COUNT,
  GRANULE_SHIFT,
  HEADER_WORDS,
  MAX_SLOT_COUNT,
  PAGE_SHIFT,
  PAGE_SIZE,
  WORD_BYTES,
} from "./layout.ts";

/** Bytes that the upper layers need for their tables; each layer names its own in its layout file. */
export interface TableSizes {
  readonly zoneTableBytes: number;
  readonly slotRecordBytes: number;
  readonly cacheTableBytes: number;
  readonly frameRecordBytes: number;
  /** Pages that have to be left after the tables, in one zone: those of the first slot. */
  slotPages(shapes: BlockShapes): number;
  groupTableBytes(firstFrame: number, endFrame: number): number;
}

/** The part of a buffer that a heap may use. All in bytes; `limit` is how far growth may go. */
export interface Extent {
  readonly start: number;
  readonly end: number;
  readonly limit: number;
  /** Bytes that the memory had when this was planned: what comes after them the heap adds. Default: what it has. */
  readonly presentBytes?: number | undefined;
  /** Whether all of it reads as zero, so that the tables need no clearing, and untouched ones cost no memory. */
  readonly isZeroed?: boolean | undefined;
  readonly slotCount?: number | undefined;
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
  | "slotCount"
  | "hasMovingTables"
  | "coveredEndFrame"
  | keyof BlockShapes
  | keyof typeof NO_MOVING_TABLES
>;

/** Alignment of the small tables, so that two of them never share a cache line. */
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
  const slotCount = extent.slotCount ?? DEFAULT_SLOT_COUNT;
  const dmaBytes = extent.dmaBytes ?? 0;
  requireByteOffset("start", start);
  requireByteOffset("end", end);
  requireByteOffset("limit", limit);
  requireByteOffset("dmaBytes", dmaBytes);
  if (!Number.isInteger(slotCount) || slotCount < 1 || slotCount > MAX_SLOT_COUNT) {
    const text = `slotCount must be a whole number from 1 to ${MAX_SLOT_COUNT}, not ${describeValue(slotCount)}`;
    throw new KmemError("BAD_ARGUMENT", text, { slotCount });
  }
  if (end < start || limit < end) {
    throw new KmemError("BAD_ARGUMENT", `a heap from byte ${start} to ${end} (limit ${limit}) is reversed`, {
      start,
      end,
      limit,
    });
  }
  const baseFrame = Math.ceil(start / PAGE_SIZE);
  const limitFrame = Math.floor(limit / PAGE_SIZE);
  const dmaFrames = Math.floor(dmaBytes / PAGE_SIZE);
  const hasMovingTables = extent.hasMovingTables === true;
  const tables = placeTables(baseFrame, hasMovingTables ? baseFrame : limitFrame, slotCount, sizes);
  if (hasMovingTables) Object.assign(tables, NO_TABLES);
  const { sheafBlocks, slabPages } = extent.shapes ?? DEFAULT_SHAPES;
  const reach = { baseFrame, limitFrame, coveredEndFrame: limitFrame, sheafBlocks, slabPages };
  const geometry: Geometry = { ...reach, dmaFrames, slotCount, hasMovingTables, ...tables, ...NO_MOVING_TABLES };
  if (geometry.firstPageFrame >= limitFrame) {
    throw tooSmall(
      `the tables of a heap from byte ${start} to ${limit} leave no page behind them`,
      leastBytes(geometry, start, sizes),
    );
  }
  return geometry;
}

/** Addresses of tables that stand elsewhere. */
const NO_TABLES = { frameTable: 0, kindTable: 0, groupTable: 0, tagTable: 0 } as const;

/** Where the tables of a heap go that may reach from one frame to another. */
function placeTables(baseFrame: number, limitFrame: number, slotCount: number, sizes: TableSizes): Tables {
  const frameCount = Math.max(0, limitFrame - baseFrame);
  let cursor = baseFrame * PAGE_SIZE + HEADER_WORDS * WORD_BYTES;
  const place = (bytes: number, alignment: number): number => {
    const address = alignUp(cursor, alignment);
    cursor = address + bytes;
    return address;
  };
  const zoneTable = place(sizes.zoneTableBytes, TABLE_ALIGNMENT);
  const slotTable = place(slotCount * sizes.slotRecordBytes, TABLE_ALIGNMENT);
  const cacheTable = place(sizes.cacheTableBytes, TABLE_ALIGNMENT);
  const frameTable = place(frameCount * sizes.frameRecordBytes, TABLE_ALIGNMENT);
  const kindTable = place(frameCount, TABLE_ALIGNMENT);
  const groupTable = place(frameCount === 0 ? 0 : sizes.groupTableBytes(baseFrame, limitFrame), TABLE_ALIGNMENT);
  const tagTable = place(frameCount << (PAGE_SHIFT - GRANULE_SHIFT), PAGE_SIZE);
  const firstPageFrame = Math.ceil(cursor / PAGE_SIZE);
  return { firstPageFrame, zoneTable, slotTable, cacheTable, frameTable, kindTable, groupTable, tagTable };
}

/** Whether there are pages for the first slot after the tables of a heap. */
export function hasSlotPages(geometry: Geometry, { slotPages }: TableSizes): boolean {
  const pageCount = geometry.limitFrame - geometry.firstPageFrame;
  const dmaPages = Math.min(geometry.dmaFrames, pageCount);
  return Math.max(dmaPages, pageCount - dmaPages) >= slotPages(geometry);
}

/** The least bytes from `start` on that a heap like this one can live in. O(pages of the tables). */
export function leastBytes(geometry: Geometry, start: number, sizes: TableSizes): number {
  const { baseFrame, slotCount } = geometry;
  for (let limitFrame = baseFrame + 1; ; limitFrame++) {
    const candidate = { ...geometry, limitFrame, ...placeTables(baseFrame, limitFrame, slotCount, sizes) };
    if (hasSlotPages(candidate, sizes)) return limitFrame * PAGE_SIZE - start;
  }
}

/** The error of a heap that gets too little memory. */
export function tooSmall(problem: string, leastByteCount: number): KmemError {
  const text = `too small: ${problem}; the least that works is ${leastByteCount} bytes`;
  return new KmemError("BAD_GEOMETRY", text, { leastBytes: leastByteCount });
}
