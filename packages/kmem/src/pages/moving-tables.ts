import { hex, KmemError } from "../memory/errors.ts";
import { alignUp } from "../memory/geometry.ts";
import { type Geometry, headerWord, type MovingTables, useTables } from "../memory/header.ts";
import { GRANULE, Header, PAGE_SHIFT, PAGE_SIZE, WASM_PAGE_FRAMES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import {
  FRAME_RECORD_BYTES,
  FRAME_RECORD_SHIFT,
  FrameRecord,
  groupTableBytes,
  OwnerMark,
  RunKind,
  TABLE_PLACE_WORDS,
  TablePlaceWord,
} from "./layout.ts";

/**
 * Tables that move: those of frames, kinds, groups and tags, one after the other in a run of pages of kind SYSTEM that
 * OwnerMark.TABLES names, for the frames from the base of the heap to its COVERED frame.
 *
 *      │ record, record … │ kind, kind … │ group … │ tag, tag … │
 *
 * Only memory of one thread has them. When it grows past the covered frame, the end of what was added becomes the new
 * run, and the tables are copied there. One store, of TABLE_MOVES, makes the copy the tables; before it the old ones
 * hold, which nothing has been written to, and after it the new ones, of which the other place in the header speaks.
 * The old run is then free. What a thread leaves that is stopped in between is ended by `endGrowth`, and the rebuilding
 * of zones frees the run of the two that is not in use.
 *
 * Whatever has addresses of tables takes them from the geometry or the FrameTable of its thread, after each call that
 * may allocate pages. Fast paths have them as constants: growth detaches their views, and where a program has made the
 * buffer a resizable one, which keeps its views, the tags of the old tables read as NONE for ever.
 */

/** Tables describe at least so much more than there is: an eighth, and no less than a page of WebAssembly. */
const SLACK_SHIFT = 3;
/** log2 of that share where old tables are kept: they then add up to no more than the present ones. */
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

/** The same, for all frames from `baseFrame` up to `coveredFrame`. */
export function layoutFor(baseFrame: number, coveredFrame: number): TableLayout {
  const frameCount = coveredFrame - baseFrame;
  const kinds = alignUp(frameCount * FRAME_RECORD_BYTES, TABLE_ALIGNMENT);
  const groups = alignUp(kinds + frameCount, TABLE_ALIGNMENT);
  const tags = alignUp(groups + groupTableBytes(baseFrame, coveredFrame), TABLE_ALIGNMENT);
  const endByte = tags + frameCount * (PAGE_SIZE / GRANULE);
  return { kinds, groups, tags, pageCount: Math.ceil(endByte / PAGE_SIZE) };
}

/** Pages of the run with the tables of a heap; 0 where they do not move. */
export function tablePages(geometry: Geometry): number {
  return tablePagesUpTo(geometry, geometry.coveredFrame);
}

/** Pages of the run with the tables that describe everything up to a frame. */
export function tablePagesUpTo({ hasMovingTables, baseFrame }: Geometry, coveredFrame: number): number {
  return hasMovingTables ? layoutFor(baseFrame, coveredFrame).pageCount : 0;
}

function tablesAt(baseFrame: number, tableFrame: number, coveredFrame: number, tableMoves: number): MovingTables {
  const { kinds, groups, tags } = layoutFor(baseFrame, coveredFrame);
  const frameTable = tableFrame * PAGE_SIZE;
  const addresses = {
    frameTable,
    kindTable: frameTable + kinds,
    groupTable: frameTable + groups,
    tagTable: frameTable + tags,
  };
  return { ...addresses, coveredFrame, tableFrame, tableMoves };
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
  return (buffer as { readonly resizable?: boolean }).resizable === true;
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
  for (const coveredFrame of [coveredFor(geometry, endFrame, keepsOldTables(memory)), least]) {
    const { pageCount } = layoutFor(baseFrame, coveredFrame);
    if (pageCount <= roomPages) return tablesAt(baseFrame, endFrame - pageCount, coveredFrame, tableMoves + 1);
  }
  return undefined;
}

/** Index in `words` of the record that tables which begin at `frameTable` have of a frame. */
export function ownRecord({ baseFrame }: Geometry, frameTable: number, frame: number): number {
  return (frameTable >>> WORD_SHIFT) + ((frame - baseFrame) << FRAME_RECORD_SHIFT);
}

/** Writes what the tables say of their own run into them, the kind of its head last. */
export function describeTables(memory: LinearMemory, geometry: Geometry): void {
  const { bytes, words } = memory;
  const { baseFrame, tableFrame, frameTable, kindTable } = geometry;
  const pageCount = tablePages(geometry);
  const record = ownRecord(geometry, frameTable, tableFrame);
  const kind = kindTable + tableFrame - baseFrame;
  words[record + FrameRecord.COUNT] = pageCount;
  words[record + FrameRecord.HEAD] = OwnerMark.TABLES;
  bytes.fill(RunKind.SYSTEM + 1, kind + 1, kind + pageCount);
  bytes[kind] = RunKind.SYSTEM;
}

/**
 * Copies the tables of a heap to their next place, which reads as zero, and makes them the heap's. The end of the heap
 * does not move. O(frames).
 */
export function moveTables(memory: LinearMemory, geometry: Geometry, next: MovingTables): void {
  const { bytes, words } = memory;
  const { baseFrame, coveredFrame, frameTable, kindTable, groupTable, tagTable } = geometry;
  const frameCount = coveredFrame - baseFrame;
  bytes.copyWithin(next.frameTable, frameTable, frameTable + frameCount * FRAME_RECORD_BYTES);
  bytes.copyWithin(next.kindTable, kindTable, kindTable + frameCount);
  bytes.copyWithin(next.groupTable, groupTable, groupTable + groupTableBytes(baseFrame, coveredFrame));
  bytes.copyWithin(next.tagTable, tagTable, tagTable + frameCount * (PAGE_SIZE / GRANULE));
  // Groups that lay across the end of the tables were never noted.
  describeTables(memory, { ...geometry, ...next });
  const place = placeWord(geometry, next.tableMoves);
  words[place + TablePlaceWord.FRAME] = next.tableFrame;
  words[place + TablePlaceWord.COVERED] = next.coveredFrame;
  words[headerWord(geometry, Header.TABLE_MOVES)] = next.tableMoves;
  // Nobody who looks for tables is to find these.
  words[ownRecord(geometry, frameTable, geometry.tableFrame) + FrameRecord.HEAD] = 0;
  if (keepsOldTables(memory)) bytes.fill(0, tagTable, tagTable + frameCount * (PAGE_SIZE / GRANULE));
  useTables(geometry, next);
}

/** Index in `words` of the place that holds after so many moves. */
function placeWord(geometry: Geometry, tableMoves: number): number {
  return headerWord(geometry, Header.TABLE_PLACES) + (tableMoves & 1) * TABLE_PLACE_WORDS;
}

/**
 * The tables that the header leads to, if TABLE_MOVES is `tableMoves`; undefined where there cannot be any. Of what the
 * tables must say of themselves, `wrongMost` of three things may be wrong.
 */
export function tablesNamed(
  memory: LinearMemory,
  geometry: Geometry,
  tableMoves: number,
  wrongMost = 0,
): MovingTables | undefined {
  const { words } = memory;
  const place = placeWord(geometry, tableMoves);
  const tableFrame = words[place + TablePlaceWord.FRAME] >>> 0;
  const coveredFrame = words[place + TablePlaceWord.COVERED] >>> 0;
  const tables = tablesFrom(memory, geometry, { tableFrame, coveredFrame }, wrongMost);
  return tables === undefined ? undefined : { ...tables, tableMoves };
}

/** The same, for tables that begin at a frame and describe everything up to another one. */
export function tablesFrom(
  memory: LinearMemory,
  geometry: Geometry,
  { tableFrame, coveredFrame }: Pick<MovingTables, "tableFrame" | "coveredFrame">,
  wrongMost = 0,
): MovingTables | undefined {
  const { words } = memory;
  const { baseFrame, firstPageFrame, limitFrame } = geometry;
  if (tableFrame < firstPageFrame || coveredFrame > limitFrame || coveredFrame < tableFrame) return undefined;
  const tables = tablesAt(baseFrame, tableFrame, coveredFrame, 0);
  const { pageCount } = layoutFor(baseFrame, coveredFrame);
  const end = tableFrame + pageCount;
  if (end > coveredFrame || end * PAGE_SIZE > memory.byteLength) return undefined;
  const record = ownRecord(geometry, tables.frameTable, tableFrame);
  const isKind = memory.bytes[tables.kindTable + tableFrame - baseFrame] === RunKind.SYSTEM;
  const isCount = words[record + FrameRecord.COUNT] === pageCount;
  const isMarked = words[record + FrameRecord.HEAD] === OwnerMark.TABLES;
  const wrong = [isKind, isCount, isMarked].filter((isRight) => !isRight).length;
  return wrong <= wrongMost ? tables : undefined;
}

/** Looks the tables up that move, for a geometry that has been read. Throws BAD_GEOMETRY where there cannot be any. */
export function openTables(memory: LinearMemory, geometry: Geometry): void {
  if (!geometry.hasMovingTables) return;
  const moves = memory.words[headerWord(geometry, Header.TABLE_MOVES)];
  const tables = tablesNamed(memory, geometry, moves);
  if (tables === undefined) {
    const address = (memory.words[placeWord(geometry, moves)] << PAGE_SHIFT) >>> 0;
    throw new KmemError("BAD_GEOMETRY", `the tables are said to be at ${hex(address)}, where there are none`, {
      address,
    });
  }
  const endFrame = memory.words[headerWord(geometry, Header.END_FRAME)] >>> 0;
  if (endFrame > tables.coveredFrame) {
    const text = `the heap's end (frame ${endFrame}) lies beyond frame ${tables.coveredFrame}, up to which tables go`;
    throw new KmemError("BAD_GEOMETRY", text, { endFrame, coveredFrame: tables.coveredFrame });
  }
  useTables(geometry, tables);
}

/** What is wrong with the run of the tables, or with what the header says of it; undefined where nothing is. */
export function tableFault(memory: LinearMemory, geometry: Geometry): string | undefined {
  if (!geometry.hasMovingTables) return undefined;
  const moves = memory.words[headerWord(geometry, Header.TABLE_MOVES)];
  const { tableFrame, coveredFrame } = tablesNamed(memory, geometry, moves) ?? {};
  const isRight = moves === geometry.tableMoves && tableFrame === geometry.tableFrame;
  return isRight && coveredFrame === geometry.coveredFrame ? undefined : "the header does not lead to the tables";
}

/** Makes the header and the tables say where the tables of an open heap are. */
export function rewriteTablePlace(memory: LinearMemory, geometry: Geometry): void {
  if (!geometry.hasMovingTables) return;
  const { words } = memory;
  const place = placeWord(geometry, geometry.tableMoves);
  describeTables(memory, geometry);
  words[place + TablePlaceWord.FRAME] = geometry.tableFrame;
  words[place + TablePlaceWord.COVERED] = geometry.coveredFrame;
  words[headerWord(geometry, Header.TABLE_MOVES)] = geometry.tableMoves;
}

/** Whether a run is one of tables that have moved from there. */
export function isOldTables(geometry: Geometry, head: number, kind: number, owner: number): boolean {
  return kind === RunKind.SYSTEM && owner === OwnerMark.TABLES && head !== geometry.tableFrame;
}
