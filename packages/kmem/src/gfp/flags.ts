/**
 * Flags of Linux 2.4.0, whose prototypes the document has, with its values, and after them flags of later Linux that
 * 2.4 had not. A gfp_mask says how pages may be had; the flags of kmem_cache_create are told apart from it by their
 * values, so that SLAB_NO_GROW can stand beside them.
 *
 *      what a mask says             reclaims   asks shrinkers   waits for other threads   reserve
 *      __GFP_WAIT                   yes        yes              as long as waitMs says    no
 *      __GFP_WAIT | __GFP_NORETRY   yes        yes              no                        no
 *      __GFP_WAIT | __GFP_NOFAIL    yes        yes              for ever                  no
 *      __GFP_HIGH: GFP_ATOMIC       yes        no               no                        yes
 *      neither: GFP_NOWAIT          yes        no               no                        no
 *
 * To reclaim is to give back what lies idle in this thread's caches and in empty slabs, which never waits.
 */

/** The caller may wait: for what shrinkers give back, and then for other threads to free memory. */
export const __GFP_WAIT = 0x01;
/** May use the reserve, unless the caller may wait as well. */
export const __GFP_HIGH = 0x02;
/** May start I/O, of which there is none here. */
export const __GFP_IO = 0x04;
/** Pages of the DMA zone only, in a heap that has one. */
export const __GFP_DMA = 0x08;
/** High memory will do; there is none here. */
export const __GFP_HIGHMEM = 0x10;

/**
 * Not in 2.4, as all flags down to GFP_ZERO; nor are the values those of any Linux, since later ones gave the same bits
 * other meanings. What is allocated is all zero. Not for caches with a constructor, nor for mempools.
 */
export const __GFP_ZERO = 0x1_0000;
/** Prints nothing when there is no memory. What is wrong with an argument is printed still. */
export const __GFP_NOWARN = 0x2_0000;
/** Reclaims once, and does not wait for other threads. */
export const __GFP_NORETRY = 0x4_0000;
/**
 * Beside __GFP_WAIT: waits for ever instead of failing. Where that could never end (no other thread is attached, the
 * heap is too small, or the thread may not sleep, as a browser's main thread) it throws a KmemError, OUT_OF_MEMORY or
 * MUST_NOT_BLOCK. NULL is only for arguments that are refused: too large a size, an order that there is not.
 */
export const __GFP_NOFAIL = 0x8_0000;
/** Memory of this node and of no other: a heap is one node, and falls back on none. */
export const __GFP_THISNODE = 0x10_0000;

/** Never waits, has no reserve, and says nothing when it fails. */
export const GFP_NOWAIT: number = __GFP_NOWARN;
/** GFP_KERNEL that does not fail. */
export const GFP_NOFAIL: number = __GFP_HIGH | __GFP_WAIT | __GFP_IO | __GFP_NOFAIL;
/** What Linux's traces once called {@link __GFP_ZERO}: it goes beside other flags. */
export const GFP_ZERO: number = __GFP_ZERO;

/** Linux 2.4's mask for buffer heads: may wait and use high priority, without I/O. */
export const GFP_BUFFER: number = __GFP_HIGH | __GFP_WAIT;
/** Never waits and may use the reserve: for interrupt handlers. */
export const GFP_ATOMIC: number = __GFP_HIGH;
/** For memory of user processes: may wait and start I/O. */
export const GFP_USER: number = __GFP_WAIT | __GFP_IO;
/** {@link GFP_USER}, for which high memory will do. */
export const GFP_HIGHUSER: number = __GFP_WAIT | __GFP_IO | __GFP_HIGHMEM;
/** The most used: may wait, so only for processes. */
export const GFP_KERNEL: number = __GFP_HIGH | __GFP_WAIT | __GFP_IO;
/** Linux 2.4's mask of its NFS client: the same bits as {@link GFP_KERNEL}. */
export const GFP_NFS: number = __GFP_HIGH | __GFP_WAIT | __GFP_IO;
/** Linux 2.4's mask of its swap thread: I/O alone, so it never waits. */
export const GFP_KSWAPD: number = __GFP_IO;
/** Pages of the DMA zone; it goes beside other flags. */
export const GFP_DMA: number = __GFP_DMA;

/** {@link GFP_BUFFER}, by its name for kmem_cache_alloc. */
export const SLAB_BUFFER: number = GFP_BUFFER;
/** {@link GFP_ATOMIC}, by its name for kmem_cache_alloc. */
export const SLAB_ATOMIC: number = GFP_ATOMIC;
/** {@link GFP_USER}, by its name for kmem_cache_alloc. */
export const SLAB_USER: number = GFP_USER;
/** {@link GFP_KERNEL}, by its name for kmem_cache_alloc. */
export const SLAB_KERNEL: number = GFP_KERNEL;
/** {@link GFP_NFS}, by its name for kmem_cache_alloc. */
export const SLAB_NFS: number = GFP_NFS;
/** {@link GFP_DMA}, by its name for kmem_cache_alloc. */
export const SLAB_DMA: number = GFP_DMA;
/** For kmem_cache_alloc: only what the cache's slabs hold already. */
export const SLAB_NO_GROW = 0x1000;

/**
 * For kmem_cache_create. The first four are for debugging: over a `DebugHeap` SLAB_DEBUG_FREE is the letter F,
 * SLAB_RED_ZONE Z and SLAB_POISON P; over other heaps they do nothing, as without SLAB_DEBUG.
 */
export const SLAB_DEBUG_FREE = 0x100;
/** Linux 2.4's "call the constructor to verify"; it does nothing here. */
export const SLAB_DEBUG_INITIAL = 0x200;
/** Red zones around objects, over a `DebugHeap`. */
export const SLAB_RED_ZONE = 0x400;
/** Poison in free objects, over a `DebugHeap`. */
export const SLAB_POISON = 0x800;
/** kmem_cache_reap passes the cache over. */
export const SLAB_NO_REAP = 0x1000;
/** Objects are aligned to a cache line, or to the half, quarter … of one that they fit into. */
export const SLAB_HWCACHE_ALIGN = 0x2000;
/** Slabs are of the DMA zone. */
export const SLAB_CACHE_DMA = 0x4000;

/** What a constructor and a destructor are told: a destructor gets 0. */
export const SLAB_CTOR_CONSTRUCTOR = 0x1;
/** Beside it: the constructor must not wait. */
export const SLAB_CTOR_ATOMIC = 0x2;
/** Beside SLAB_CTOR_CONSTRUCTOR in Linux 2.4: the call only verifies. No constructor is told so here. */
export const SLAB_CTOR_VERIFY = 0x4;

/** The bits of a gfp_mask. */
export const GFP_MASK: number =
  __GFP_WAIT |
  __GFP_HIGH |
  __GFP_IO |
  __GFP_DMA |
  __GFP_HIGHMEM |
  __GFP_ZERO |
  __GFP_NOWARN |
  __GFP_NORETRY |
  __GFP_NOFAIL |
  __GFP_THISNODE;
/** The flags that kmem_cache_create knows. */
export const CREATE_MASK: number =
  SLAB_DEBUG_FREE |
  SLAB_DEBUG_INITIAL |
  SLAB_RED_ZONE |
  SLAB_POISON |
  SLAB_NO_REAP |
  SLAB_HWCACHE_ALIGN |
  SLAB_CACHE_DMA;
