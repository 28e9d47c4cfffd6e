import { type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";

/**
 * An arena of integers: its header, the tables its records lie in, and a record.
 *
 * A *span* is a stretch of integers that the arena was given. Each span is cut without gaps into *segments*, free ones
 * and allocated ones; no two free segments of a span touch. Every segment has one record:
 *
 *      span 10 … 59                            span 100 … 119
 *      ┌──────────┬────────────────┬────────┐  ┌──────────────┐
 *      │ allocated│ free           │ alloc. │  │ free         │
 *      │ 10, 12   │ 22, 30         │ 52, 8  │  │ 100, 20      │
 *      └──────────┴────────────────┴────────┘  └──────────────┘
 *      SPAN_START                              SPAN_START
 *
 * Records lie outside of what they describe, in tables that the owner of the arena provides, anywhere in the buffer:
 *
 *      header ──TABLES──► ┌ NEXT_TABLE │ RECORD_COUNT │ record │ record │ … ┐
 *                              │
 *                              └────► ┌ NEXT_TABLE │ RECORD_COUNT │ record │ … ┐
 *
 * A record in use stands in a list by address (the boundary tags, for merging and walking) and in a tree by address
 * that knows the longest free segment below each node (for finding). Links are word indexes of records.
 *
 * START, SIZE and STATE of the records in the tables are the truth; all else is rebuilt from them where a thread has
 * died on the way. STATE is what makes a record a segment and the other way round, so it is stored after START and
 * SIZE. While a segment is cut in two, or takes another in, the two hold the same integers: the lower one then ends
 * where the upper one begins.
 */

/** Word indexes in the header of an arena. */
export const ARENA_FIELDS = {
  MAGIC: 1,
  /** Words of a record, those of the owner included. */
  RECORD_WORDS: 1,
  /** Byte address of the first table, 0 while there is none. */
  TABLES: 1,
  /** Records in all tables. */
  RECORD_COUNT: 1,
  /** The list of unused records, linked through NEXT, and its length. */
  UNUSED: 1,
  UNUSED_COUNT: 1,
  /** The segment with the lowest start. */
  FIRST: 1,
  /** The root of the tree. */
  ROOT: 1,
  /** Integers in all spans, and those in free segments. */
  TOTAL_UNITS: 1,
  FREE_UNITS: 1,
  SPAN_COUNT: 1,
} as const;
/** Word indexes in the header of an arena. */
export const ArenaHeader: Offsets<typeof ARENA_FIELDS> = /* @__PURE__ */ offsetsOf(ARENA_FIELDS);
/** Words set aside for the header of an arena. */
export const ARENA_HEADER_WORDS: number = /* @__PURE__ */ wordsOf(ARENA_FIELDS, 2);
/** Bytes of an arena's header. */
export const ARENA_HEADER_BYTES: number = ARENA_HEADER_WORDS * 4;

/** "VMEM" in the order of the bytes in memory. */
export const ARENA_MAGIC = 0x4d454d56;

/** Word indexes in a table. */
export const ARENA_TABLE_FIELDS = {
  /** Byte address of the next table, 0 at the end. */
  NEXT_TABLE: 1,
  RECORD_COUNT: 1,
} as const;
/** Word indexes in a table. */
export const ArenaTable: Offsets<typeof ARENA_TABLE_FIELDS> = /* @__PURE__ */ offsetsOf(ARENA_TABLE_FIELDS);
/** Words of a table before its records. */
export const ARENA_TABLE_WORDS: number = /* @__PURE__ */ wordsOf(ARENA_TABLE_FIELDS);

/** Word indexes in a record. An unused record has STATE UNUSED and a NEXT; its other words mean nothing. */
export const SEGMENT_FIELDS = {
  START: 1,
  SIZE: 1,
  STATE: 1,
  PREV: 1,
  NEXT: 1,
  LEFT: 1,
  RIGHT: 1,
  /** Size of the longest free segment in the subtree, this one included. */
  LONGEST_FREE: 1,
  /** From here on the words are those of the range's owner. The arena clears them and never reads them. */
  OWNER: 0,
} as const;
/** Word indexes in a record. */
export const SegmentRecord: Offsets<typeof SEGMENT_FIELDS> = /* @__PURE__ */ offsetsOf(SEGMENT_FIELDS);
/** Words of a record without the owner's. */
export const SEGMENT_WORDS: number = /* @__PURE__ */ wordsOf(SEGMENT_FIELDS);
/** The most words that an owner can have in each record. */
export const OWNER_WORDS_MAX = 256;

/** STATE of a record. A segment's is FREE or ALLOCATED, with SPAN_START added when it is the first of its span. */
export const SegmentState = {
  UNUSED: 0,
  FREE: 1,
  ALLOCATED: 2,
  /** A bit beside the state: the segment does not merge with the one before it. */
  SPAN_START: 4,
} as const;

/** The end of a list, the child that is not there: word 0 is never a record. */
export const NO_RECORD = 0;

/** One past the last integer that a span may hold: starts, sizes and totals then fit in a word. */
export const UNITS_END = 0xffff_ffff;

/** What an allocation returns when no range fits; 0 is an integer like any other. */
export const NO_RANGE = -1;
