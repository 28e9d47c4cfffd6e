import { type Offsets, offsetsOf } from "../memory/record-layout.ts";
import { RunKind, type RunKindValue } from "../pages/layout.ts";

/**
 * Buckets.
 *
 * A bucket is a run of pages cut into blocks of one size, a power of two from 8 bytes. Its metadata stands at its
 * beginning and nowhere else; the first word of a free block holds the address of the next one.
 *
 *      a bucket of 32-byte blocks (one page)             a bucket of one block of a page or more (1 + n pages)
 *      0        16       32                   4096       0        16      20          4096
 *      ┌────────┬────────┬─────────┬───┬─────────┐       ┌────────┬───────┬─ ─ ─ ─ ─ ─┬───────────────┬─ ─
 *      │ header │ bitmap │ block 0 │ … │ block126│       │ header │bitmap │  unused   │ block 0       │
 *      └────────┴────────┴─────────┴───┴─────────┘       └────────┴───────┴─ ─ ─ ─ ─ ─┴───────────────┴─ ─
 *
 *      word 0   FREE_HEAD   address of the first free block, 0 when all are live
 *      word 1   SHAPE       live blocks | log2 of the block size << 16 | pool << 24
 *      word 2   NEXT        frame of the next bucket of this size and pool that has free blocks
 *      word 3   PREV        frame of the one before it
 *      word 4   BITMAP      a bit a block, set while it is live; as many words as it takes
 *
 * Blocks start at the first multiple of their own size after the bitmap, so they are aligned to their size, up to a
 * page. The bitmap is the truth; the free list is a cache of it that a late write into a freed block may damage, and
 * then it is rebuilt. A bucket whose blocks are all live is in no list; one whose blocks are all free does not exist.
 *
 * The engine's own page holds the heads of the lists and the counts:
 *
 *      word 0   MAGIC        "BKTS", for tools that read dumps
 *      word 1   BUCKETS      buckets that exist
 *      word 2   LIVE_BLOCKS  live blocks of all buckets
 *      word 3   DMA_BUFFERS  buffers for DMA
 *      word 4   DMA_PAGES    their pages
 *      word 8   HEADS        frame of the first bucket with free blocks: [pool][log2 of the block size]
 *
 * Which of these a run of pages is stands in the frame table, where no user writes: OWNER of the run holds an
 * OwnerMark, which no owner is. Until it has one, its slot is its owner, and it is none of these.
 *
 * Marks, the sizes and pools in SHAPE, and bitmaps are the truth; all else is rebuilt from them where a thread has
 * died on the way. A bucket is marked when it is formatted, and gives its mark back by being claimed.
 */
export const BUCKET_FIELDS = { FREE_HEAD: 1, SHAPE: 1, NEXT: 1, PREV: 1, BITMAP: 1 } as const;
/** Word indexes in a bucket. */
export const BucketWord: Offsets<typeof BUCKET_FIELDS> = /* @__PURE__ */ offsetsOf(BUCKET_FIELDS);

/** Fields of the SHAPE word. */
export const SHAPE_LIVE_MASK = 0xffff;
/** Where the log2 of the block size begins in SHAPE. */
export const SHAPE_SHIFT_AT = 16;
/** The bits of the log2 of the block size, once they are shifted down. */
export const SHAPE_SHIFT_MASK = 0xff;
/** Where the number of the pool begins in SHAPE. */
export const SHAPE_POOL_AT = 24;

/** log2 of the bits in a word of the bitmap. */
export const BITMAP_WORD_SHIFT = 5;
/** The number of a bit within its word of the bitmap. */
export const BITMAP_BIT_MASK: number = (1 << BITMAP_WORD_SHIFT) - 1;

/**
 * log2 of the smallest block: 8 bytes, the first size that the My Kernel page names. It has room for the link, and
 * what fits into 8 bytes needs no alignment above 8.
 */
export const BUCKET_MIN_SHIFT = 3;
/** log2 of the largest block: 2 GiB, the largest power of two below the end of 32-bit addresses. */
export const BUCKET_MAX_SHIFT = 31;
/** Bytes of the largest block. */
export const BUCKET_MAX_BYTES: number = 2 ** BUCKET_MAX_SHIFT;
/** Lists of a pool, one for each log2 of a block size; those below BUCKET_MIN_SHIFT stay empty. */
export const LISTS_PER_POOL: number = BUCKET_MAX_SHIFT + 1;
/** Pools: buckets of one never serve requests for another. */
export const POOL_COUNT = 2;
/** The fields of {@link StateWord}, with their words. */
export const BUCKET_STATE_FIELDS = {
  MAGIC: 1,
  BUCKETS: 1,
  LIVE_BLOCKS: 1,
  DMA_BUFFERS: 1,
  DMA_PAGES: 1,
  HEADS: { at: 8, words: (POOL_COUNT * LISTS_PER_POOL) as number },
} as const;
/** Word indexes in the engine's page. */
export const StateWord: Offsets<typeof BUCKET_STATE_FIELDS> = /* @__PURE__ */ offsetsOf(BUCKET_STATE_FIELDS);
/** "BKTS" in the order of the bytes in memory. */
export const STATE_MAGIC = 0x53544b42;

/** Whose runs buckets, buffers for DMA and the engine's page are in the page allocator's books. */
export const BUCKET_RUN: RunKindValue = RunKind.BUCKET;
