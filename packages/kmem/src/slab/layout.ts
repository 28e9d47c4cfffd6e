import { FrameKind, KIND_COUNT } from "../pages/layout.ts";

/**
 * Tags, slabs, sheaves.
 *
 * The tag table holds a byte a granule of 16 bytes. Only the granule at which a block starts ever differs
 * from NONE:
 *
 *                      slab made                refill                 alloc (slot s)
 *      NONE ──────────────────────► IN_SLAB ─────────────► NONE ─────────────────────► s + 1
 *        ▲                             │ ▲                  │ ▲                          │
 *        └──────── slab released ──────┘ └────── flush ─────┘ └────────── free ──────────┘
 *
 * It is the truth about blocks: s + 1 is live and was handed out by slot s, IN_SLAB is free, and a block whose tag is
 * NONE is in exactly one sheaf. The counts, cursors and lists below can be rebuilt from it.
 *
 * A sheaf is a stack of addresses between two sentinels, in the private pages of a slot:
 *
 *      EMPTY │ block │ block │ block │ … room … │ FULL
 *      ▲                     ▲
 *      bottom                top: words[TOPS + kind] is the index of this word
 *
 * EMPTY is the address of the header, whose tag is RESERVED: an alloc that pops it sees a tag that is not NONE and
 * takes the slow path, without a test of its own. FULL is odd and no address.
 *
 * A slot's private pages (its area):
 *
 *      TOPS    256 words: index of the top of the sheaf, by the kind of the frame
 *      GROUPS  16 words: addresses of the pages with the sheaves of caches made by hand, 16 caches a page
 *      SEEN    256 words: the tops when idle sheaves were last looked for; a top that is still there is idle
 *      CLOSED  2 words: EMPTY, FULL; the sheaf of every kind that has none, so that both paths turn slow
 *      then the sheaves of the size classes
 */
export const Tag = {
  NONE: 0,
  /** Live tags are 1 to this: the slot's number + 1, of MAX_SLOT_COUNT slots at the most. */
  LIVE_MAX: 127,
  RESERVED: 128,
  IN_SLAB: 255,
} as const;

/** Whether a tag says that a live block starts at its granule. */
export function isLive(tag: number): boolean {
  return tag !== Tag.NONE && tag <= Tag.LIVE_MAX;
}

/** What ends a sheaf above. */
export const FULL = -1;
/** Words of a sheaf besides its entries. */
export const SENTINEL_WORDS = 2;

export const AreaWord = {
  TOPS: 0,
  /** KIND_COUNT tops before it. */
  GROUPS: 256,
  /** 16 groups before it. */
  SEEN: 272,
  /** KIND_COUNT tops before it. */
  CLOSED: 528,
  /** A sheaf without room for an entry before it. */
  SHEAVES: 530,
} as const;

/** Caches whose sheaves share a page. */
export const CACHES_PER_GROUP_SHIFT = 4;
export const CACHES_PER_GROUP_MASK: number = (1 << CACHES_PER_GROUP_SHIFT) - 1;
/** log2 of the words that a cache made by hand has for its sheaf, sentinels included. */
export const GROUP_SHEAF_SHIFT = 6;
export const GROUP_SHEAF_CAPACITY: number = (1 << GROUP_SHEAF_SHIFT) - SENTINEL_WORDS;

/**
 * A cache's record. The slabs that have free blocks form a list from HEAD to TAIL through the frame table, oldest
 * first; full slabs are in no list. In the record of a slab's first frame, COUNT holds the free blocks in its low half
 * and in its high half the cursor: the granule below which no block of the slab is free.
 */
export const CacheRecord = {
  /** Bytes of a block; 0 where the number is not in use. */
  BLOCK_BYTES: 0,
  /** What the user asked for: at most BLOCK_BYTES. */
  OBJECT_BYTES: 1,
  ALIGN_BYTES: 2,
  SLAB_PAGES: 3,
  SLAB_BLOCKS: 4,
  /** Entries in a sheaf. */
  CAPACITY: 5,
  HEAD: 6,
  TAIL: 7,
  SLABS: 8,
  /** Free blocks in slabs; those in sheaves are not among them. */
  FREE_BLOCKS: 9,
  /** Slabs all of whose blocks are free. */
  EMPTY_SLABS: 10,
  NAME: 12,
} as const;
export const CACHE_RECORD_WORDS = 20;
/** Bytes of a name in a record; longer names are refused. */
export const CACHE_NAME_BYTES = 32;

/** Numbers of caches are frame kinds less FIRST_CACHE. */
export const CACHE_COUNT: number = KIND_COUNT - FrameKind.FIRST_CACHE;
export const CACHE_TABLE_BYTES: number = CACHE_COUNT * CACHE_RECORD_WORDS * 4;

/**
 * Empty slabs that a cache keeps, so that blocks going back and forth do not make and release slabs each time: one, and
 * a fourth of its slabs. They are released when the heap would grow past its peak, and when memory is short.
 */
export const EMPTY_SLABS_KEPT = 1;
export const EMPTY_SLABS_SHARE_SHIFT = 2;

/** Low half of COUNT in the record of a slab's first frame. */
export const SLAB_FREE_MASK = 0xffff;
export const SLAB_CURSOR_SHIFT = 16;
