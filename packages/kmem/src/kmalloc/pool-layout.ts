import { WORD_BYTES } from "../memory/layout.ts";
import { type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";

/**
 * Words of a mempool's block. What the pool hands to its functions and the elements follow as doubles, since virtual
 * addresses need more than a word. COUNT, the elements and AWAITED are under the pool's lock. COUNT alone says which
 * elements there are, so that a pool is whole at any instant at which a thread may die.
 */
const POOL_FIELDS = {
  MAGIC: 1,
  MIN_COUNT: 1,
  /** Elements in the reserve now. */
  COUNT: 1,
  /** A {@link PoolKind}. */
  KIND: 1,
  /** Tells the pool from others that had its place before. */
  SERIAL: 1,
  LOCK: 1,
  /** Counts elements that came back while somebody waited; waiters sleep on it. */
  EVENT: 1,
  /** 1 when somebody may sleep until an element comes back. */
  AWAITED: 1,
} as const;
/** Word indexes in a mempool's block. */
export const PoolWord: Offsets<typeof POOL_FIELDS> = /* @__PURE__ */ offsetsOf(POOL_FIELDS);
export const POOL_MAGIC = 0x4c4f4f50;
/** Who gives a pool its elements: a cache, kmalloc, or functions of the threads that use it. */
export const PoolKind = { SLAB: 1, KMALLOC: 2, FUNCTIONS: 3 } as const;
export type PoolKindValue = (typeof PoolKind)[keyof typeof PoolKind];
/** Byte of the block at which pool_data stands. */
export const POOL_DATA_BYTE: number = /* @__PURE__ */ wordsOf(POOL_FIELDS, 2) * WORD_BYTES;
/** Bytes before the first element. */
export const POOL_HEADER_BYTES = 48;
export const POOL_ELEMENT_BYTES = 8;
