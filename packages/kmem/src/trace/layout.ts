import { LINE_WORDS, type Offsets, offsetsOf, wordsOf } from "../memory/record.ts";

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
