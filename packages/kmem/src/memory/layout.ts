import { LINE_WORDS, type Offsets, offsetsOf, wordsOf } from "./record-layout.ts";
/**
 * Units and the header: the words at the base of every kmem memory.
 *
 * The terms of all layouts:
 *
 *      frame    a page of the buffer, by its number            kind     a frame's state: a byte, see pages/layout.ts
 *      run      frames of one owner; the first has COUNT       zone     frames with free lists and watermarks
 *      granule  16 bytes, the unit of sizes and addresses      tag      a granule's state: a byte, see slab/layout.ts
 *      block    what an allocation gets: granules, or a run    cache    blocks of one size: a size class, or named
 *      slab     frames cut into the blocks of one cache        slot     what a thread works through: the kernel's "CPU"
 *      sheaf    a slot's stack of free blocks of a cache       barn     a cache's stack that slots trade blocks through
 *      remote   sheaf: of blocks that the slot freed and       owner    the slot that answers for a run, in its OWNER
 *               other slots allocated                          mark     what OWNER holds instead of an owner: a root
 *      area     a slot's private pages, with its sheaves (the  record   a table's row; its words stand in the layout
 *               kernel's per-CPU area); in vmalloc a range     engine   an allocator above the pages with a lock of its
 *               of virtual pages (vm_struct)                            own: buckets, virtual memory
 *      epoch    counts beginnings and ends of pressure, and    beacon   a thread's Atomics.waitAsync calls: JavaScript
 *               beginnings of waits: each slot reclaims once            drops them when the thread dies
 *      pcp      a slot's lists of free pages: Linux's          seeds    the five kernel documents that the library
 *      lists    per-CPU page lists                                      implements (docs/architecture.md names them)
 *      foreign  pages in the memory that are not the heap's
 *      face     a kernel's own functions over a heap: the seed documents' kmalloc, kmem_cache_create and so on
 *
 *      base = start rounded up to a page                   end of what is managed now        limit (growable)
 *      │                                                                     │                      │
 *      ▼                                                                     ▼                      ▼
 *      ┌────────┬───────┬───────┬──────┬───────┬───────┬──────┬──────┬───────┬──────────────────────┐
 *      │ header │ zones │ slots │caches│ frame │ frame │groups│ tags │ pages │ absent until growth  │
 *      │        │       │       │      │ table │ kinds │      │      │  ...  │                      │
 *      └────────┴───────┴───────┴──────┴───────┴───────┴──────┴──────┴───────┴──────────────────────┘
 *      ◄─────────────── metadata, sized for `limit`, never moves ────►
 *
 * A heap of one thread that grows has the four tables of pages and tags in a run of pages instead, which is little
 * longer than they need; when growth exceeds what they cover, they move to a longer one (pages/moving-tables.ts):
 *
 *      ┌────────┬───────┬───────┬──────┬───────┬─────────────────────────────┬───────┬ ─ ─ ─ ─ ─ ─ ─ ─ ┐
 *      │ header │ zones │ slots │caches│ pages │ frames, kinds, groups, tags │ pages │ absent until
 *      └────────┴───────┴───────┴──────┴───────┴─────────────────────────────┴───────┴ ─ ─ ─ ─ ─ ─ ─ ─ ┘
 *
 * Every table is found through the header, so that a second thread, a dump or another program needs nothing but the
 * bytes. Addresses are byte offsets into the buffer (unsigned 32-bit, 0 is null). A frame is a page of the buffer;
 * its number is address >>> PAGE_SHIFT, counted from the start of the buffer, so that the alignment of a frame number
 * is the alignment of its address.
 */

/** log2 of the page size. */
export const PAGE_SHIFT = 12;
/** Bytes in a page: 4096, as in all five seed documents. */
export const PAGE_SIZE: number = 1 << PAGE_SHIFT;
/** Bits of an address below the page number. */
export const PAGE_MASK: number = PAGE_SIZE - 1;

/** log2 of the granule: block sizes and block addresses are multiples of it. */
export const GRANULE_SHIFT = 4;
/** Bytes in a granule: 16, which is also the natural alignment of every block. */
export const GRANULE: number = 1 << GRANULE_SHIFT;
/** Bits of an address below the granule number. */
export const GRANULE_MASK: number = GRANULE - 1;

/** log2 of the bytes in a word of the tables (Int32Array). */
export const WORD_SHIFT = 2;
/** Bytes in a word. */
export const WORD_BYTES: number = 1 << WORD_SHIFT;

/** The highest value of a word of the tables. */
export const WORD_MAX = 0x7fff_ffff;
/** The same of a word that is read as an unsigned number. */
export const UNSIGNED_WORD_MAX = 0xffff_ffff;

/** Bytes in a page of WebAssembly memory, the unit in which it grows. */
export const WASM_PAGE_SIZE = 65536;
/** Pages in one of those. */
export const WASM_PAGE_FRAMES: number = WASM_PAGE_SIZE / PAGE_SIZE;

/** The highest byte offset a kmem memory may reach: 4 GiB, one more than the highest 32-bit address. */
export const ADDRESS_SPACE_BYTES = 0x1_0000_0000;

/** "KMEM" in the order of the bytes in memory. */
export const MAGIC = 0x4d454d4b;
/** Raised whenever any layout in the library changes its meaning. */
export const LAYOUT_VERSION = 13;
/** Reads back differently on a machine of the other byte order. */
export const BYTE_ORDER_MARK = 0x01020304;

/** Slots that a heap has unless it asks otherwise. */
export const DEFAULT_SLOT_COUNT = 64;
/** Up to here a heap is small: its tables are those of few slots and few named caches, and its sheaves are short. */
export const SMALL_HEAP_BYTES: number = 256 * 1024;
/** Slots that a small heap has unless it asks otherwise. */
export const SMALL_SLOT_COUNT = 8;
/** Named caches that a small heap can have, and more where the last page of its tables has room for their records. */
export const SMALL_NAMED_CACHES = 3;
/** The most blocks that a sheaf of a small heap holds unless it asks otherwise. */
export const SMALL_SHEAF_BLOCKS = 16;
/** A byte of the tag table names a slot in two ways, live and free in its sheaf, and has four other values. */
export const MAX_SLOT_COUNT = 126;
/** Words of a set of slots, a bit each. */
export const SLOT_SET_WORDS = 4;

/**
 * Word indexes in the header. Words below `CHECKSUM`, and FLAGS, never change after creation and are covered by it; the
 * words after it are state.
 */
export const HEADER_FIELDS = {
  MAGIC: 1,
  VERSION: 1,
  BYTE_ORDER: 1,
  /** First managed frame: base >>> PAGE_SHIFT. */
  BASE_FRAME: 1,
  /** One past the last frame that growth may ever reach; tables that do not move are sized for it. */
  LIMIT_FRAME: 1,
  /** First frame after the metadata that does not move. */
  FIRST_PAGE_FRAME: 1,
  /** Frames that belong to the DMA zone, counted from the first page frame. */
  DMA_FRAMES: 1,
  SLOT_COUNT: 1,
  /** Records in the table of caches. */
  CACHE_COUNT: 1,
  /** Byte addresses of the tables; 0 for those that move. */
  ZONE_TABLE: 1,
  SLOT_TABLE: 1,
  CACHE_TABLE: 1,
  FRAME_TABLE: 1,
  KIND_TABLE: 1,
  TAG_TABLE: 1,
  GROUP_TABLE: 1,
  /** FNV-1a over the words before it and FLAGS. */
  CHECKSUM: 1,
  /** One past the last frame that is the heap's now. */
  END_FRAME: 1,
  /** Counts growths; a view made at another count may be too short. */
  GROWTH_COUNT: 1,
  /** Frames in use at which idle memory is reclaimed before more is taken. */
  RECLAIM_AT: 1,
  /** Requests for pages since the last reclaim of that sort. */
  REQUESTS_SINCE_RECLAIM: 1,
  /** {@link HeapFlag}s, chosen at creation, and from SHEAF_BLOCKS_SHIFT on the shapes of sheaves and slabs. */
  FLAGS: 1,
  /** Pages that the memory has just been grown by and that are not the heap's yet: see pages/growth.ts. */
  GROWTH_JOURNAL: 1,
  /** Serial number of the cache that was made last. */
  CACHE_SERIAL: 1,
  /** Address of the run of pages that holds the barns of the size classes; 0 while there are none. */
  BARNS: 1,
  /** Double frees by two threads at once, found when the stale second entry was popped or flushed. */
  LATE_DOUBLE_FREES: 1,
  /** The set of the taken slots: those held or reserved, and those of the dead until they are reaped. */
  TAKEN_SLOTS: SLOT_SET_WORDS as number,

  /** The page allocator: zones, frame table, growth. */
  PAGES_LOCK: { line: 1 },
  /** The table of caches, and the barns of the size classes. */
  TABLE_LOCK: { line: 1 },
  /** Sheaves of a slot that another one closes, drains or forgets. */
  SHEAVES_LOCK: { line: 1 },
  /** The engine of buckets. */
  BUCKET_LOCK: { line: 1 },
  /** Virtual memory. */
  VMALLOC_LOCK: { line: 1 },
  /** Recovery from the death of threads: one thread at a time. */
  REAP_LOCK: { line: 1 },

  /** The set of the slots that wait for memory. */
  WAITERS: { line: SLOT_SET_WORDS as number },
  /** Counts what was freed while somebody waited; waiters sleep on it. */
  FREED_EVENT: 1,
  /** The ticket of the next waiter. */
  NEXT_TICKET: 1,
  /** Odd during pressure, when slots cache no free blocks; each change adds 1. */
  PRESSURE: 1,

  /** How often tables have moved; its lowest bit says which of the two TABLE_LOCATIONS holds. */
  TABLE_MOVES: 1,
  /** Twice: the first frame of the run with the tables, and one past the last frame that they describe. */
  TABLE_LOCATIONS: 4,

  /** The ticket of the next recorded call: see trace/layout.ts. */
  CALL_TICKET: { line: 1 },
} as const;
/** Word indexes in the header. */
export const Header: Offsets<typeof HEADER_FIELDS> = /* @__PURE__ */ offsetsOf(HEADER_FIELDS);

/** Words set aside for the header. Each lock, the words of waiting and the ticket have a cache line of their own. */
export const HEADER_WORDS: number = /* @__PURE__ */ wordsOf(HEADER_FIELDS, LINE_WORDS);

/** What is special about a heap. */
export const HeapFlag = {
  /** Frees are exchanged atomically, so that one of two simultaneous frees of a block is refused at once. */
  EXACT_FREES: 1,
  /** Blocks have red zones and records around them: see debug/layout.ts. */
  DEBUGGED: 2,
  /** A few blocks have guarded places of their own, which only a SampledHeap takes back. */
  SAMPLED: 4,
  /** The tables of pages and tags move as the memory grows. */
  MOVING_TABLES: 8,
} as const;

/** Flags that there are. */
export const HEAP_FLAG_MASK: number =
  HeapFlag.EXACT_FREES | HeapFlag.DEBUGGED | HeapFlag.SAMPLED | HeapFlag.MOVING_TABLES;

/** Above the flags, the most blocks that a sheaf holds; 0: as many as suit the size of the blocks. */
export const SHEAF_BLOCKS_SHIFT = 8;
/** The bits of that. */
export const SHEAF_BLOCKS_MASK = 0x7ff;
/** The fewest blocks of a sheaf: a refill brings half of them, and has to bring one. */
export const SHEAF_BLOCKS_MIN = 2;
/** The most. */
export const SHEAF_BLOCKS_MAX = 1024;
/** Above those, the pages of a slab; 0: as many as suit the size of the blocks. */
export const SLAB_PAGES_SHIFT = 19;
/** The bits of that. */
export const SLAB_PAGES_MASK = 0x1f;
/** The most pages of a slab, but for blocks that need more. */
export const SLAB_PAGES_MAX = 16;
