import { WORD_SHIFT } from "../memory/layout.ts";
import { GFP_KERNEL } from "./flags.ts";
import { type Kernel, NULL, pointer } from "./kernel.ts";
import type { KmallocCalls } from "./kmalloc.ts";
import type { CacheCalls } from "./kmem-cache.ts";
import { POOL_ELEMENT_BYTES, POOL_HEADER_BYTES, POOL_MAGIC, PoolWord } from "./layout.ts";

export type MempoolAlloc = (gfp_mask: number, pool_data: number) => number;
export type MempoolFree = (element: number, pool_data: number) => void;

/** Reserves of elements that some allocator gave, for when it gives no more. A mempool_t * is a block of kmalloc. */
export interface MempoolCalls {
  /** Makes a pool with `min_nr` elements of `alloc_fn` in reserve; NULL, and all given back, when it cannot. */
  mempool_create(min_nr: number, alloc_fn: MempoolAlloc, free_fn: MempoolFree, pool_data: number): number;
  mempool_create_slab_pool(min_nr: number, cachep: number): number;
  mempool_create_kmalloc_pool(min_nr: number, size: number): number;
  /** An element of the allocator, else one of the reserve, else NULL. */
  mempool_alloc(pool: number, gfp_mask: number): number;
  /** Puts an element into the reserve where that has room, else back to the allocator. NULL does nothing. */
  mempool_free(element: number, pool: number): void;
  /** Gives the reserve back and ends the pool. Elements that are out must not come back. NULL does nothing. */
  mempool_destroy(pool: number): void;
}

interface PoolFunctions {
  readonly alloc: MempoolAlloc;
  readonly free: MempoolFree;
  readonly data: number;
}

type Below = Pick<KmallocCalls, "kmalloc" | "kfree"> & Pick<CacheCalls, "kmem_cache_alloc" | "kmem_cache_free">;

export function mempoolCalls({ memory, print }: Kernel, below: Below): MempoolCalls {
  const { kmalloc, kfree, kmem_cache_alloc, kmem_cache_free } = below;
  const functions = new Map<number, PoolFunctions>();
  const wordOf = (pool: number, field: number): number => (pool >>> WORD_SHIFT) + field;
  const elementOf = (pool: number, index: number): number => (pool + POOL_HEADER_BYTES) / POOL_ELEMENT_BYTES + index;
  const find = (caller: string, pool: number): PoolFunctions | undefined => {
    memory.refresh();
    const found = functions.get(pool);
    if (found !== undefined && memory.words[wordOf(pool, PoolWord.MAGIC)] === POOL_MAGIC) return found;
    print(`${caller}: bad pool ${pointer(pool)}`);
    return undefined;
  };
  const push = (pool: number, element: number): void => {
    memory.refresh();
    memory.doubles[elementOf(pool, memory.words[wordOf(pool, PoolWord.COUNT)]++)] = element;
  };
  const pop = (pool: number): number => {
    memory.refresh();
    const count = wordOf(pool, PoolWord.COUNT);
    return memory.words[count] === 0 ? NULL : memory.doubles[elementOf(pool, --memory.words[count])];
  };
  const destroy = (pool: number, { free, data }: PoolFunctions): void => {
    for (let element = pop(pool); element !== NULL; element = pop(pool)) free(element, data);
    functions.delete(pool);
    memory.words[wordOf(pool, PoolWord.MAGIC)] = 0;
    kfree(pool);
  };
  const create = (min_nr: number, pool_functions: PoolFunctions): number => {
    if (!Number.isInteger(min_nr) || min_nr < 1) {
      print(`mempool_create: not a number of elements: ${min_nr}`);
      return NULL;
    }
    const pool = kmalloc(POOL_HEADER_BYTES + min_nr * POOL_ELEMENT_BYTES, GFP_KERNEL);
    if (pool === NULL) return NULL;
    memory.refresh();
    memory.words[wordOf(pool, PoolWord.MAGIC)] = POOL_MAGIC;
    memory.words[wordOf(pool, PoolWord.MIN_COUNT)] = min_nr;
    memory.words[wordOf(pool, PoolWord.COUNT)] = 0;
    functions.set(pool, pool_functions);
    for (let index = 0; index < min_nr; index++) {
      const element = pool_functions.alloc(GFP_KERNEL, pool_functions.data);
      if (element === NULL) {
        destroy(pool, pool_functions);
        return NULL;
      }
      push(pool, element);
    }
    return pool;
  };
  return {
    mempool_create: (min_nr, alloc, free, data) => create(min_nr, { alloc, free, data }),
    mempool_create_slab_pool: (min_nr, cachep) =>
      create(min_nr, {
        alloc: (gfp_mask, data) => kmem_cache_alloc(data, gfp_mask),
        free: (element, data) => kmem_cache_free(data, element),
        data: cachep,
      }),
    mempool_create_kmalloc_pool: (min_nr, size) =>
      create(min_nr, {
        alloc: (gfp_mask, data) => kmalloc(data, gfp_mask),
        free: (element) => kfree(element),
        data: size,
      }),
    mempool_alloc: (pool, gfp_mask) => {
      const found = find("mempool_alloc", pool);
      return found === undefined ? NULL : found.alloc(gfp_mask, found.data) || pop(pool);
    },
    mempool_free: (element, pool) => {
      if (element === NULL) return;
      const found = find("mempool_free", pool);
      if (found === undefined) return;
      const isFull = memory.words[wordOf(pool, PoolWord.COUNT)] >= memory.words[wordOf(pool, PoolWord.MIN_COUNT)];
      if (isFull) found.free(element, found.data);
      else push(pool, element);
    },
    mempool_destroy: (pool) => {
      if (pool === NULL) return;
      const found = find("mempool_destroy", pool);
      if (found !== undefined) destroy(pool, found);
    },
  };
}
