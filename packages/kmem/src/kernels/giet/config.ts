import type { MemorySource } from "../../memory/memory.ts";

/** A global virtual segment of the boot mapping. */
export interface GietVseg {
  /** `VOBJ_TYPE_HEAP` for a kernel heap; vsegs of every other type are passed over. */
  readonly type: string;
  /** First virtual address, from 1 to 2^32 - 1: a multiple of `length`. */
  readonly base: number;
  /** Bytes: a power of two from MIN_BLOCK_SIZE to 2^31. */
  readonly length: number;
  /** Byte of the cluster's memory that `base` stands for, a multiple of 64. Default 0. */
  readonly offset?: number;
}

/** A cluster: its physical memory, and the global vsegs mapped into it. The first of type HEAP is its kernel heap. */
export interface GietCluster {
  /** The physical memory of the cluster. */
  readonly memory: MemorySource;
  /** The global vsegs mapped into it. Default: none, and it has no heap. */
  readonly vsegs?: readonly GietVseg[];
}

/** The machine. The same config binds the same machine in another thread. */
export interface GietConfig {
  /** clusters[x][y]; every column has the same height. */
  readonly clusters: readonly (readonly GietCluster[])[];
  /**
   * Byte of the memory of cluster [0][0] at which its kernel_data segment begins: there stands kernel_heap, 256 bytes
   * an entry. A multiple of 64. Default: after the heap of that cluster, 0 if it has none.
   */
  readonly kernel_data?: number;
  /** The number of the processor that this thread stands for: it names who holds a lock. From 0. Default 0. */
  readonly processor?: number;
  /** The cluster that this processor is in: `_malloc` looks there first. Default [0][0]. */
  readonly cluster?: { readonly x: number; readonly y: number };
  /**
   * Says whether the thread that stood for a processor is gone, for certain, without waiting for anything. Who waits
   * for a heap's lock then passes it over, and makes the heap whole where it held the lock: its call is done or not
   * done. A thread that comes in its place takes a number that nobody had. Without it a thread that is terminated in a
   * call keeps all others from that heap.
   */
  readonly isGone?: (processor: number) => boolean;
}
