/**
 * A range of pages, registered with `mm_register_region`. Its tables stand inside it, at the low end:
 *
 *      start, up to a page                                             end + 1, down to a page
 *      │                                                                          │
 *      ▼                                                                          ▼
 *      ┌────────┬──────┬─────────────┬────────────┬──────────────────────────────┐
 *      │ header │ zone │ frame table │ kind table │ pages                        │
 *      │ 128 B  │ 256 B│ 16 B a page │ 1 B a page │ free, or in allocations      │
 *      └────────┴──────┴─────────────┴────────────┴──────────────────────────────┘
 *
 * The zone, the two tables and the words END_FRAME and GROWTH_COUNT of the header are those of the page allocator
 * (memory/layout.ts, pages/layout.ts). The words below are the range's own; they keep off the words of that header that
 * are state. All ranges form a list that begins with the first one registered, the root; the root's lock word guards
 * the whole list and every range in it.
 */
export const RangeHeader = {
  /** RANGE_MAGIC. */
  MAGIC: 0,
  /** Mixed from the header's own address, START, END and ROOT. */
  SEAL: 1,
  /** mr_start: address of the first page, which is also that of this header. */
  START: 2,
  /** mr_end: address of the last byte of the last page. */
  END: 3,
  /** Address of the root of the list. */
  ROOT: 4,
  /** mr_next: address of the range registered after this one, 0 at the end of the list. */
  NEXT: 5,
  /** In the root: the lock word of the critical section. */
  LOCK: 6,
  /** In the root: how many owners have had a number for the critical section. */
  OWNERS: 7,
  /** 1 once a kmalloc region was made in pages of the range: who frees pages then looks for those. */
  HAS_REGIONS: 8,
} as const;

/** "ATMK" in the order of the bytes in memory. */
export const RANGE_MAGIC = 0x4b4d5441;

/** Alignment of the tables, so that two of them never share a cache line. */
export const TABLE_ALIGNMENT = 64;
