import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import {
  ARENA_TABLE_WORDS,
  ArenaHeader,
  ArenaTable,
  NO_RECORD,
  SEGMENT_WORDS,
  SegmentRecord,
  SegmentState,
} from "./layout.ts";
import { Records } from "./records.ts";
import { freeSize, SegmentTree } from "./tree.ts";

/**
 * Rebuilds an arena from START, SIZE and STATE of its records alone: the list, the tree, the unused records and all
 * counts. A range whose owner's words start at a word that `isOwned` refuses becomes free. A thread that dies on the
 * way leaves what the next call rebuilds. O(records + n log n).
 */
export function rebuildArena(
  memory: LinearMemory,
  headerAddress: number,
  isOwned: (ownerWord: number) => boolean,
): void {
  const { words } = memory;
  const header = headerAddress >>> WORD_SHIFT;
  const all = [...recordsOf(memory, header)];
  const segments = all.filter((record) => words[record + SegmentRecord.STATE] !== SegmentState.UNUSED);
  segments.sort((a, b) => start(words, a) - start(words, b));
  for (const [index, record] of segments.entries()) {
    if (!isOwned(record + SegmentRecord.OWNER)) disown(words, record);
    const next = segments[index + 1];
    if (next !== undefined) trim(words, record, next);
  }
  const merged = merge(words, segments);
  linkList(words, header, merged);
  linkUnused(words, header, all);
  words[header + ArenaHeader.ROOT] = NO_RECORD;
  const tree = new SegmentTree(memory, header + ArenaHeader.ROOT);
  for (const record of merged) tree.insert(record);
  count(words, header, merged);
}

function* recordsOf(memory: LinearMemory, header: number): Generator<number> {
  const records = new Records(memory, header);
  for (const table of records.tables()) {
    const first = (table >>> WORD_SHIFT) + ARENA_TABLE_WORDS;
    const { recordWords } = records;
    const roomWords = recordWords >= SEGMENT_WORDS ? memory.words.length - first : 0;
    const said = memory.words[(table >>> WORD_SHIFT) + ArenaTable.RECORD_COUNT];
    const recordCount = Math.min(said, Math.floor(roomWords / recordWords));
    for (let index = 0; index < recordCount; index++) yield first + index * recordWords;
  }
}

function start(words: Int32Array, record: number): number {
  return words[record + SegmentRecord.START] >>> 0;
}

function disown(words: Int32Array, record: number): void {
  const state = words[record + SegmentRecord.STATE];
  if ((state & SegmentState.ALLOCATED) === 0) return;
  words[record + SegmentRecord.STATE] = (state & SegmentState.SPAN_START) | SegmentState.FREE;
}

/** Ends a segment where the next one begins: while one is cut in two, or takes another in, both hold the same. */
function trim(words: Int32Array, record: number, next: number): void {
  const room = start(words, next) - start(words, record);
  if (words[record + SegmentRecord.SIZE] >>> 0 > room) words[record + SegmentRecord.SIZE] = room;
}

/** Merges free neighbours; returns the segments that are left. */
function merge(words: Int32Array, segments: readonly number[]): number[] {
  const merged: number[] = [];
  for (const record of segments) {
    const last = merged.at(-1) ?? NO_RECORD;
    const isSpanStart = (words[record + SegmentRecord.STATE] & SegmentState.SPAN_START) !== 0;
    const joins = last !== NO_RECORD && !isSpanStart && freeSize(words, last) > 0 && freeSize(words, record) > 0;
    if (!joins) {
      merged.push(record);
      continue;
    }
    words[last + SegmentRecord.SIZE] += words[record + SegmentRecord.SIZE];
    words[record + SegmentRecord.STATE] = SegmentState.UNUSED;
  }
  return merged;
}

function linkList(words: Int32Array, header: number, segments: readonly number[]): void {
  words[header + ArenaHeader.FIRST] = segments[0] ?? NO_RECORD;
  for (const [index, record] of segments.entries()) {
    words[record + SegmentRecord.PREV] = segments[index - 1] ?? NO_RECORD;
    words[record + SegmentRecord.NEXT] = segments[index + 1] ?? NO_RECORD;
  }
}

/** From the last to the first, so that records are used in the order of their addresses. */
function linkUnused(words: Int32Array, header: number, records: readonly number[]): void {
  let next: number = NO_RECORD;
  let unusedCount = 0;
  for (const record of records.toReversed()) {
    if (words[record + SegmentRecord.STATE] !== SegmentState.UNUSED) continue;
    words[record + SegmentRecord.NEXT] = next;
    next = record;
    unusedCount++;
  }
  words[header + ArenaHeader.UNUSED] = next;
  words[header + ArenaHeader.UNUSED_COUNT] = unusedCount;
  words[header + ArenaHeader.RECORD_COUNT] = records.length;
}

function count(words: Int32Array, header: number, segments: readonly number[]): void {
  let units = 0;
  let freeUnits = 0;
  let spans = 0;
  for (const record of segments) {
    units += words[record + SegmentRecord.SIZE] >>> 0;
    freeUnits += freeSize(words, record);
    if ((words[record + SegmentRecord.STATE] & SegmentState.SPAN_START) !== 0) spans++;
  }
  words[header + ArenaHeader.TOTAL_UNITS] = units;
  words[header + ArenaHeader.FREE_UNITS] = freeUnits;
  words[header + ArenaHeader.SPAN_COUNT] = spans;
}
