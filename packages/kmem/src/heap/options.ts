import {
  anyValue,
  badArgument,
  type Check,
  type Checks,
  requireBoolean,
  requireFunction,
} from "../memory/arguments.ts";
import type { MemoryOptions } from "../memory/new-memory.ts";

/** How a heap is made; see {@link MemoryOptions} for where. */
export interface HeapOptions extends MemoryOptions {
  /** Threads that may work on the heap at a time: 1 to 126. Default 64. */
  readonly slotCount?: number;
  /** Bytes at the low end that form a DMA zone of their own. Default 0. */
  readonly dmaBytes?: number;
  /**
   * Frees exchange the block's tag atomically: of two threads that free the same block at the same moment one gets
   * DOUBLE_FREE at once. Default false: plain stores, and such a free is found when the block's second entry comes up.
   */
  readonly exactFrees?: boolean;
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

/** The checks of {@link HeapOptions}; numbers and the memory are verified where they are used. */
export const HEAP_CHECKS: Checks<HeapOptions> = {
  memory: anyValue,
  start: notNull,
  end: notNull,
  sizeBytes: notNull,
  maximumBytes: notNull,
  shared: requireBoolean,
  slotCount: notNull,
  dmaBytes: notNull,
  exactFrees: requireBoolean,
  grow: requireFunction,
  onGrow: requireFunction,
};

/** The checks of {@link AttachOptions}; the number is verified where it is used. */
export const ATTACH_CHECKS: Checks<AttachOptions> = { start: notNull };
