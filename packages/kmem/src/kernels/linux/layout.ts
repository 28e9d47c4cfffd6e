import { PAGE_SIZE } from "../../memory/layout.ts";

export {
  POOL_DATA_BYTE,
  POOL_ELEMENT_BYTES,
  POOL_HEADER_BYTES,
  POOL_MAGIC,
  PoolKind,
  type PoolKindValue,
  PoolWord,
} from "../../kmalloc/pool-layout.ts";

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
 * holds OwnerMark.LINUX_ANCHOR.
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

/** For tools that read dumps. */
export const ANCHOR_MAGIC: number = 0x8b4c4e58 | 0;

/** A cache line of the processors of the time, the alignment of every block of kmalloc. */
export const L1_CACHE_BYTES = 32;

/**
 * The largest kmalloc: 32 pages less the headers of Linux 2.0, 16 bytes for the page and 8 for the block. kmem keeps
 * its records elsewhere and needs neither.
 */
export const KMALLOC_PAGES = 32;
const PAGE_HEADER_BYTES = 16;
const BLOCK_HEADER_BYTES = 8;
/** Bytes of the largest kmalloc: 131,048. */
export const KMALLOC_MAX_BYTES: number = KMALLOC_PAGES * PAGE_SIZE - PAGE_HEADER_BYTES - BLOCK_HEADER_BYTES;

/** Orders of __get_free_pages are below this. */
export const MAX_ORDER = 10;

/** Names of caches are shorter than this; 20 bytes and two to spare, as in struct kmem_cache_s. */
export const CACHE_NAME_LIMIT = 19;
/** The smallest object of a cache: a word. */
export const OBJECT_MIN_BYTES = 4;
