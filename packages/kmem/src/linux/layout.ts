import { PAGE_SIZE } from "../memory/layout.ts";

/**
 * What the Linux face keeps in the buffer.
 *
 *      anchor page (a run of the heap's own, one page)
 *      ┌──────────┬────────────────────────┬──────────────────────┬───────────────┐
 *      │ MAGIC    │ VMALLOC: the anchor of │ POOL_SERIAL: mempools │ 0 …           │
 *      │          │ the virtual memory     │ made so far          │               │
 *      └──────────┴────────────────────────┴──────────────────────┴───────────────┘
 *
 * It is found by its mark in the frame table, where no user writes, as the pages of buckets are: OWNER of its run
 * holds ANCHOR_MARK.
 *
 * Pointers are addresses: of a block, of a page, of a virtual area, and
 *
 *      struct page *     the frame's record in the frame table, Linux's mem_map
 *      kmem_cache_t *    the cache's record in the cache table
 *      mempool_t *       a block of kmalloc, see PoolWord
 */
export const AnchorWord = {
  MAGIC: 0,
  VMALLOC: 1,
  POOL_SERIAL: 2,
} as const;

/** In OWNER of a run: negative as the marks of buckets are, and none of theirs. */
export const ANCHOR_MARK = -4;
/** For whoever reads a dump. */
export const ANCHOR_MAGIC: number = 0x8b4c4e58 | 0;

/**
 * Words of a mempool's block. What the pool hands to its functions and the elements follow as doubles, since virtual
 * addresses need more than a word. COUNT, the elements and AWAITED are under the pool's lock. COUNT alone says which
 * elements there are, so that a pool is whole at any instant at which a thread may die.
 */
export const PoolWord = {
  MAGIC: 0,
  MIN_COUNT: 1,
  /** Elements in the reserve now. */
  COUNT: 2,
  /** A {@link PoolKind}. */
  KIND: 3,
  /** Tells the pool from others that had its place before. */
  SERIAL: 4,
  LOCK: 5,
  /** Counts elements that came back while somebody waited; waiters sleep on it. */
  EVENT: 6,
  /** 1 when somebody may sleep until an element comes back. */
  AWAITED: 7,
} as const;
export const POOL_MAGIC = 0x4c4f4f50;
/** Who gives a pool its elements: a cache, kmalloc, or functions of the threads that use it. */
export const PoolKind = { SLAB: 1, KMALLOC: 2, FUNCTIONS: 3 } as const;
export type PoolKindValue = (typeof PoolKind)[keyof typeof PoolKind];
/** Byte of the block at which pool_data stands. */
export const POOL_DATA_BYTE = 32;
/** Bytes before the first element. */
export const POOL_HEADER_BYTES = 48;
export const POOL_ELEMENT_BYTES = 8;

/** A cache line of the processors of the time, the alignment of every block of kmalloc. */
export const L1_CACHE_BYTES = 32;

/**
 * The largest kmalloc: 32 pages less the headers of Linux 2.0, 16 bytes for the page and 8 for the block. kmem keeps
 * its records elsewhere and needs neither.
 */
export const KMALLOC_PAGES = 32;
const PAGE_HEADER_BYTES = 16;
const BLOCK_HEADER_BYTES = 8;
export const KMALLOC_MAX_BYTES: number = KMALLOC_PAGES * PAGE_SIZE - PAGE_HEADER_BYTES - BLOCK_HEADER_BYTES;

/** Orders of __get_free_pages are below this. */
export const MAX_ORDER = 10;

/** Names of caches are shorter than this; 20 bytes and two to spare, as in struct kmem_cache_s. */
export const CACHE_NAME_LIMIT = 19;
/** The smallest object of a cache: a word. */
export const OBJECT_MIN_BYTES = 4;
