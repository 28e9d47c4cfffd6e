import {
  anyValue,
  badArgument,
  type Check,
  type Checks,
  requireBoolean,
  requireFunction,
  requireWhole,
} from "../memory/arguments.ts";
import type { BlockShapes } from "../memory/header.ts";
import { PAGE_SIZE, SHEAF_BLOCKS_MAX, SHEAF_BLOCKS_MIN, SLAB_PAGES_MAX } from "../memory/layout.ts";
import type { MemoryOptions } from "../memory/new-memory.ts";
import { CACHE_COUNT_MAX } from "../slab/layout.ts";
import { CLASS_COUNT } from "../slab/size-classes.ts";

/** How a heap is made; see {@link MemoryOptions} for where. */
export interface HeapOptions extends MemoryOptions {
  /** Threads that may work on the heap at a time: 1 to 126. Default 64; in memory of up to 256 KiB 8. */
  readonly slotCount?: number;
  /** Caches that `createCache` can make: 0 to 168 at a time. Default 168; in memory of up to 256 KiB 3 or more. */
  readonly namedCacheCount?: number;
  /** Bytes at the low end that form a DMA zone of their own. Default 0. */
  readonly dmaBytes?: number;
  /**
   * Frees exchange the block's tag atomically: of two threads that free the same block at the same moment one gets
   * DOUBLE_FREE at once. Default false: plain stores, and such a free is found when the block's second entry comes up.
   */
  readonly exactFrees?: boolean;
  /**
   * The most blocks that a sheaf, a thread's stack of free blocks of one size, holds: 2 to 1024. Fewer keep less memory
   * in reserve; more save ways to what all threads share. Default: 32 KiB of blocks, 8 to 1024 of them; in a memory
   * that is small for its slots 16 KiB, 4 to 256; in memory of up to 256 KiB 16 at most.
   */
  readonly sheafBlocks?: number;
  /**
   * Bytes of a slab, which is cut into blocks of one size: a multiple of 4096 up to 65536; blocks that need more get as
   * many pages as they need. Default: by the size of the blocks, so that little is left over.
   */
  readonly slabBytes?: number;
}

/** How a heap is opened that there is already. */
export interface AttachOptions {
  /** The byte of the memory at which the heap begins; a handle says so itself. Default 0. */
  readonly start?: number;
}

/** Null is no number, nor what is left out. */
const notNull: Check = (name, value) => {
  if (value === null) throw badArgument(name, "a number", value);
};

const requireSheafBlocks: Check = (name, value) => requireWhole(name, value, SHEAF_BLOCKS_MIN, SHEAF_BLOCKS_MAX);

const SLAB_BYTES_MAX: number = SLAB_PAGES_MAX * PAGE_SIZE;

const requireSlabBytes: Check = (name, value) => {
  requireWhole(name, value, PAGE_SIZE, SLAB_BYTES_MAX);
  if (value % PAGE_SIZE !== 0) throw badArgument(name, `a multiple of ${PAGE_SIZE}`, value);
};

const NAMED_CACHE_COUNT_MAX: number = CACHE_COUNT_MAX - CLASS_COUNT;

const requireNamedCacheCount: Check = (name, value) => requireWhole(name, value, 0, NAMED_CACHE_COUNT_MAX);

/** Records of caches that a heap is to have, by options that were checked; undefined where it chooses. */
export function cacheCountOfOptions({ namedCacheCount }: HeapOptions): number | undefined {
  return namedCacheCount === undefined ? undefined : CLASS_COUNT + namedCacheCount;
}

/** What a heap is told of its sheaves and slabs, by options that were checked. */
export function shapesOfOptions({ sheafBlocks = 0, slabBytes = 0 }: HeapOptions): BlockShapes {
  return { sheafBlocks, slabPages: slabBytes / PAGE_SIZE };
}

/** The checks of {@link HeapOptions}; numbers and the memory are verified where they are used. */
export const HEAP_CHECKS: Checks<HeapOptions> = {
  memory: anyValue,
  start: notNull,
  end: notNull,
  sizeBytes: notNull,
  maximumBytes: notNull,
  shared: requireBoolean,
  slotCount: notNull,
  namedCacheCount: requireNamedCacheCount,
  dmaBytes: notNull,
  exactFrees: requireBoolean,
  sheafBlocks: requireSheafBlocks,
  slabBytes: requireSlabBytes,
  grow: requireFunction,
  onGrow: requireFunction,
};

/** The checks of {@link AttachOptions}; the number is verified where it is used. */
export const ATTACH_CHECKS: Checks<AttachOptions> = { start: notNull };
