import { LINE_WORDS, type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";

/**
 * Slots, locks, waiting.
 *
 * A slot: what a thread works through, the kernel's "CPU". It outlives the thread that holds it.
 *
 *      word 0   STATE       state and generation, changed together
 *      word 1   AREA        address of the slot's private pages (sheaves), 0 while it has none
 *      word 2   WATCHED     1 once the thread holds the Web Lock whose release tells of its death
 *      word 3   TICKET      place in the queue of those who wait for memory; 0 while the slot does not
 *      word 4   BEACON        always 0: where the thread's waiters wait whose absence tells of its death
 *      word 5   BEACON_WAITERS  how many there are at the least; BEACON_ENDED once the thread has taken them away
 *      word 6   TOKEN       tells a reservation from one of another heap with the same slot and generation
 *      word 7   PROBE       always 0 but for an instant: the thread finds out whether two objects are one memory
 *
 * STATE:
 *
 *      bit   31 … 3                                             2 … 0
 *            generation: raised each time the slot is taken,    state
 *            never 0 again
 *
 *      FREE ──reserve──► RESERVED ──occupy──► HELD ──release──► FREE   (take: both steps at once)
 *                         │  ▲                 │
 *                         │  └─── takeOver ─┐  │
 *                         └──────► DEAD ◄───┼──┘  markDead: the thread is gone; the first to find out says so
 *                                   │ └─────┘     the thread that takes it over reserves it for itself
 *                                   └──reaped, no blocks carry its tag──► RELEASING ──► FREE
 *
 * A slot that is FREE is in no set, not WATCHED, and its beacon has ended. RELEASING is the state of a slot while a
 * thread with REAP_LOCK sees to that; if that thread dies, the next recovery does.
 *
 * A slot is reserved for a thread that is watched from its first instruction on. One that finds no memory when it
 * attaches leaves it reserved (unoccupy), and may try again.
 */
export const SLOT_FIELDS = {
  STATE: 1,
  AREA: 1,
  WATCHED: 1,
  TICKET: 1,
  BEACON: 1,
  BEACON_WAITERS: 1,
  TOKEN: 1,
  PROBE: 1,
} as const;
/** Word indexes in a slot's record. */
export const SlotRecord: Offsets<typeof SLOT_FIELDS> = /* @__PURE__ */ offsetsOf(SLOT_FIELDS);

/** Waiters that a thread leaves: it is asked about at most so often between two locks that it takes. */
export const BEACON_WAITER_COUNT = 32;
/** The count of a thread that has taken its waiters away. */
export const BEACON_ENDED = -1;

/** Words in a slot's record. */
export const SLOT_RECORD_WORDS: number = /* @__PURE__ */ wordsOf(SLOT_FIELDS, LINE_WORDS);
/** A record fills a cache line, so that two threads never write to the same one. */
export const SLOT_RECORD_BYTES: number = SLOT_RECORD_WORDS * 4;

/** States of a slot, in the low bits of the word STATE of its record. */
export const SlotState = { FREE: 0, HELD: 1, DEAD: 2, RESERVED: 3, RELEASING: 4 } as const;
/** log2 of what the generation is multiplied by in STATE; the state is in the bits below. */
export const GENERATION_SHIFT = 3;
/** The bits of the state in STATE. */
export const SLOT_STATE_MASK: number = (1 << GENERATION_SHIFT) - 1;
/** The last generation before it begins again with 1. */
export const GENERATION_MAX: number = 2 ** (32 - GENERATION_SHIFT) - 1;

/** Sets of slots, a bit each: 126 slots have four words. Setting a bit twice, or clearing it twice, does no harm. */
export const SLOT_SET_SHIFT = 5;
/** The number of a slot within its word of a set. */
export const SLOT_SET_MASK: number = (1 << SLOT_SET_SHIFT) - 1;

/**
 * A lock's word: 0 while nobody holds it, else who does. A slot's owner is its number + 1 and its generation, so that a
 * word that a dead thread has left can be told from one of the thread that has the slot now.
 *
 *      bit   31       30 … 7        6 … 0
 *            WAITED   generation    slot + 1
 *
 * Who waits for a lock whose holder is gone inherits it, repairs what it guards from the tables that are true at any
 * instant, and has it. A slot that is free, or of another generation, is no holder that is still there, so that a lock
 * which nobody asked for while its holder was reaped is inherited too.
 *
 * What each lock protects:
 *
 *      REAP_LOCK      recovery from deaths: one thread of the heap recovers at a time. No data of its own
 *      TABLE_LOCK     which records of the cache table are in use; the run of the size classes' barns, and that a barn
 *                     is there at all
 *      SHEAVES_LOCK   that a slot's area and the pages of its sheaves stay where they are, while another slot closes
 *                     those sheaves, or looks at them to forget a cache. The slot's own thread works without it
 *      a cache's      its slabs (tags, COUNT and SLAB_OR_OWNER of their frames, the list, the counts in the record)
 *                     and what its barn holds
 *      BUCKET_LOCK    buckets, their bitmaps and lists, buffers for DMA
 *      VMALLOC_LOCK   areas, page tables, the arena of virtual pages
 *      PAGES_LOCK     zones, free lists, the group table, growth, and runs while a part of them is split off. Whole
 *                     runs change hands without it, by their OWNER
 *      a mempool's    the elements in its reserve
 *
 * A thread takes a lock only while all that it holds stand to the left of it:
 *
 *      reap  ►  table  ►  sheaves  ►  a cache's, buckets, virtual memory  ►  pages
 *      a mempool's: alone, with no other under it
 *
 * No constructor, shrinker or other function of a user ever runs under one.
 */
export const LockBits = {
  FREE: 0,
  OWNER_SLOT_MASK: 0x7f,
  GENERATION_SHIFT: 7,
  GENERATION_MASK: 0xff_ffff,
  /** Somebody may sleep until the lock is free. */
  WAITED: -0x8000_0000,
} as const;
