import { KmemError } from "../memory/errors.ts";
import { type Geometry, headerWord, type MovingTables, readHeader, useTables } from "../memory/header.ts";
import { Header, PAGE_SIZE, WASM_PAGE_FRAMES } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameRecord, OwnerMark, RunKind } from "../pages/layout.ts";
import {
  describeTables,
  readTablesAt,
  readTablesFromHeader,
  recordIndexInTable,
  rewriteTablePlace,
  tablePages,
  tablePagesUpTo,
} from "../pages/moving-tables.ts";
import type { RepairContext } from "./context.ts";

/**
 * Makes the header of a heap lead to its tables again, if they move and can be found. Tables that have been left no
 * longer say that they are some, so that those which do are the ones, wherever they are; failing these, the place that
 * the header names is believed if two of the three things are there that tables say of themselves.
 */
export function restoreTablePlace(memory: LinearMemory, start: number): void {
  const geometry = geometryOf(memory, start);
  if (geometry === undefined || !geometry.hasMovingTables) return;
  const moves = memory.words[headerWord(geometry, Header.TABLE_MOVES)];
  const found =
    readTablesFromHeader(memory, geometry, moves) ??
    readTablesFromHeader(memory, geometry, moves + 1) ??
    searchTables(memory, geometry) ??
    readTablesFromHeader(memory, geometry, moves, 1);
  if (found === undefined) return;
  useTables(geometry, { ...found, tableMoves: Math.max(0, found.tableMoves) });
  rewriteTablePlace(memory, geometry);
  const endWord = headerWord(geometry, Header.END_FRAME);
  memory.words[endWord] = Math.min(memory.words[endWord], found.coveredEndFrame);
}

function geometryOf(memory: LinearMemory, start: number): Geometry | undefined {
  try {
    return readHeader(memory, start);
  } catch (error) {
    if (error instanceof KmemError) return undefined;
    throw error;
  }
}

/** Tables that nothing leads to: wherever a page could begin them, what they would say of themselves is looked at. */
function searchTables(memory: LinearMemory, geometry: Geometry): MovingTables | undefined {
  const { words } = memory;
  const { firstPageFrame, limitFrame } = geometry;
  const end = Math.min(Math.floor(memory.byteLength / PAGE_SIZE), limitFrame);
  for (let frame = firstPageFrame; frame < end; frame++) {
    const record = recordIndexInTable(geometry, frame * PAGE_SIZE, frame);
    if (words[record + FrameRecord.SLAB_OR_OWNER] !== OwnerMark.TABLES) continue;
    const pageCount = words[record + FrameRecord.COUNT];
    // Tables for more take more pages: the candidates are the few for which they are as many as it says.
    for (let covered = frame; covered < limitFrame + WASM_PAGE_FRAMES; covered += WASM_PAGE_FRAMES) {
      const coveredEndFrame = Math.min(Math.ceil(covered / WASM_PAGE_FRAMES) * WASM_PAGE_FRAMES, limitFrame);
      const pages = tablePagesUpTo(geometry, coveredEndFrame);
      if (pages > pageCount) break;
      const tables =
        pages === pageCount ? readTablesAt(memory, geometry, { tablesFirstFrame: frame, coveredEndFrame }) : undefined;
      if (tables !== undefined) return tables;
    }
  }
  return undefined;
}

/** Makes the pages of the tables a run of theirs again. */
export function restoreTableRun({ layers, trusted, pagesLog }: RepairContext): void {
  const { memory, geometry, pages } = layers;
  if (!geometry.hasMovingTables) return;
  const { frames } = pages;
  const first = geometry.tablesFirstFrame;
  const count = tablePages(geometry);
  const isWhole = Array.from({ length: count }, (_, page) => frames.kind(first + page)).every(
    (kind, page) => kind === (page === 0 ? RunKind.SYSTEM : RunKind.SYSTEM + 1),
  );
  if (!isWhole || frames.count(first) !== count || frames.owner(first) !== OwnerMark.TABLES) {
    pagesLog.done(first * PAGE_SIZE, `${count} pages are those of the tables again`);
  }
  describeTables(memory, geometry);
  trusted.add(first, count);
}
