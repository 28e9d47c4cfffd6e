import { WORD_BYTES } from "../memory/layout.ts";
import { LINE_WORDS, type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";
import { FrameKind, KIND_COUNT, PCP_WORDS } from "../pages/layout.ts";

/**
 * Tags, slabs, sheaves, barns.
 *
 * The tag table holds one byte per granule of 16 bytes. Only the granule at which a block starts, and that of the
 * header, ever differ from NONE:
 *
 *                      slab made              refill (slot s)          alloc (slot s)
 *      NONE ──────────────────────► IN_SLAB ─────────────► cached, s ────────────────► live, by s
 *        ▲                             │ ▲                  │ ▲   ▲                       │
 *        └──────── slab released ──────┘ └───── flush ──────┘ │   └──── free (slot s) ────┘
 *                                        ▲                    │
 *                                        └───── IN_BARN ◄─────┘  flush and refill, while threads share the heap
 *
 *      0          NONE       no block starts here
 *      1 … 126    live       slot tag - 1 has handed it out, or it was given to that slot
 *      127        IN_BARN    free, in the barn of its cache, or being moved there
 *      128        RESERVED   the header's granule
 *      129 … 254  cached     free, in a sheaf or a remote sheaf of slot tag - 129
 *      255        IN_SLAB    free, in its slab
 *
 * The tag table is authoritative: the counts, cursors and lists below can be rebuilt from it. A tag names the one slot
 * that holds the block: when two threads free it at the same moment, which is an error of the program, the sheaves of
 * both list it. Only the entry of the slot in the tag is valid; the other is stale. It becomes valid again if that slot
 * gets the block again, perhaps as one of another class. Heaps with EXACT_FREES refuse the second free instead.
 *
 * A free by another slot t than the one that allocated the block leads to cached, t. A block that is a run of pages has
 * NONE, live and, while a slot frees or resizes it, cached, without being in a sheaf.
 *
 * A sheaf is a stack of addresses between two sentinels, in the private pages of a slot:
 *
 *      EMPTY │ block │ block │ block │ … room … │ FULL
 *      ▲                     ▲
 *      bottom                top: words[area + TOPS + kind] is the index of this word
 *
 * EMPTY is the address of the header, whose tag is RESERVED: an alloc that pops it sees a tag that is not its sheaf's
 * and takes the slow path, without a test of its own. FULL is odd and no address.
 *
 * A slot's private pages (its area). Where a large one is no more than 1/128 of the memory it is large: its sheaves of
 * size classes hold up to 64 KiB of blocks each. In a small one they hold up to 16 KiB.
 *
 *      TOPS    256 words: index of the top of the sheaf, by the kind of the frame
 *      NAMED_SHEAF_PAGES  16 words: addresses of the pages with the sheaves of named caches, 16 caches a page
 *      REMOTE_TOPS  256 words: as TOPS, for remote sheaves: blocks that other slots allocated and this one freed
 *      DUMMY_SHEAF  2 words, EMPTY and FULL: the sheaf of kinds that have none, and of closed ones. It is empty and
 *              full at once, so that alloc and free both take the slow path
 *      SAVED   256 words: the top of a sheaf when it was closed; means nothing unless TOPS is that of DUMMY_SHEAF
 *      PCP  the slot's pcp lists
 *      SCRATCH 1 word: a one-entry list, for a block that bypasses the sheaf
 *      REMOTE_PAGES 1 word: address of the pages of the remote sheaves, 0 until the slot needs some
 *      TRANSFERS 1 word: refills and flushes of the slot's sheaves
 *      SAMPLE_IN 1 word: allocations until one gets a guarded place, itself included; in a SampledHeap (as KFENCE)
 *      then the sheaves of the size classes
 *
 * Under memory pressure any thread may close a sheaf: the top is saved and that of DUMMY_SHEAF put in its place, so
 * that the next operation of the slot takes the slow path and gives memory back. The slot itself opens it again. If the
 * slot's fast path is between its load and its store of the top at that moment, its store undoes the close, which is
 * harmless.
 *
 * A barn is a stack of free blocks of a size class for all threads, under the cache's lock. Barns are made when a
 * second slot is taken, and stay until a `trim` finds one slot taken; they lie one after the other in one run of pages.
 * Linux's barns hold sheaves; these hold blocks, up to BARN_CAPACITY_FACTOR × CAPACITY of them.
 *
 *      COUNT │ block │ block │ … room …
 */
export const Tag = {
  NONE: 0,
  /** Live tags are 1 to this: the slot's number + 1, of MAX_SLOT_COUNT slots at the most. */
  LIVE_MAX: 126,
  IN_BARN: 127,
  RESERVED: 128,
  /** Tags of free blocks that a slot has, in a sheaf or a remote sheaf, are this and the slot's number. */
  FIRST_CACHED: 129,
  IN_SLAB: 255,
} as const;

/** Whether a tag says that a live block starts at its granule. */
export function isLive(tag: number): boolean {
  return tag !== Tag.NONE && tag <= Tag.LIVE_MAX;
}

/** Whether a tag says that a block is free, in a sheaf or a remote sheaf of a slot. */
export function isCached(tag: number): boolean {
  return tag >= Tag.FIRST_CACHED && tag < Tag.IN_SLAB;
}

/** The sentinel after the room for a sheaf's entries. */
export const FULL = -1;
/** Words of a sheaf besides its entries. */
export const SENTINEL_WORDS = 2;

/** log2 of the number of caches whose sheaves share a page. */
export const CACHES_PER_SHEAF_PAGE_SHIFT = 4;
/** The number of a cache within its page of sheaves. */
export const CACHES_PER_SHEAF_PAGE_MASK: number = (1 << CACHES_PER_SHEAF_PAGE_SHIFT) - 1;
/** Pages of sheaves of named caches that a slot can have. */
export const NAMED_SHEAF_PAGE_COUNT: number = KIND_COUNT >>> CACHES_PER_SHEAF_PAGE_SHIFT;

/** The fields of {@link AreaWord}. Each value is the field's length in words. */
export const SLOT_AREA_FIELDS = {
  TOPS: KIND_COUNT as number,
  NAMED_SHEAF_PAGES: NAMED_SHEAF_PAGE_COUNT as number,
  REMOTE_TOPS: KIND_COUNT as number,
  DUMMY_SHEAF: SENTINEL_WORDS as number,
  SAVED: KIND_COUNT as number,
  PCP: PCP_WORDS as number,
  SCRATCH: 1,
  REMOTE_PAGES: 1,
  TRANSFERS: 1,
  SAMPLE_IN: 1,
} as const;
/** Word indexes in a slot's area. */
export const AreaWord: Offsets<typeof SLOT_AREA_FIELDS> = /* @__PURE__ */ offsetsOf(SLOT_AREA_FIELDS);
/** The first word of the first sheaf of an area. */
export const FIRST_SHEAF_WORD: number = AreaWord.SAMPLE_IN + 1;

/**
 * Size classes that have remote sheaves: those of blocks up to 128 bytes, which may share a cache line, or the pair of
 * lines that processors fetch together, with another block. Larger blocks of other slots go into the sheaf like a
 * slot's own.
 */
export const REMOTE_CLASS_COUNT = 8;

/** log2 of the words that a named cache has for its sheaf, sentinels included. */
export const NAMED_SHEAF_SHIFT = 6;
/** Blocks that the sheaf of a named cache holds. */
export const NAMED_SHEAF_CAPACITY: number = (1 << NAMED_SHEAF_SHIFT) - SENTINEL_WORDS;

/** Bytes of a name in a record; longer names are refused. */
export const CACHE_NAME_BYTES = 32;
/**
 * A cache's record. The slabs that have free blocks form a list from PARTIAL_HEAD to PARTIAL_TAIL through the frame
 * table: a slab is appended when it is made, when it was full and gets a free block, and again when it becomes empty,
 * so that empty ones are mostly near the tail; full slabs are in no list. In the record of a slab's first frame,
 * COUNT holds the free blocks in its low half and in its high half the cursor: the granule below which no block of the
 * slab is free.
 *
 * A cache may have colours: its slabs, one after the other, start their first block COLOUR_BYTES further into the slab,
 * within the slab's leftover tail, so that blocks of the same number fall on different cache lines. SLAB_OR_OWNER of
 * every frame of a slab says which slab it is and where its first block starts:
 *
 *      31                    20 19                             0
 *      ┌───────────────────────┬───────────────────────────────┐
 *      │ granule of the first  │ first frame of the slab       │
 *      │ block in the slab     │                               │
 *      └───────────────────────┴───────────────────────────────┘
 *
 *      colour 0  │ block │ block │ block │    │
 *      colour 1  │··│ block │ block │ block │  │
 *      colour 2  │····│ block │ block │ block ││
 */
export const CACHE_FIELDS = {
  /** Bytes of a block; 0 where the number is not in use. */
  BLOCK_BYTES: 1,
  /** What the user asked for: at most BLOCK_BYTES. */
  OBJECT_BYTES: 1,
  ALIGN_BYTES: 1,
  SLAB_PAGES: 1,
  SLAB_BLOCKS: 1,
  /**
   * Entries in the sheaf of a named cache. For a size class: in a small sheaf and a remote sheaf (see sheafCapacity for
   * large ones). A barn has room for BARN_CAPACITY_FACTOR times as many.
   */
  CAPACITY: 1,
  PARTIAL_HEAD: 1,
  PARTIAL_TAIL: 1,
  SLABS: 1,
  /** Free blocks in slabs; those in sheaves are not among them. */
  FREE_BLOCKS: 1,
  /** Slabs all of whose blocks are free. */
  EMPTY_SLABS: 1,
  /** {@link CacheFlag}s; from CACHE_USER_BITS_SHIFT on, bits for whoever created the cache. */
  FLAGS: 1,
  /** 8 words. */
  NAME: (CACHE_NAME_BYTES / WORD_BYTES) as number,
  /** Colours of slabs, from 1. */
  COLOURS: 1,
  /** Bytes from one colour to the next, a multiple of the alignment; 0 if the cache was created without colouring. */
  COLOUR_BYTES: 1,
  /** Number of the next slab's colour. */
  COLOUR_NEXT: 1,
  /** The cache's lock: its slabs, their counts and lists, and its barn. */
  LOCK: 1,
  /** Index in `words` of the cache's barn; 0 while it has none. */
  BARN: 1,
  /** Unique among all caches that the heap ever has, also those that reuse a record. */
  SERIAL: 1,
  /** FNV-1a over the words that never change while the cache lives; see RECORD_CONSTANTS. */
  CHECKSUM: 1,
  /**
   * The top of the sheaf at the last idle scan of any slot; a cache whose top is still that at the next scan is idle.
   */
  IDLE_SCAN_TOP: 1,
} as const;
/** Word indexes in a cache's record. */
export const CacheRecord: Offsets<typeof CACHE_FIELDS> = /* @__PURE__ */ offsetsOf(CACHE_FIELDS);
/** First and last word of each stretch of a cache's record that never changes while the cache lives. */
export const RECORD_CONSTANTS: readonly (readonly [number, number])[] = [
  [CacheRecord.BLOCK_BYTES, CacheRecord.CAPACITY],
  [CacheRecord.FLAGS, CacheRecord.COLOUR_BYTES],
  [CacheRecord.SERIAL, CacheRecord.SERIAL],
];
/** Two cache lines, so that no two locks share one. */
export const CACHE_RECORD_WORDS: number = /* @__PURE__ */ wordsOf(CACHE_FIELDS, 2 * LINE_WORDS);

/** What is special about a cache. */
export const CacheFlag = {
  /** A constructor runs for each block when its slab is made; blocks keep that state while they are free. */
  HAS_CONSTRUCTOR: 1,
  /** A destructor runs for each block before its slab is released. */
  HAS_DESTRUCTOR: 2,
  /** Slabs are of the DMA zone. */
  IS_DMA: 4,
  /** No free releases an empty slab: only shrink, trim, memory pressure, or a heap about to grow past its peak. */
  KEEPS_SLABS: 8,
} as const;
/** All flags. */
export const CACHE_FLAG_MASK = 0xf;
/** Shift in FLAGS of the creator's own bits. */
export const CACHE_USER_BITS_SHIFT = 8;
/** Largest value of the creator's bits. */
export const CACHE_USER_BITS_MAX: number = 2 ** (31 - CACHE_USER_BITS_SHIFT) - 1;

/** The most caches that a heap can have. A cache's number is its frame kind minus FIRST_CACHE. */
export const CACHE_COUNT_MAX: number = KIND_COUNT - FrameKind.FIRST_CACHE;
/** Bytes of a cache's record. */
export const CACHE_RECORD_BYTES: number = CACHE_RECORD_WORDS * WORD_BYTES;

/**
 * Empty slabs that a cache keeps, so that blocks going back and forth do not make and release slabs each time: one plus
 * a fourth of the cache's slabs. A batch of them is released once there is a batch more than that; those of idle
 * caches are when the heap would grow past its peak, all are under pressure and by trim.
 */
export const EMPTY_SLABS_KEPT = 1;
/** log2 of the divisor of that share: a fourth. */
export const EMPTY_SLABS_SHARE_SHIFT = 2;

/**
 * A cache makes and releases several slabs at a time once it has many: one, and one more for each thirty-two that it
 * has, so that what is made ahead is a thirty-second of the cache at most.
 */
export const BATCH_SLABS_SHARE_SHIFT = 5;
/** The most slabs at a time. */
export const BATCH_SLABS_MAX = 8;
/** The most pages that they have together. */
export const BATCH_PAGES_MAX = 16;
/** Slabs from the head of a cache's partial list among which an empty one is looked for. */
export const BATCH_LOOK_COUNT = 16;

/** A barn has room for so many times the CAPACITY of its cache. */
export const BARN_CAPACITY_FACTOR = 4;

/** Low half of COUNT in the record of a slab's first frame. */
export const SLAB_FREE_MASK = 0xffff;
/** Where the cursor begins in that word: the granule, from the slab's start, below which no block is free. */
export const SLAB_CURSOR_SHIFT = 16;

/** The slab's first frame in SLAB_OR_OWNER: 2^20 pages make 4 GiB. */
export const SLAB_HEAD_MASK = 0xfffff;
/** Above it, the granule at which the first block starts. */
export const SLAB_OFFSET_SHIFT = 20;
/**
 * The last granule that a first block may start at: this keeps the highest bit of SLAB_OR_OWNER clear in slabs; runs
 * always set it.
 */
export const SLAB_OFFSET_MAX = 0x7ff;
