import { LINE_WORDS, type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";

/**
 * The ring of trace events: a run of pages of the heap's own, found by its mark in the frame table, where no user
 * writes. OWNER of the run holds OwnerMark.TRACE_RING.
 *
 *      ring                                 events, a cache line each
 *      ┌────────┬───────┬────────┬── … ──┬────── … ──┬─────────┬─────────┬── … ──┬──────────────┐
 *      │ MAGIC  │ SHIFT │ ORIGIN │ MAKER │ NEXT    0 │ place 0 │ place 1 │       │ capacity - 1 │
 *      └────────┴───────┴────────┴── … ──┴────── … ──┴─────────┴─────────┴── … ──┴──────────────┘
 *      ◄──────── 16 words, constants ────►◄─ 16 ────►
 *
 * Who writes an event draws a ticket, the number in NEXT, and the event's place is what is left of the ticket when it
 * is divided by the capacity 2^SHIFT. Tickets have 32 bits, and wrap. STAMP of a place says
 * what is in it:
 *
 *      bit   31      30 … 7        6 … 0
 *            0       ticket >>> SHIFT, plus 1      the event of that ticket, whole; 0: none yet
 *            BUSY    generation    slot + 1        this thread is writing it: a lock's owner, see sync/layout.ts
 *
 *      none, or whole and older ──exchange──► BUSY ──fields──► whole
 *
 * A writer that finds its place busy, or newer than its own ticket, lets its event go: it never waits, and never
 * writes where another thread may write still. Where the other is gone for certain the place is taken over. So the
 * event of a whole STAMP was written by one thread, all of it, before the STAMP; and a reader that finds the same STAMP
 * before and after the fields has read the fields that belong to it.
 */
export const TRACE_HEADER_FIELDS = {
  MAGIC: 1,
  /** log2 of the places. */
  SHIFT: 1,
  /** When the ring was made: milliseconds since 1970, a double. */
  ORIGIN: 2,
  /** The slot + 1 of the thread that made it: with that one's blocks a reaping frees it or gives it on. */
  MAKER: 1,
  /** The ticket of the next event. */
  NEXT: { line: 1 },
} as const;
/** Word indexes in a ring. */
export const TraceHeader: Offsets<typeof TRACE_HEADER_FIELDS> = /* @__PURE__ */ offsetsOf(TRACE_HEADER_FIELDS);
/** Words before the first event. */
export const TRACE_HEADER_WORDS: number = /* @__PURE__ */ wordsOf(TRACE_HEADER_FIELDS, LINE_WORDS);

/** Words of an event. Addresses and sizes are unsigned. */
export const TRACE_EVENT_FIELDS = {
  STAMP: 1,
  /** A {@link TraceKind}. */
  KIND: 1,
  /** The slot of the thread that wrote it. */
  SLOT: 1,
  /** Microseconds since the ring was made, the lower and the upper half. */
  TIME_LOW: 1,
  TIME_HIGH: 1,
  /** Number of a call site, 0 where it is not known. */
  CALL_SITE: 1,
  /** Address of the block or of the first page; 0 when the allocation failed. */
  PTR: 1,
  BYTES_REQ: 1,
  BYTES_ALLOC: 1,
  /** A gfp_mask. */
  GFP: 1,
  /** The node that was asked for, {@link NO_NODE} for any. */
  NODE: 1,
  /** Kind of the cache's frames, 0 where there is no cache. */
  NAME: 1,
} as const;
/** Word indexes in an event. */
export const TraceWord: Offsets<typeof TRACE_EVENT_FIELDS> = /* @__PURE__ */ offsetsOf(TRACE_EVENT_FIELDS);
/** log2 of the words of an event. */
export const TRACE_EVENT_SHIFT = 4;

/** Identifies a ring, in its first word. */
export const TRACE_MAGIC: number = 0x8b54524b | 0;

/** Somebody is writing the event; all lower bits say who. */
export const TRACE_BUSY = -0x8000_0000;
/** There has been no event in the place. */
export const TRACE_NONE = 0;

/** A ring has so many places at the least: a whole STAMP then never reaches BUSY. */
export const TRACE_EVENTS_MIN = 4;
/** And at the most: 1 GiB of them. */
export const TRACE_EVENTS_MAX: number = 2 ** 24;

/** The node of a request that names none, as the kernel prints it. */
export const NO_NODE = -1;

/** The kernel's tracepoints. */
export const TraceKind = {
  KMALLOC: 1,
  KFREE: 2,
  CACHE_ALLOC: 3,
  CACHE_FREE: 4,
  PAGE_ALLOC: 5,
  PAGE_FREE: 6,
} as const;
/** A value of {@link TraceKind}. */
export type TraceKindValue = (typeof TraceKind)[keyof typeof TraceKind];

/** What the kernel calls them, by kind. */
export const TRACE_KIND_NAMES: readonly string[] = [
  "",
  "kmalloc",
  "kfree",
  "kmem_cache_alloc",
  "kmem_cache_free",
  "mm_page_alloc",
  "mm_page_free",
];

/**
 * The log of one thread's calls: a run of pages of the heap's own, found and reaped as a ring is (see
 * pages/layout.ts, RingWord), which nobody else writes to.
 *
 *      log                                                  calls, 16 bytes each
 *      ┌────────┬───────┬────────┬───────┬──────┬─────────┬── … ──┬──────┬── … ──┬─────────┬── … ──┬──────────────┐
 *      │ MAGIC  │ SHIFT │ ORIGIN │ MAKER │ SLOT │ ORDERED │       │ NEXT │       │ place 0 │       │ capacity - 1 │
 *      └────────┴───────┴────────┴───────┴──────┴─────────┴── … ──┴──────┴── … ──┴─────────┴── … ──┴──────────────┘
 *
 * Call n is in place n mod 2^SHIFT, with n + 1 in NUMBER. All of it is plain stores: only NEXT, the number of calls
 * that are published, is stored atomically, once a batch. Each batch begins with a CLOCK, the time of all calls up to
 * the next one. A writer is at most two batches ahead of the NEXT that a reader sees, so what lies that far from being
 * overwritten, by the NEXT that is there after it was copied, was copied whole.
 *
 * In memory that threads share each call takes a ticket of the heap's, Header.CALL_TICKET: an allocation when it has
 * its block, a free while it has it still. So the tickets of all logs order what happened to each block.
 */
export const CALL_LOG_FIELDS = {
  MAGIC: 1,
  /** log2 of the places. */
  SHIFT: 1,
  /** When the log was made: milliseconds since 1970, a double. */
  ORIGIN: 2,
  /** The slot + 1 of the thread whose blocks the log is reaped with. */
  MAKER: 1,
  /** The slot of the thread that wrote it. */
  SLOT: 1,
  /** 1 where calls have tickets. */
  ORDERED: 1,
  NEXT: { line: 1 },
} as const;
/** Word indexes in a log. */
export const CallLogWord: Offsets<typeof CALL_LOG_FIELDS> = /* @__PURE__ */ offsetsOf(CALL_LOG_FIELDS);
/** Words before the first call. */
export const CALL_LOG_HEADER_WORDS: number = /* @__PURE__ */ wordsOf(CALL_LOG_FIELDS, LINE_WORDS);

/** Words of a call. */
export const CALL_FIELDS = {
  /** Of a CLOCK: microseconds since ORIGIN, the lower half. */
  TICKET: 1,
  /** The block's address, a multiple of 16, or 0 where the allocation failed; and a {@link TraceKind} or CALL_CLOCK. */
  BLOCK: 1,
  /** Bytes that were asked for; of a cache the kind of its frames; of a CLOCK the upper half. */
  DETAIL: 1,
  NUMBER: 1,
} as const;
/** Word indexes in a call. */
export const CallWord: Offsets<typeof CALL_FIELDS> = /* @__PURE__ */ offsetsOf(CALL_FIELDS);
/** log2 of the words of a call. */
export const CALL_SHIFT = 2;
/** What is no call but the time. */
export const CALL_CLOCK = 0;
/** The bits of BLOCK that say what happened. */
export const CALL_KIND_MASK = 15;

/** Calls of a batch, a power of two. */
export const CALL_BATCH = 64;
/** Places that may be overwritten while they are copied. */
export const CALL_MARGIN: number = 2 * CALL_BATCH;
/** A log has so many places at the least. */
export const CALL_LOG_MIN: number = 4 * CALL_BATCH;
/** And at the most: 1 GiB of them. */
export const CALL_LOG_MAX: number = 2 ** 26;

/** Identifies a log, in its first word. */
export const CALL_LOG_MAGIC: number = 0x8b434c47 | 0;
