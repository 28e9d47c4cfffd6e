/**
 * Flags of Linux 2.4.0, whose prototypes the document has. A gfp_mask says how pages may be had; the flags of
 * kmem_cache_create are told apart from it by their values, so that SLAB_NO_GROW can stand beside them.
 */

/** The caller may wait: what lies idle is reclaimed for it. */
export const __GFP_WAIT = 0x01;
/** May use the reserve, unless the caller may wait as well. */
export const __GFP_HIGH = 0x02;
/** May start I/O; there is none here. */
export const __GFP_IO = 0x04;
/** Pages of the DMA zone only, in a heap that has one. */
export const __GFP_DMA = 0x08;
/** High memory will do; there is none here. */
export const __GFP_HIGHMEM = 0x10;

export const GFP_BUFFER: number = __GFP_HIGH | __GFP_WAIT;
/** Never waits and may use the reserve: for interrupt handlers. */
export const GFP_ATOMIC: number = __GFP_HIGH;
export const GFP_USER: number = __GFP_WAIT | __GFP_IO;
export const GFP_HIGHUSER: number = __GFP_WAIT | __GFP_IO | __GFP_HIGHMEM;
/** The most used: may wait, so only for processes. */
export const GFP_KERNEL: number = __GFP_HIGH | __GFP_WAIT | __GFP_IO;
export const GFP_NFS: number = __GFP_HIGH | __GFP_WAIT | __GFP_IO;
export const GFP_KSWAPD: number = __GFP_IO;
export const GFP_DMA: number = __GFP_DMA;

export const SLAB_BUFFER: number = GFP_BUFFER;
export const SLAB_ATOMIC: number = GFP_ATOMIC;
export const SLAB_USER: number = GFP_USER;
export const SLAB_KERNEL: number = GFP_KERNEL;
export const SLAB_NFS: number = GFP_NFS;
export const SLAB_DMA: number = GFP_DMA;
/** For kmem_cache_alloc: only what the cache's slabs hold already. */
export const SLAB_NO_GROW = 0x1000;

/** For kmem_cache_create. The first four are for debugging and do nothing, as without SLAB_DEBUG. */
export const SLAB_DEBUG_FREE = 0x100;
export const SLAB_DEBUG_INITIAL = 0x200;
export const SLAB_RED_ZONE = 0x400;
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
export const SLAB_CTOR_VERIFY = 0x4;

/** The bits of a gfp_mask. */
export const GFP_MASK: number = __GFP_WAIT | __GFP_HIGH | __GFP_IO | __GFP_DMA | __GFP_HIGHMEM;
/** The flags that kmem_cache_create knows. */
export const CREATE_MASK: number =
  SLAB_DEBUG_FREE |
  SLAB_DEBUG_INITIAL |
  SLAB_RED_ZONE |
  SLAB_POISON |
  SLAB_NO_REAP |
  SLAB_HWCACHE_ALIGN |
  SLAB_CACHE_DMA;
