import type { Report } from "../memory/finding.ts";
import { WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import {
  ARENA_MAGIC,
  ARENA_TABLE_WORDS,
  ArenaHeader,
  ArenaTable,
  NO_RECORD,
  OWNER_WORDS_MAX,
  SEGMENT_WORDS,
  SegmentRecord,
  SegmentState,
  UNITS_END,
} from "./layout.ts";
import { freeSize, priority } from "./tree.ts";

/** What the parts of a check share. Problems are reported by word and come out by address. */
interface Context {
  readonly words: Int32Array;
  readonly header: number;
  /** Every record of every table. */
  readonly records: ReadonlySet<number>;
  readonly report: (word: number, problem: string) => void;
}

/**
 * Verifies an arena: its tables, the list of its segments, the tree over them and the unused records. What is found
 * in one part keeps the others from following links that lead nowhere. O(records).
 */
export function checkArena(memory: LinearMemory, headerAddress: number, report: Report): void {
  const { words } = memory;
  const header = headerAddress >>> WORD_SHIFT;
  const reportWord = (word: number, problem: string): void => report((word << WORD_SHIFT) >>> 0, problem);
  if (words[header + ArenaHeader.MAGIC] !== ARENA_MAGIC) {
    reportWord(header, "no arena has its header here");
    return;
  }
  const recordWords = words[header + ArenaHeader.RECORD_WORDS];
  if (recordWords < SEGMENT_WORDS || recordWords > SEGMENT_WORDS + OWNER_WORDS_MAX) {
    reportWord(header + ArenaHeader.RECORD_WORDS, `a record cannot have ${recordWords} words`);
    return;
  }
  const records = tableRecords(words, header, recordWords, reportWord);
  const context: Context = { words, header, records, report: reportWord };
  const segments = checkList(context);
  checkTree(context, segments);
  const unusedCount = checkUnused(context);
  if (segments.length + unusedCount !== records.size) {
    reportWord(header, `of ${records.size} records ${segments.length} are segments and ${unusedCount} are unused`);
  }
}

function tableRecords(
  words: Int32Array,
  header: number,
  recordWords: number,
  report: Context["report"],
): ReadonlySet<number> {
  const records = new Set<number>();
  const expected = words[header + ArenaHeader.RECORD_COUNT];
  let link = header + ArenaHeader.TABLES;
  while (words[link] !== 0) {
    const address = words[link] >>> 0;
    const table = address >>> WORD_SHIFT;
    const count = words[table + ArenaTable.RECORD_COUNT];
    const end = table + ARENA_TABLE_WORDS + count * recordWords;
    const isNew = !records.has(table + ARENA_TABLE_WORDS) && records.size + count <= expected;
    if (address % WORD_BYTES !== 0 || !(count >= 1 && end <= words.length) || !isNew) {
      report(link, `the link to a table, ${address}, leads to none`);
      return records;
    }
    for (let record = table + ARENA_TABLE_WORDS; record < end; record += recordWords) records.add(record);
    link = table + ArenaTable.NEXT_TABLE;
  }
  if (records.size !== expected) {
    report(header + ArenaHeader.RECORD_COUNT, `the tables hold ${records.size} records, the count says ${expected}`);
  }
  return records;
}

/** Follows the list by address; returns the records in it as far as it can be followed. */
function checkList(context: Context): number[] {
  const { words, header, records, report } = context;
  const segments: number[] = [];
  const seen = new Set<number>();
  const counted = { units: 0, freeUnits: 0, spans: 0 };
  let previous: number = NO_RECORD;
  for (
    let record = words[header + ArenaHeader.FIRST];
    record !== NO_RECORD;
    record = words[record + SegmentRecord.NEXT]
  ) {
    if (!records.has(record) || seen.has(record)) {
      const from = previous === NO_RECORD ? header + ArenaHeader.FIRST : previous + SegmentRecord.NEXT;
      report(from, `the list of segments leads to ${record}, which is no record or stands in it already`);
      break;
    }
    seen.add(record);
    segments.push(record);
    checkSegment(context, record, previous);
    counted.units += words[record + SegmentRecord.SIZE] >>> 0;
    counted.freeUnits += freeSize(words, record);
    if ((words[record + SegmentRecord.STATE] & SegmentState.SPAN_START) !== 0) counted.spans++;
    previous = record;
  }
  expectCount(context, ArenaHeader.TOTAL_UNITS, counted.units, "units are in all segments");
  expectCount(context, ArenaHeader.FREE_UNITS, counted.freeUnits, "units are in free segments");
  expectCount(context, ArenaHeader.SPAN_COUNT, counted.spans, "segments start a span");
  return segments;
}

function expectCount({ words, header, report }: Context, field: number, counted: number, what: string): void {
  const said = words[header + field] >>> 0;
  if (counted !== said) report(header + field, `${counted} ${what}, the count says ${said}`);
}

function checkSegment({ words, report }: Context, record: number, previous: number): void {
  const start = words[record + SegmentRecord.START] >>> 0;
  const size = words[record + SegmentRecord.SIZE] >>> 0;
  const state = words[record + SegmentRecord.STATE];
  const plainState = state & ~SegmentState.SPAN_START;
  if (plainState !== SegmentState.FREE && plainState !== SegmentState.ALLOCATED) {
    report(record, `the segment from ${start} on has the state ${state}`);
  }
  if (size === 0 || start + size > UNITS_END) report(record, `a segment from ${start} on has ${size} units`);
  if (words[record + SegmentRecord.PREV] !== previous)
    report(record, `the link back from the segment at ${start} is wrong`);
  const isSpanStart = (state & SegmentState.SPAN_START) !== 0;
  if (previous === NO_RECORD) {
    if (!isSpanStart) report(record, "the first segment of all starts no span");
    return;
  }
  const previousEnd = (words[previous + SegmentRecord.START] >>> 0) + (words[previous + SegmentRecord.SIZE] >>> 0);
  if (start < previousEnd) report(record, `the segment from ${start} on overlaps the one before it`);
  if (isSpanStart) return;
  if (start > previousEnd) report(record, `between ${previousEnd} and ${start} a span has no segment`);
  if (freeSize(words, previous) > 0 && freeSize(words, record) > 0) {
    report(record, `the free segment from ${start} on is not merged with the one before it`);
  }
}

/** Walks the tree in order of starts and compares it with the list. */
function checkTree(context: Context, segments: readonly number[]): void {
  const { words, header, records, report } = context;
  const seen = new Set<number>();
  const path: number[] = [];
  let position = 0;
  let node = words[header + ArenaHeader.ROOT];
  while (node !== NO_RECORD || path.length > 0) {
    if (node !== NO_RECORD) {
      if (!records.has(node) || seen.has(node)) {
        report(path.at(-1) ?? header + ArenaHeader.ROOT, `the tree leads to ${node}, no record or one it has already`);
        return;
      }
      seen.add(node);
      path.push(node);
      node = words[node + SegmentRecord.LEFT];
      continue;
    }
    const visited = path.pop()!;
    if (segments[position] !== visited) {
      report(visited, `the tree has the segment from ${words[visited] >>> 0} on where the list has another`);
      return;
    }
    position++;
    checkNode(context, visited);
    node = words[visited + SegmentRecord.RIGHT];
  }
  if (position !== segments.length) {
    report(header + ArenaHeader.ROOT, `the tree has ${position} segments, the list ${segments.length}`);
  }
}

function checkNode({ words, records, report }: Context, node: number): void {
  let longest = freeSize(words, node);
  for (const side of [SegmentRecord.LEFT, SegmentRecord.RIGHT]) {
    const child = words[node + side];
    if (!records.has(child)) continue;
    longest = Math.max(longest, words[child + SegmentRecord.LONGEST_FREE] >>> 0);
    if (priority(child) > priority(node)) report(child, "a node of the tree stands below one of lower priority");
  }
  const said = words[node + SegmentRecord.LONGEST_FREE] >>> 0;
  if (said !== longest) report(node, `a node says ${said} is the longest free segment below it, it is ${longest}`);
}

function checkUnused({ words, header, records, report }: Context): number {
  const seen = new Set<number>();
  let link = header + ArenaHeader.UNUSED;
  for (let record = words[link]; record !== NO_RECORD; record = words[link]) {
    if (!records.has(record) || seen.has(record) || words[record + SegmentRecord.STATE] !== SegmentState.UNUSED) {
      report(link, `the list of unused records leads to ${record}, which is no unused record or stands in it already`);
      break;
    }
    seen.add(record);
    link = record + SegmentRecord.NEXT;
  }
  const said = words[header + ArenaHeader.UNUSED_COUNT];
  if (said !== seen.size) report(header + ArenaHeader.UNUSED_COUNT, `${seen.size} records are unused, not ${said}`);
  return seen.size;
}
