import { WORD_BYTES } from "../memory/layout.ts";
import { LINE_WORDS, type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";

/**
 * Frames, zones and free lists.
 *
 * The kind table holds a byte a frame, its state:
 *
 *      ABSENT ──growth──► FREE_HEAD FREE_TAIL …   (a free block of 2^order frames, aligned to its size)
 *                              │        ▲
 *                         allocate     free (any part)
 *                              ▼        │
 *                         head, tail, tail …   (a run of any length; the pair of kinds says whose it is)
 *                              │        ▲
 *                       slab takes     slab releases
 *                              ▼        │
 *                         FIRST_CACHE + cache number (every frame of the slab)
 *      RESERVED: the header and the tables that do not move; after them, foreign pages: those that a program, or
 *      another heap, has added to the memory between two growths of this one. Their kind never changes, and they have
 *      no record and no tags. In a memory that grows, foreign pages end at a multiple of WASM_PAGE_FRAMES.
 *      A run that is being freed is claimed first: the thread whose compare-and-swap sets CLAIMED frees it, no other.
 *
 * The frame table holds a record of four words a frame, used by the first frame of a block or run; the last word of
 * slabs, by every frame:
 *
 *      word            free block            run of pages        slab
 *      NEXT            next in its list      –                   next in its cache's list
 *      PREV            previous in its list  –                   previous in its cache's list
 *      COUNT           order                 frames in the run   free blocks | cursor << 16
 *      SLAB_OR_OWNER   –                     OWNER               first frame of the slab | first granule << 20
 *
 * OWNER says who answers for a run, so that nothing is lost when a thread dies that holds it:
 *
 *      bit   31   30 … 16   15 … 9      8       7         6 … 0
 *            1    0         former + 1  SPLIT   CLAIMED   slot + 1; 0: the heap itself
 *
 *      CLAIMED  being freed, or on the pcp lists of the slot
 *      SPLIT    a part of it is being freed, under the pages' lock, by the slot; the rest stays the former owner's
 *
 * The order of stores tells in which state a thread that died has left a frame:
 *
 *      free block ► run    COUNT, OWNER, kinds of the tail, kind of the head. Until the last the frames are free.
 *      run ► free block    each frame by its kind; a tail that the COUNT of no head covers is free.
 *      run ► slab          SLAB_OR_OWNER of the tail, tags, kinds of the tail, kind of the head, COUNT,
 *                          SLAB_OR_OWNER of the head
 *      slab ► run          tags, COUNT, OWNER, kind of the head, kinds of the tail
 *
 * The last two under the lock of the cache.
 *
 * Growth is noted in the header's word GROWTH_JOURNAL before any table changes: the first WebAssembly page that was
 * added, and from bit 16 on their number; 0 when it is done. A thread that takes the pages' lock over completes it. So
 * pages are lost only if a thread dies between the growth and the store of its note: those are foreign from then on.
 *
 * A list ends with frame 0: that frame is the header of its heap or below the heap, never a member of a list.
 */
export const FrameKind = {
  ABSENT: 0,
  RESERVED: 1,
  FREE_HEAD: 2,
  FREE_TAIL: 3,
  /** The first of the {@link RunKind}s: each has a byte for the head of a run and the next byte for its tail. */
  FIRST_RUN: 4,
  /** Kinds from here on are FIRST_CACHE + the number of the cache whose slab the frame belongs to. */
  FIRST_CACHE: 16,
} as const;

/** Whose a run of pages is. The value is the kind of its head; the kind of its tail is one more. */
export const RunKind = {
  /** Allocated by the functions for pages. */
  PAGES: 4,
  /** A block above the largest size class: `free` takes it, the functions for pages do not. */
  LARGE_BLOCK: 6,
  /** The heap's own: slots' private pages, sheaves, barns, remote sheaves, tables that move, slabs being made. */
  SYSTEM: 8,
  /** A bucket, or the page with the lists of buckets: bucket/layout.ts. */
  BUCKET: 10,
  /** A page of a virtual area, of a page table, or of the areas' records. */
  VMALLOC: 12,
  /** Free: on the pcp lists of a slot, or being freed. */
  CACHED: 14,
} as const;
/** A value of {@link RunKind}. */
export type RunKindValue = (typeof RunKind)[keyof typeof RunKind];

/** Every value of a kind byte. */
export const KIND_COUNT = 256;

/** The fields of {@link FrameRecord}, with their words. */
export const FRAME_FIELDS = { NEXT: 1, PREV: 1, COUNT: 1, SLAB_OR_OWNER: 1 } as const;
/** Word indexes in a frame's record. */
export const FrameRecord: Offsets<typeof FRAME_FIELDS> = /* @__PURE__ */ offsetsOf(FRAME_FIELDS);
/** OWNER of a run: SLAB_OR_OWNER of its first frame. */
export const RunOwner = {
  /** Every owner has it, and no frame of a slab. */
  OWNER_BIT: -0x8000_0000,
  /** The run belongs to no slot. */
  HEAP: -0x8000_0000,
  SLOT_MASK: 0x7f,
  CLAIMED: 0x80,
  SPLIT: 0x100,
  FORMER_SHIFT: 9,
  /** All other bits that an owner can have. */
  LOW_MASK: 0xffff,
} as const;
/**
 * What OWNER holds instead of an owner in runs that recovery and repair find by it: roots, and what has no other root.
 * User data cannot fake a mark, because no user writes to the frame table. All marks stand here, so that no two are the
 * same. None is an owner: those have no bits above RunOwner.LOW_MASK but OWNER_BIT.
 */
export const OwnerMark = {
  /** The page of the engine of buckets, a bucket, and a buffer for DMA: kind BUCKET. */
  BUCKET_STATE: -1,
  BUCKET: -2,
  DMA_BUFFER: -3,
  /** The page in which the Linux face keeps its state: kind SYSTEM. */
  LINUX_ANCHOR: -4,
  /** The root of virtual memory: kind VMALLOC. */
  VMALLOC_ROOT: -5,
  /** A ring of trace events: kind SYSTEM. */
  TRACE_RING: -6,
  /** The root of a debugged or sampled heap, and pages of its depot of stacks: kind SYSTEM. */
  DEBUG_ROOT: -7,
  DEBUG_DEPOT: -8,
  /** The tables that move, or those that they were copied from: kind SYSTEM. */
  TABLES: -9,
} as const;
/** Words of a trace ring: its magic number, and the slot + 1 of the thread that made it or was given it. */
export const RingWord = { MAGIC: 0, MAKER: 4 } as const;

/** Words of an entry of the header's TABLE_LOCATIONS: the tables' first frame, and the end of the frames described. */
export const TableLocationWord = { FRAME: 0, END_FRAME: 1 } as const;
/** Words of such an entry. */
export const TABLE_LOCATION_WORDS = 2;

/** What the pages of a debugged or sampled heap are known by, so that a repair keeps them: see debug/layout.ts. */
export const DebugRootMagic = {
  /** In the first word of its pages. */
  MAGIC: 0x4442_4721,
  PAGES: 2,
  /** Word of them at which a dump has the time when it was made: a double. */
  DUMPED: 8,
} as const;
/** log2 of the frames that a word of the group table is about. */
export const GROUP_SHIFT = 6;
/** Frames that a word of the group table is about: 256 KiB. */
export const GROUP_FRAMES: number = 1 << GROUP_SHIFT;
/**
 * A word of the group table: the lengths in frames of the free stretch at the group's start, of the one at its end, and
 * of its longest. A search for a free stretch reads one word in place of 64 kinds. Groups are aligned as frame numbers
 * are.
 *
 *      bit   31      30 … 21   20 … 14    13 … 7    6 … 0
 *            KNOWN   0         longest    at its    at its
 *                              stretch    end       start
 *
 * A word of 0 says nothing: the next search works it out from the kinds. Words of groups in which something changes
 * become 0, and those of groups that do not lie within one zone stay so.
 */
export const GroupWord = {
  KNOWN: -0x8000_0000,
  LENGTH_MASK: 0x7f,
  END_SHIFT: 7,
  LONGEST_SHIFT: 14,
} as const;

/** Bytes of the group table for the frames from `first` to `end`. */
export function groupTableBytes(first: number, end: number): number {
  return (((end - 1) >>> GROUP_SHIFT) - (first >>> GROUP_SHIFT) + 1) * WORD_BYTES;
}

/** log2 of the words in a frame's record. */
export const FRAME_RECORD_SHIFT = 2;
/** Bytes in a frame's record. */
export const FRAME_RECORD_BYTES = 16;

/** Where the number of WebAssembly pages (64 KiB) stands in the header's GROWTH_JOURNAL. */
export const GROWING_WASM_COUNT_SHIFT = 16;
/** The number of the first WebAssembly page in the header's GROWTH_JOURNAL. */
export const GROWING_WASM_FIRST_MASK = 0xffff;

/** The end of a list of frames. */
export const NO_FRAME = 0;

/** The largest order of a free block: 2^10 pages, 4 MiB, as Linux's MAX_PAGE_ORDER. */
export const MAX_ORDER = 10;
/** Orders of free blocks, from 0. */
export const ORDER_COUNT: number = MAX_ORDER + 1;
/** Frames in a block of the largest order. */
export const MAX_ORDER_FRAMES: number = 1 << MAX_ORDER;

/**
 * A zone: a stretch of frames with free lists and watermarks of its own.
 *
 *      FIRST_FRAME, END_FRAME      the stretch, end excluded
 *      FREE_FRAMES                 frames in free blocks
 *      MIN, LOW, HIGH              watermarks, in frames
 *      FREE_LIST + order           first free block of each order
 *      FREE_COUNT + order          how many there are
 *      FOREIGN_FRAMES              frames that are not the heap's
 *      SEARCH_FROM + order         below it no free range of 2^order frames starts; a damaged value only costs a search
 */
export const ZONE_FIELDS = {
  FIRST_FRAME: 1,
  END_FRAME: 1,
  FREE_FRAMES: 1,
  MIN: 1,
  LOW: 1,
  HIGH: 1,
  FREE_LIST: ORDER_COUNT as number,
  FREE_COUNT: ORDER_COUNT as number,
  SEARCH_FROM: ORDER_COUNT as number,
  FOREIGN_FRAMES: 1,
} as const;
/** Word indexes in a zone's record. */
export const ZoneRecord: Offsets<typeof ZONE_FIELDS> = /* @__PURE__ */ offsetsOf(ZONE_FIELDS);
/** Words in a zone's record. */
export const ZONE_RECORD_WORDS: number = /* @__PURE__ */ wordsOf(ZONE_FIELDS, LINE_WORDS);

/** Numbers of the zones. */
export const Zone = { DMA: 0, NORMAL: 1 } as const;
/** Names as /proc/buddyinfo prints them, by zone number. */
export const ZONE_NAMES: readonly string[] = ["DMA", "Normal"];
/** Zones of a heap. */
export const ZONE_COUNT = 2;
/** Bytes of the table of zones. */
export const ZONE_TABLE_BYTES: number = ZONE_COUNT * ZONE_RECORD_WORDS * 4;

/**
 * The pcp lists of a slot lie in its private pages: Linux's per-CPU page lists (struct per_cpu_pages). Runs of 1, 2, 4
 * and 8 pages come and go there without the pages' lock while more than one slot is taken. The words after the
 * largest order hold the cached runs: freed large blocks of RUN_CACHE_PAGES_MIN pages and more, the oldest first, also
 * where one thread works alone.
 *
 *      for each order from 0:  COUNT │ frame │ frame │ … room …
 *      RUN_CACHE:              COUNT │ REFUSED │ frame │ frame │ … room …
 *
 * REFUSED counts the runs for which there was no room, modulo EVICT_INTERVAL of run-cache.ts.
 */
export const PCP_ORDERS = 4;
/** Words of one order: its count and its frames. */
export const PCP_STRIDE = 16;
/** Words of a slot's pcp lists. */
export const PCP_WORDS: number = PCP_ORDERS * PCP_STRIDE;
/** Single pages that are cached at most; of each larger order half as many as of the one before. */
export const PCP_CAPACITY = 15;
/** Word of the pcp lists at which the count of cached runs stands. */
export const RUN_CACHE_WORD: number = (PCP_ORDERS - 1) * PCP_STRIDE + 1 + (PCP_CAPACITY >> (PCP_ORDERS - 1));
/** Words before the first cached run. */
export const RUN_CACHE_HEADER = 2;
/** Cached runs that a slot has at most. */
export const RUN_CACHE_MAX: number = PCP_WORDS - RUN_CACHE_WORD - RUN_CACHE_HEADER;
/** Pages of the shortest run that is cached so: those of blocks above 32 KiB. */
export const RUN_CACHE_PAGES_MIN = 9;
