import type { MemoryOptions } from "./memory/new-memory.ts";

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
