import { checksumOf } from "./checksum.ts";
import { KmemError } from "./errors.ts";
import {
  BYTE_ORDER_MARK,
  Header,
  HeapFlag,
  LAYOUT_VERSION,
  MAGIC,
  PAGE_SHIFT,
  PAGE_SIZE,
  SHEAF_BLOCKS_MASK,
  SHEAF_BLOCKS_MAX,
  SHEAF_BLOCKS_MIN,
  SHEAF_BLOCKS_SHIFT,
  SLAB_PAGES_MASK,
  SLAB_PAGES_MAX,
  SLAB_PAGES_SHIFT,
  SMALL_HEAP_BYTES,
  WORD_SHIFT,
} from "./layout.ts";
import type { LinearMemory } from "./memory.ts";

/** What a heap was told of its sheaves and slabs; 0 each where it chooses by the size of the blocks. */
export interface BlockShapes {
  /** The most blocks that a sheaf holds: SHEAF_BLOCKS_MIN to SHEAF_BLOCKS_MAX. */
  readonly sheafBlocks: number;
  /** Pages of a slab, up to SLAB_PAGES_MAX; blocks that need more pages get those. */
  readonly slabPages: number;
}

/** The shapes of a heap that chooses them by the size of its blocks. */
export const DEFAULT_SHAPES: BlockShapes = { sheafBlocks: 0, slabPages: 0 };

/** The bits of FLAGS for these shapes. */
export function shapeFlags({ sheafBlocks, slabPages }: BlockShapes): number {
  return (sheafBlocks << SHEAF_BLOCKS_SHIFT) | (slabPages << SLAB_PAGES_SHIFT);
}

/** What FLAGS say of sheaves and slabs, which a hostile dump may have made up. */
export function shapesOf(flags: number): BlockShapes {
  return {
    sheafBlocks: (flags >>> SHEAF_BLOCKS_SHIFT) & SHEAF_BLOCKS_MASK,
    slabPages: (flags >>> SLAB_PAGES_SHIFT) & SLAB_PAGES_MASK,
  };
}

/** Whether there can be such sheaves and slabs. */
export function arePossible({ sheafBlocks, slabPages }: BlockShapes): boolean {
  const areBlocks = sheafBlocks === 0 || (sheafBlocks >= SHEAF_BLOCKS_MIN && sheafBlocks <= SHEAF_BLOCKS_MAX);
  return areBlocks && slabPages <= SLAB_PAGES_MAX;
}

/**
 * Where a heap's tables are and how far it may reach. Frames are absolute numbers. All of it is constant, but for the
 * last fields where tables move: then {@link useTables} changes them in the objects of the thread.
 */
export interface Geometry extends BlockShapes {
  readonly baseFrame: number;
  readonly limitFrame: number;
  readonly firstPageFrame: number;
  readonly dmaFrames: number;
  readonly slotCount: number;
  /** Records in the table of caches, those of the size classes among them. */
  readonly cacheCount: number;
  readonly zoneTable: number;
  readonly slotTable: number;
  readonly cacheTable: number;
  /** Whether the tables of pages and tags move as the memory grows. */
  readonly hasMovingTables: boolean;
  readonly frameTable: number;
  readonly kindTable: number;
  readonly tagTable: number;
  readonly groupTable: number;
  /** One past the last frame that they describe: the limit where they do not move. */
  readonly coveredEndFrame: number;
  /** First frame of their run of pages, and TABLE_MOVES when it was read; 0 where they do not move. */
  readonly tablesFirstFrame: number;
  readonly tableMoves: number;
}

/** The part of a geometry that changes when tables move. */
export type MovingTables = Pick<
  Geometry,
  "frameTable" | "kindTable" | "tagTable" | "groupTable" | "coveredEndFrame" | "tablesFirstFrame" | "tableMoves"
>;

/** What a geometry has of tables that do not move, or that have not been looked up yet. */
export const NO_MOVING_TABLES: Pick<Geometry, "tablesFirstFrame" | "tableMoves"> = {
  tablesFirstFrame: 0,
  tableMoves: 0,
};

/** Makes a geometry name other tables. */
export function useTables(geometry: Geometry, tables: MovingTables): void {
  Object.assign(geometry, tables);
}

/** Whether a heap that may reach from one frame to another is small, and does with little of everything. */
export function isSmallHeap({ baseFrame, limitFrame }: Pick<Geometry, "baseFrame" | "limitFrame">): boolean {
  return (limitFrame - baseFrame) * PAGE_SIZE <= SMALL_HEAP_BYTES;
}

/** Index in `words` of a word of the header, by its number in {@link Header}. */
export function headerWord(geometry: Geometry, field: number): number {
  return ((geometry.baseFrame << PAGE_SHIFT) >>> WORD_SHIFT) + field;
}

/** Fields of a geometry that stand in the header, as numbers. */
type HeaderField = Exclude<
  keyof Geometry,
  "hasMovingTables" | "coveredEndFrame" | "tablesFirstFrame" | "tableMoves" | keyof BlockShapes
>;

/** The geometry's fields in the order of the header's words. */
export const GEOMETRY_WORDS: readonly (readonly [HeaderField, number])[] = [
  ["baseFrame", Header.BASE_FRAME],
  ["limitFrame", Header.LIMIT_FRAME],
  ["firstPageFrame", Header.FIRST_PAGE_FRAME],
  ["dmaFrames", Header.DMA_FRAMES],
  ["slotCount", Header.SLOT_COUNT],
  ["cacheCount", Header.CACHE_COUNT],
  ["zoneTable", Header.ZONE_TABLE],
  ["slotTable", Header.SLOT_TABLE],
  ["cacheTable", Header.CACHE_TABLE],
  ["frameTable", Header.FRAME_TABLE],
  ["kindTable", Header.KIND_TABLE],
  ["tagTable", Header.TAG_TABLE],
  ["groupTable", Header.GROUP_TABLE],
];

const TABLE_FIELDS: ReadonlySet<string> = new Set(["frameTable", "kindTable", "tagTable", "groupTable"]);

/** What the header has for a field of the geometry, for ever: 0 for the place of a table that moves. */
export function headerValue(geometry: Geometry, field: HeaderField): number {
  return geometry.hasMovingTables && TABLE_FIELDS.has(field) ? 0 : geometry[field];
}

/**
 * The checksum over the words of the header that never change, `words[firstWord]` the first of it; FLAGS come last.
 */
export function checksumOfHeader(words: Int32Array, firstWord: number): number {
  return checksumOf([words[firstWord + Header.FLAGS]], checksumBeforeFlags(words, firstWord));
}

/** The same without FLAGS. */
export function checksumBeforeFlags(words: Int32Array, firstWord: number): number {
  return checksumOf(words.subarray(firstWord, firstWord + Header.CHECKSUM));
}

/** Writes the header's first values; the checksum goes last, so that a half-written header is not taken for one. */
export function writeHeader(memory: LinearMemory, geometry: Geometry, endFrame: number, flags = 0): void {
  const { words } = memory;
  const first = headerWord(geometry, 0);
  words[first + Header.VERSION] = LAYOUT_VERSION;
  words[first + Header.BYTE_ORDER] = BYTE_ORDER_MARK;
  for (const [field, word] of GEOMETRY_WORDS) words[first + word] = headerValue(geometry, field);
  words[first + Header.END_FRAME] = endFrame;
  words[first + Header.TABLE_LOCATIONS] = geometry.tablesFirstFrame;
  words[first + Header.TABLE_LOCATIONS + 1] = geometry.hasMovingTables ? geometry.coveredEndFrame : 0;
  words[first + Header.GROWTH_COUNT] = 1;
  words[first + Header.FLAGS] = flags | shapeFlags(geometry);
  words[first + Header.MAGIC] = MAGIC;
  words[first + Header.CHECKSUM] = checksumOfHeader(words, first);
}

/**
 * Reads and verifies the header of the heap whose managed part starts at byte `start`, but for the place of tables that
 * move. Throws a {@link KmemError} that says which word is wrong; reads only.
 */
export function readHeader(memory: LinearMemory, start: number): Geometry {
  const baseFrame = Math.ceil(start / PAGE_SIZE);
  const first = (baseFrame << PAGE_SHIFT) >>> WORD_SHIFT;
  const { words } = memory;
  if (memory.byteLength < (baseFrame + 1) * PAGE_SIZE) {
    throw new KmemError("TRUNCATED", `no room for a heap's header: the buffer has ${memory.byteLength} bytes`, {
      bufferBytes: memory.byteLength,
    });
  }
  expectWord("NOT_A_HEAP", "magic", words[first + Header.MAGIC], MAGIC);
  expectWord("WRONG_BYTE_ORDER", "byte order mark", words[first + Header.BYTE_ORDER], BYTE_ORDER_MARK);
  expectWord("WRONG_VERSION", "layout version", words[first + Header.VERSION], LAYOUT_VERSION);
  const checksum = checksumOfHeader(words, first);
  expectWord("BAD_GEOMETRY", "header checksum", words[first + Header.CHECKSUM], checksum);
  const fields = GEOMETRY_WORDS.map(([field, word]) => [field, words[first + word] >>> 0]);
  const flags = words[first + Header.FLAGS];
  const hasMovingTables = (flags & HeapFlag.MOVING_TABLES) !== 0;
  const coveredEndFrame = words[first + Header.LIMIT_FRAME] >>> 0;
  const shapes = shapesOf(flags);
  const read = { ...Object.fromEntries(fields), hasMovingTables, coveredEndFrame, ...shapes, ...NO_MOVING_TABLES };
  const geometry = read as unknown as Geometry;
  if (geometry.baseFrame !== baseFrame) {
    throw new KmemError(
      "BAD_GEOMETRY",
      `the heap was made at frame ${geometry.baseFrame} and stands at frame ${baseFrame}`,
      { madeAt: geometry.baseFrame, foundAt: baseFrame },
    );
  }
  if (!arePossible(shapes)) {
    const { sheafBlocks, slabPages } = shapes;
    const text = `there are no sheaves of ${sheafBlocks} blocks, or no slabs of ${slabPages} pages`;
    throw new KmemError("BAD_GEOMETRY", text, { sheafBlocks, slabPages });
  }
  const endFrame = words[first + Header.END_FRAME] >>> 0;
  if (endFrame > geometry.limitFrame || endFrame < geometry.firstPageFrame) {
    throw new KmemError("BAD_GEOMETRY", `the heap's end (frame ${endFrame}) lies outside of its limits`, { endFrame });
  }
  if (memory.byteLength < endFrame * PAGE_SIZE) {
    throw new KmemError(
      "TRUNCATED",
      `the heap ends at byte ${endFrame * PAGE_SIZE}, the buffer has only ${memory.byteLength} bytes`,
      { endByte: endFrame * PAGE_SIZE, bufferBytes: memory.byteLength },
    );
  }
  return geometry;
}

function expectWord(
  code: "NOT_A_HEAP" | "WRONG_BYTE_ORDER" | "WRONG_VERSION" | "BAD_GEOMETRY",
  what: string,
  found: number,
  expected: number,
): void {
  if (found === expected) return;
  const text = (word: number): string => `0x${(word >>> 0).toString(16).padStart(8, "0")}`;
  throw new KmemError(code, `not a heap of this version: the ${what} is ${text(found)} instead of ${text(expected)}`, {
    found: found >>> 0,
    expected: expected >>> 0,
  });
}
