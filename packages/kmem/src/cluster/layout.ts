import { LINE_WORDS, type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";
/**
 * Heaps of clusters.
 *
 * kernel_heap[X_SIZE][Y_SIZE] stands in the memory of cluster [0][0]; entry [x][y] is entry x * Y_SIZE + y, as in C:
 *
 *      word 0    LOCK         the lock, a cache line of its own
 *      word 16   HEAP_BASE    virtual address of the heap; 0 where the cluster has none
 *      word 17   HEAP_SIZE    bytes, a power of two; 0 where the cluster has no heap
 *      word 18   ALLOC_BASE   virtual address of alloc[]
 *      word 19   ALLOC_SIZE   bytes of alloc[]
 *      word 20   FREE         free[0] to free[31]: the first free block of 2^i bytes, 0 when there is none
 *
 * The lock hands out tickets; a word for the owner is there so that a waiter can tell whom it waits for:
 *
 *      word 0    CURRENT      the ticket that is being served
 *      word 1    FREE         the next ticket
 *      word 2    OWNER        the owner's number, 0 while nobody holds the lock
 *      word 3    DRAWING      who is drawing a ticket: a lock in itself
 *      word 4    DRAWERS      who drew the tickets that are not served yet, by the lowest bits of the ticket
 *
 * The heap stands in the cluster's own memory. After _heap_init(), here 64 KiB:
 *
 *      +0                       +8000         +c000   +e000 +f000 +f800 +fc00
 *      ┌────────────────────────┬─────────────┬───────┬─────┬─────┬─────┬─────────┐
 *      │ free[15]               │ free[14]    │ [13]  │ [12]│ [11]│ [10]│ alloc[] │
 *      └────────────────────────┴─────────────┴───────┴─────┴─────┴─────┴─────────┘
 *
 * The first word of a free block holds the virtual address of the next one of its size, 0 at the end. alloc[] has a
 * byte for each MIN_BLOCK_SIZE bytes of the heap: log2 of the block's size where an allocated block starts, else 0. It
 * is the truth, and changed last when a block is taken and first when it is freed; where a thread has died on the way
 * the lists are rebuilt from it.
 */

/** Words of DRAWERS, a power of two. */
export const DRAWER_COUNT = 8;
/** The fields of {@link LockWord}, with their words. */
export const TICKET_LOCK_FIELDS = {
  CURRENT: 1,
  FREE: 1,
  OWNER: 1,
  DRAWING: 1,
  DRAWERS: DRAWER_COUNT as number,
} as const;
/** Word indexes in a ticket lock. */
export const LockWord: Offsets<typeof TICKET_LOCK_FIELDS> = /* @__PURE__ */ offsetsOf(TICKET_LOCK_FIELDS);
/** Words of a lock: a cache line. */
export const LOCK_WORDS: number = /* @__PURE__ */ wordsOf(TICKET_LOCK_FIELDS, LINE_WORDS);

/** Entries of free[]. */
export const FREE_LIST_COUNT = 32;
/** The fields of {@link DescriptorWord}, with their words. */
export const DESCRIPTOR_FIELDS = {
  LOCK: LINE_WORDS as number,
  HEAP_BASE: 1,
  HEAP_SIZE: 1,
  ALLOC_BASE: 1,
  ALLOC_SIZE: 1,
  FREE: FREE_LIST_COUNT as number,
} as const;
/** Word indexes in an entry of kernel_heap. */
export const DescriptorWord: Offsets<typeof DESCRIPTOR_FIELDS> = /* @__PURE__ */ offsetsOf(DESCRIPTOR_FIELDS);
/** Words of a descriptor: four cache lines, so that no two locks share one. */
export const DESCRIPTOR_WORDS: number = /* @__PURE__ */ wordsOf(DESCRIPTOR_FIELDS, LINE_WORDS);
/** Bytes of the descriptor of a heap. */
export const DESCRIPTOR_BYTES: number = DESCRIPTOR_WORDS * 4;
/** The array starts at a multiple of this: a cache line. */
export const DESCRIPTOR_ALIGNMENT = 64;

/** log2 of the smallest block. */
export const MIN_BLOCK_SHIFT = 6;
/** The smallest block, and the bytes that one byte of alloc[] stands for. */
export const MIN_BLOCK_SIZE: 0x40 = 0x40;
/** alloc[] takes no fewer bytes than this: the smallest block. */
export const ALLOC_MIN_BYTES: number = MIN_BLOCK_SIZE;
/** The largest request: the largest power of two that an unsigned int holds. */
export const MAX_REQUEST_BYTES = 0x8000_0000;
