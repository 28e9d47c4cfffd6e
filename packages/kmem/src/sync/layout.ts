/**
 * Slots, locks, waiting.
 *
 * A slot: what a thread works through, the kernel's "CPU". It outlives the thread that holds it.
 *
 *      word 0   STATE       free or held
 *      word 1   GENERATION  raised each time the slot is taken
 *      word 2   AREA        address of the slot's private pages (sheaves), 0 while it has none
 *      word 3   INTENT      what a multi-word change is about to do; 0 when nothing is half done
 *      word 4   TICKET      place in the queue of those who wait for memory; 0 while the slot does not
 */
export const SlotRecord = { STATE: 0, GENERATION: 1, AREA: 2, INTENT: 3, TICKET: 4 } as const;

/** Words in a slot's record. */
export const SLOT_RECORD_WORDS = 16;
/** A record fills a cache line, so that two threads never write to the same one. */
export const SLOT_RECORD_BYTES: number = SLOT_RECORD_WORDS * 4;

export const SlotState = { FREE: 0, HELD: 1 } as const;

/**
 * A lock's word: 0 while nobody holds it, else who does. A slot's owner is its number + 1 and its generation, so that a
 * word left behind by a thread that is gone can be told from one of the thread that has the slot now.
 *
 *      bit   31       30 … 7        6 … 0
 *            WAITED   generation    slot + 1
 *
 * Locks are taken in this order, and never in another:
 *
 *      table  ►  a cache's  ►  pages
 *      recall, buckets, virtual memory  ►  pages
 *      a mempool's: none is taken under it
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
