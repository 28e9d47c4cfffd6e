import { hex, KmemError } from "../memory/errors.ts";
import { alignUp } from "../memory/geometry.ts";
import { type Geometry, headerWord, type MovingTables, useTables } from "../memory/header.ts";
import { GRANULE, Header, PAGE_SHIFT, PAGE_SIZE, WASM_PAGE_FRAMES, WORD_SHIFT } from "../memory/layout.ts";
import { isResizable, type LinearMemory } from "../memory/memory.ts";
import {
  FRAME_RECORD_BYTES,
  FRAME_RECORD_SHIFT,
  FrameRecord,
  groupTableBytes,
  OwnerMark,
  RunKind,
  TABLE_LOCATION_WORDS,
  TableLocationWord,
} from "./layout.ts";

/**
 * Tables that move: those of frames, kinds, groups and tags, one after the other in a run of pages of kind SYSTEM that
 * OwnerMark.TABLES names, for the frames from the base of the heap to `coveredEndFrame`.
 *
 *      │ record, record … │ kind, kind … │ group … │ tag, tag … │
 *
 * Only memory of one thread has them. When it grows past that frame, the end of what was added becomes the new run, and
 * the tables are copied there; their location goes to the entry of TABLE_LOCATIONS that is not in use. The store to
 * TABLE_MOVES commits: before it the old tables are valid, and unchanged; after it the new ones are. The old run is
 * freed then; in a resizable buffer it stays allocated for ever. After an interruption `completeInterruptedGrowth`
 * finishes the growth, and the rebuilding of zones frees the run of the two that is not in use.
 *
 * Addresses of tables are taken from the geometry or the FrameTable after each call that may allocate pages. Fast paths
 * hold them in views, which growth detaches: they fail, and are bound again. A
 * resizable buffer keeps its views: there the old tags are cleared, so that a stale fast path reads NONE and takes the
 * slow path.
 */

/** Slack wanted beyond the heap's end: an eighth of the heap, and a page of WebAssembly at least. */
const SLACK_SHIFT = 3;
/** The same where old tables are kept: tables double each time, so that all old ones are no larger than the present. */
const KEEPING_SLACK_SHIFT = 0;
/** Tables begin with cache lines of their own. */
const TABLE_ALIGNMENT = 64;

/** Where tables that move stand in their run, which begins with the records of frames. */
export interface TableLayout {
  /** Bytes from the beginning of the run to the table of kinds. */
  readonly kinds: number;
  /** The same for the table of groups. */
  readonly groups: number;
  /** The same for the table of tags. */
  readonly tags: number;
  /** Pages of the run. */
  readonly pageCount: number;
}

/** The same, for all frames from `baseFrame` up to `coveredEndFrame`. */
export function layoutFor(baseFrame: number, coveredEndFrame: number): TableLayout {
  const frameCount = coveredEndFrame - baseFrame;
  const kinds = alignUp(frameCount * FRAME_RECORD_BYTES, TABLE_ALIGNMENT);
  const groups = alignUp(kinds + frameCount, TABLE_ALIGNMENT);
  const tags = alignUp(groups + groupTableBytes(baseFrame, coveredEndFrame), TABLE_ALIGNMENT);
  const endByte = tags + frameCount * (PAGE_SIZE / GRANULE);
  return { kinds, groups, tags, pageCount: Math.ceil(endByte / PAGE_SIZE) };
}

/** Pages of the run with the tables of a heap; 0 where they do not move. */
export function tablePages(geometry: Geometry): number {
  return tablePagesUpTo(geometry, geometry.coveredEndFrame);
}

/** Pages of the run with the tables that describe everything up to a frame. */
export function tablePagesUpTo({ hasMovingTables, baseFrame }: Geometry, coveredEndFrame: number): number {
  return hasMovingTables ? layoutFor(baseFrame, coveredEndFrame).pageCount : 0;
}

function tablesAt(
  baseFrame: number,
  tablesFirstFrame: number,
  coveredEndFrame: number,
  tableMoves: number,
): MovingTables {
  const { kinds, groups, tags } = layoutFor(baseFrame, coveredEndFrame);
  const frameTable = tablesFirstFrame * PAGE_SIZE;
  const addresses = {
    frameTable,
    kindTable: frameTable + kinds,
    groupTable: frameTable + groups,
    tagTable: frameTable + tags,
  };
  return { ...addresses, coveredEndFrame, tablesFirstFrame, tableMoves };
}

/** The frame up to which new tables describe a heap that ends at `endFrame`. */
function coveredFor({ baseFrame, limitFrame }: Geometry, endFrame: number, keepsOldTables: boolean): number {
  const shift = keepsOldTables ? KEEPING_SLACK_SHIFT : SLACK_SHIFT;
  const slack = Math.max(WASM_PAGE_FRAMES, (endFrame - baseFrame) >> shift);
  const covered = Math.ceil((endFrame + slack) / WASM_PAGE_FRAMES) * WASM_PAGE_FRAMES;
  // So near to the limit there would be no room to move once more.
  return limitFrame - covered <= (limitFrame - baseFrame) >> SLACK_SHIFT ? limitFrame : covered;
}

/** Whether old tables are kept, since views of them stay valid: see above. */
export function keepsOldTables({ buffer }: LinearMemory): boolean {
  return isResizable(buffer);
}

/** The lowest end of a heap at which everything up to `neededEnd` is described, with room for those tables after it. */
export function endWithTables(memory: LinearMemory, geometry: Geometry, neededEnd: number): number {
  let end = neededEnd;
  for (;;) {
    const { pageCount } = layoutFor(geometry.baseFrame, coveredFor(geometry, end, keepsOldTables(memory)));
    if (end - neededEnd >= pageCount) return end;
    end = neededEnd + pageCount;
  }
}

/** The first tables of a heap that ends at `endFrame`: right after what does not move. */
export function firstTables(geometry: Geometry, endFrame: number): MovingTables {
  return tablesAt(geometry.baseFrame, geometry.firstPageFrame, coveredFor(geometry, endFrame, false), 0);
}

/**
 * The tables for a heap that is about to end at `endFrame`, the last of whose pages they take; undefined where they are
 * more than `roomPages`.
 */
export function nextTables(
  memory: LinearMemory,
  geometry: Geometry,
  endFrame: number,
  roomPages: number,
): MovingTables | undefined {
  const { baseFrame, limitFrame, tableMoves } = geometry;
  const least = Math.min(Math.ceil(endFrame / WASM_PAGE_FRAMES) * WASM_PAGE_FRAMES, limitFrame);
  for (const coveredEndFrame of [coveredFor(geometry, endFrame, keepsOldTables(memory)), least]) {
    const { pageCount } = layoutFor(baseFrame, coveredEndFrame);
    if (pageCount <= roomPages) return tablesAt(baseFrame, endFrame - pageCount, coveredEndFrame, tableMoves + 1);
  }
  return undefined;
}

/** Index in `words` of the record that tables which begin at `frameTable` have of a frame. */
export function recordIndexInTable({ baseFrame }: Geometry, frameTable: number, frame: number): number {
  return (frameTable >>> WORD_SHIFT) + ((frame - baseFrame) << FRAME_RECORD_SHIFT);
}

/** Writes what the tables say of their own run into them, the kind of its head last. */
export function describeTables(memory: LinearMemory, geometry: Geometry): void {
  const { bytes, words } = memory;
  const { baseFrame, tablesFirstFrame, frameTable, kindTable } = geometry;
  const pageCount = tablePages(geometry);
  const record = recordIndexInTable(geometry, frameTable, tablesFirstFrame);
  const kind = kindTable + tablesFirstFrame - baseFrame;
  words[record + FrameRecord.COUNT] = pageCount;
  words[record + FrameRecord.SLAB_OR_OWNER] = OwnerMark.TABLES;
  bytes.fill(RunKind.SYSTEM + 1, kind + 1, kind + pageCount);
  bytes[kind] = RunKind.SYSTEM;
}

/**
 * Copies the tables of a heap to their next place, which reads as zero, and makes them the heap's. The end of the heap
 * does not move. O(frames).
 */
export function moveTables(memory: LinearMemory, geometry: Geometry, next: MovingTables): void {
  const { bytes, words } = memory;
  const { baseFrame, coveredEndFrame, frameTable, kindTable, groupTable, tagTable } = geometry;
  const frameCount = coveredEndFrame - baseFrame;
  bytes.copyWithin(next.frameTable, frameTable, frameTable + frameCount * FRAME_RECORD_BYTES);
  bytes.copyWithin(next.kindTable, kindTable, kindTable + frameCount);
  // The group that lies across the old end has the word 0, not known, so that it stays valid.
  bytes.copyWithin(next.groupTable, groupTable, groupTable + groupTableBytes(baseFrame, coveredEndFrame));
  bytes.copyWithin(next.tagTable, tagTable, tagTable + frameCount * (PAGE_SIZE / GRANULE));
  describeTables(memory, { ...geometry, ...next });
  const location = locationWord(geometry, next.tableMoves);
  words[location + TableLocationWord.FRAME] = next.tablesFirstFrame;
  words[location + TableLocationWord.END_FRAME] = next.coveredEndFrame;
  words[headerWord(geometry, Header.TABLE_MOVES)] = next.tableMoves;
  // A search for tables must not find these.
  words[recordIndexInTable(geometry, frameTable, geometry.tablesFirstFrame) + FrameRecord.SLAB_OR_OWNER] = 0;
  if (keepsOldTables(memory)) bytes.fill(0, tagTable, tagTable + frameCount * (PAGE_SIZE / GRANULE));
  useTables(geometry, next);
}

/** Index in `words` of the entry of TABLE_LOCATIONS that is valid after so many moves. */
function locationWord(geometry: Geometry, tableMoves: number): number {
  return headerWord(geometry, Header.TABLE_LOCATIONS) + (tableMoves & 1) * TABLE_LOCATION_WORDS;
}

/**
 * The tables that the header leads to, if TABLE_MOVES is `tableMoves`; undefined where there cannot be any, or where
 * more than `mismatchesMax` of the three things that tables must say of themselves are wrong.
 */
export function readTablesFromHeader(
  memory: LinearMemory,
  geometry: Geometry,
  tableMoves: number,
  mismatchesMax = 0,
): MovingTables | undefined {
  const { words } = memory;
  const location = locationWord(geometry, tableMoves);
  const tablesFirstFrame = words[location + TableLocationWord.FRAME] >>> 0;
  const coveredEndFrame = words[location + TableLocationWord.END_FRAME] >>> 0;
  const tables = readTablesAt(memory, geometry, { tablesFirstFrame, coveredEndFrame }, mismatchesMax);
  return tables === undefined ? undefined : { ...tables, tableMoves };
}

/** The same, for tables that begin at a frame and describe everything up to another one. */
export function readTablesAt(
  memory: LinearMemory,
  geometry: Geometry,
  { tablesFirstFrame, coveredEndFrame }: Pick<MovingTables, "tablesFirstFrame" | "coveredEndFrame">,
  mismatchesMax = 0,
): MovingTables | undefined {
  const { words } = memory;
  const { baseFrame, firstPageFrame, limitFrame } = geometry;
  if (tablesFirstFrame < firstPageFrame || coveredEndFrame > limitFrame || coveredEndFrame < tablesFirstFrame)
    return undefined;
  const tables = tablesAt(baseFrame, tablesFirstFrame, coveredEndFrame, 0);
  const { pageCount } = layoutFor(baseFrame, coveredEndFrame);
  const end = tablesFirstFrame + pageCount;
  if (end > coveredEndFrame || end * PAGE_SIZE > memory.byteLength) return undefined;
  const record = recordIndexInTable(geometry, tables.frameTable, tablesFirstFrame);
  const isKind = memory.bytes[tables.kindTable + tablesFirstFrame - baseFrame] === RunKind.SYSTEM;
  const isCount = words[record + FrameRecord.COUNT] === pageCount;
  const isMarked = words[record + FrameRecord.SLAB_OR_OWNER] === OwnerMark.TABLES;
  const wrong = [isKind, isCount, isMarked].filter((isRight) => !isRight).length;
  return wrong <= mismatchesMax ? tables : undefined;
}

/** Looks the tables up that move, for a geometry that has been read. Throws BAD_GEOMETRY where there cannot be any. */
export function openTables(memory: LinearMemory, geometry: Geometry): void {
  if (!geometry.hasMovingTables) return;
  const moves = memory.words[headerWord(geometry, Header.TABLE_MOVES)];
  const tables = readTablesFromHeader(memory, geometry, moves);
  if (tables === undefined) {
    const address = (memory.words[locationWord(geometry, moves)] << PAGE_SHIFT) >>> 0;
    throw new KmemError("BAD_GEOMETRY", `the tables are said to be at ${hex(address)}, where there are none`, {
      address,
    });
  }
  const endFrame = memory.words[headerWord(geometry, Header.END_FRAME)] >>> 0;
  if (endFrame > tables.coveredEndFrame) {
    const { coveredEndFrame } = tables;
    const text = `the heap's end (frame ${endFrame}) lies beyond frame ${coveredEndFrame}, up to which tables go`;
    throw new KmemError("BAD_GEOMETRY", text, { endFrame, coveredEndFrame });
  }
  useTables(geometry, tables);
}

/** What is wrong with the run of the tables, or with what the header says of it; undefined where nothing is. */
export function tableFault(memory: LinearMemory, geometry: Geometry): string | undefined {
  if (!geometry.hasMovingTables) return undefined;
  const moves = memory.words[headerWord(geometry, Header.TABLE_MOVES)];
  const { tablesFirstFrame, coveredEndFrame } = readTablesFromHeader(memory, geometry, moves) ?? {};
  const isRight = moves === geometry.tableMoves && tablesFirstFrame === geometry.tablesFirstFrame;
  return isRight && coveredEndFrame === geometry.coveredEndFrame ? undefined : "the header does not lead to the tables";
}

/** Makes the header and the tables say where the tables of an open heap are. */
export function rewriteTablePlace(memory: LinearMemory, geometry: Geometry): void {
  if (!geometry.hasMovingTables) return;
  const { words } = memory;
  const location = locationWord(geometry, geometry.tableMoves);
  describeTables(memory, geometry);
  words[location + TableLocationWord.FRAME] = geometry.tablesFirstFrame;
  words[location + TableLocationWord.END_FRAME] = geometry.coveredEndFrame;
  words[headerWord(geometry, Header.TABLE_MOVES)] = geometry.tableMoves;
}

/** Whether a run is one of tables that have moved from there. */
export function isOldTables(geometry: Geometry, head: number, kind: number, owner: number): boolean {
  return kind === RunKind.SYSTEM && owner === OwnerMark.TABLES && head !== geometry.tablesFirstFrame;
}
