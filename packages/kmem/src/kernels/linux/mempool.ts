import {
  __GFP_HIGH,
  __GFP_IO,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WAIT,
  GFP_KERNEL,
} from "../../gfp/flags.ts";
import { blockAt } from "../../heap/inspect.ts";
import { describeValue } from "../../memory/arguments.ts";
import { FirstError } from "../../memory/first-error.ts";
import { areFlags, isAlone, mayWait, mustNotSleep, neverFails, nobodyElse, wantsZeros } from "./gfp.ts";
import { type Kernel, NULL, pointer, refresh } from "./kernel.ts";
import type { KmallocCalls } from "./kmalloc.ts";
import { ALLOC_MASK, type CacheCalls } from "./kmem-cache.ts";
import { PoolKind, type PoolKindValue } from "./layout.ts";
import { PoolBlock, poolBytes } from "./pool.ts";

/** Allocates an element for a mempool; NULL where it cannot. `pool_data` is what the pool was made with. */
export type MempoolAlloc = (gfp_mask: number, pool_data: number) => number;
/** Frees an element that a mempool does not keep. `pool_data` is what the pool was made with. */
export type MempoolFree = (element: number, pool_data: number) => void;

/**
 * Reserves of elements that some allocator gave, for when it gives no more. A mempool_t * is a block of kmalloc. Every
 * thread that has bound the functions takes from a pool and gives to it.
 */
export interface MempoolCalls {
  /**
   * Makes a pool with `min_nr` elements of `alloc_fn` in reserve; NULL, and all given back, when it cannot. The
   * functions are those of this binding; others name theirs with {@link mempool_open}.
   */
  mempool_create(min_nr: number, alloc_fn: MempoolAlloc, free_fn: MempoolFree, pool_data: number): number;
  /** A pool of objects of a cache. It needs no {@link mempool_open}. */
  mempool_create_slab_pool(min_nr: number, cachep: number): number;
  /** A pool of blocks of kmalloc. It needs no {@link mempool_open}. */
  mempool_create_kmalloc_pool(min_nr: number, size: number): number;
  /** Names the functions that this binding runs for another's pool; returns the pool, NULL for none. Not in Linux. */
  mempool_open(pool: number, alloc_fn: MempoolAlloc, free_fn: MempoolFree): number;
  /**
   * An element of the allocator, else one of the reserve. Where there is neither, a mask with __GFP_WAIT waits until
   * another thread brings one back or frees memory, however long that takes, and NULL is for where no other thread is
   * there that could (with __GFP_NOFAIL it throws then), for __GFP_NORETRY, and for a thread that may not sleep. Every
   * other mask gets NULL at once. Elements are as they were freed: __GFP_ZERO is refused.
   */
  mempool_alloc(pool: number, gfp_mask: number): number;
  /** Puts an element into the reserve where that has room, else back to the allocator. NULL does nothing. */
  mempool_free(element: number, pool: number): void;
  /** Gives the reserve back and ends the pool. Elements that are out must not come back. NULL does nothing. */
  mempool_destroy(pool: number): void;
}

interface PoolFunctions {
  readonly alloc: MempoolAlloc;
  readonly free: MempoolFree;
}

interface OpenPool extends PoolFunctions {
  readonly block: PoolBlock;
  readonly serial: number;
}

type Below = Pick<KmallocCalls, "kmalloc" | "kfree"> & Pick<CacheCalls, "kmem_cache_alloc" | "kmem_cache_free">;

/** The pools of one binding: their functions are of a thread, all else is in their blocks. */
class Mempools {
  readonly #kernel: Kernel;
  readonly #below: Below;
  readonly #open = new Map<number, OpenPool>();
  readonly #builtIn: ReadonlyMap<number, PoolFunctions>;

  constructor(kernel: Kernel, below: Below) {
    const { kmalloc, kfree, kmem_cache_alloc, kmem_cache_free } = below;
    this.#kernel = kernel;
    this.#below = below;
    this.#builtIn = new Map<number, PoolFunctions>([
      [
        PoolKind.SLAB,
        {
          alloc: (gfp_mask, data) => kmem_cache_alloc(data, gfp_mask),
          free: (element, data) => kmem_cache_free(data, element),
        },
      ],
      [PoolKind.KMALLOC, { alloc: (gfp_mask, data) => kmalloc(data, gfp_mask), free: (element) => kfree(element) }],
    ]);
  }

  create(minimumCount: number, kind: PoolKindValue, data: number, given?: PoolFunctions): number {
    const problem = this.#problemOf(minimumCount, data, given);
    if (problem !== undefined) {
      this.#kernel.print(`mempool_create: ${problem}`);
      return NULL;
    }
    const pool = this.#below.kmalloc(poolBytes(minimumCount), GFP_KERNEL);
    if (pool === NULL) return NULL;
    const block = new PoolBlock(this.#kernel, pool);
    block.format(this.#kernel, minimumCount, kind, data);
    const open = this.#remember(pool, block, given ?? (this.#builtIn.get(kind) as PoolFunctions));
    let isFull = false;
    try {
      isFull = fill(open, minimumCount);
    } finally {
      // Where a function of the caller's throws, too, nothing of the pool is left.
      if (!isFull) this.#end(pool, open);
    }
    return isFull ? pool : NULL;
  }

  /** Why no pool can be made, or undefined. Data stand in the pool as a number. */
  #problemOf(minimumCount: number, data: number, given: PoolFunctions | undefined): string | undefined {
    if (!Number.isInteger(minimumCount) || minimumCount < 1) {
      return `not a number of elements: ${describeValue(minimumCount)}`;
    }
    if (typeof data !== "number") return `pool_data is no number: ${describeValue(data)}`;
    return given === undefined ? undefined : functionProblem(given);
  }

  open(pool: number, functions: PoolFunctions): number {
    const problem = functionProblem(functions);
    if (problem !== undefined) {
      this.#kernel.print(`mempool_open: ${problem}`);
      return NULL;
    }
    const block = this.#blockOf("mempool_open", pool);
    if (block === undefined) return NULL;
    if (block.kind !== PoolKind.FUNCTIONS) {
      this.#kernel.print(`mempool_open: the pool ${pointer(pool)} has functions of its own`);
      return NULL;
    }
    this.#remember(pool, block, functions);
    return pool;
  }

  alloc(pool: number, gfp: number): number {
    const open = this.#find("mempool_alloc", pool);
    if (open === undefined || !areFlags(this.#kernel, "mempool_alloc", gfp, ALLOC_MASK)) return NULL;
    if (wantsZeros(gfp)) {
      this.#kernel.print("mempool_alloc: __GFP_ZERO, but elements are as they were freed");
      return NULL;
    }
    const { block } = open;
    const { data } = block;
    const quiet = gfp | __GFP_NOWARN;
    if (!mayWait(gfp)) return open.alloc(quiet, data) || this.#popFrom(open);
    const atOnce = quiet & ~(__GFP_WAIT | __GFP_HIGH | __GFP_IO | __GFP_NOFAIL);
    const reclaiming = (quiet & ~__GFP_NOFAIL) | __GFP_NORETRY;
    const element = open.alloc(atOnce, data) || this.#popFrom(open);
    if (element !== NULL) return element;
    for (;;) {
      const found = open.alloc(reclaiming, data) || this.#popFrom(open);
      if (found !== NULL) return found;
      if (!block.isPool || block.serial !== open.serial) return NULL;
      if (isAlone(this.#kernel)) return giveUp(gfp, nobodyElse);
      if ((gfp & __GFP_NORETRY) !== 0 && !neverFails(gfp)) return NULL;
      if (!block.await()) return giveUp(gfp, mustNotSleep);
    }
  }

  free(element: number, pool: number): void {
    const open = element === NULL ? undefined : this.#find("mempool_free", pool);
    if (open !== undefined && !open.block.push(element)) open.free(element, open.block.data);
  }

  destroy(pool: number): void {
    const open = pool === NULL ? undefined : this.#find("mempool_destroy", pool);
    if (open !== undefined) this.#end(pool, open);
  }

  /** The pool is no more when its elements go back: what the function does may be anything. */
  #end(pool: number, { block, free }: OpenPool): void {
    const { data } = block;
    const elements: number[] = [];
    for (let element = block.pop(); element !== NULL; element = block.pop()) elements.push(element);
    this.#open.delete(pool);
    block.end();
    this.#below.kfree(pool);
    const errors = new FirstError();
    for (const element of elements) errors.run(() => free(element, data));
    errors.rethrow();
  }

  /** An element of the reserve, NULL for none, and where the allocator has ended the pool meanwhile. */
  #popFrom({ block, serial }: OpenPool): number {
    return block.isPool && block.serial === serial ? block.pop() : NULL;
  }

  #remember(pool: number, block: PoolBlock, { alloc, free }: PoolFunctions): OpenPool {
    const open = { block, serial: block.serial, alloc, free };
    this.#open.set(pool, open);
    return open;
  }

  /** The pool that a pointer leads to, with its functions; prints the caller's complaint where there is none. */
  #find(caller: string, pool: number): OpenPool | undefined {
    refresh(this.#kernel);
    const known = this.#open.get(pool);
    if (known?.block.isPool && known.block.serial === known.serial) return known;
    this.#open.delete(pool);
    const block = this.#blockOf(caller, pool);
    if (block === undefined) return undefined;
    const functions = this.#builtIn.get(block.kind);
    if (functions !== undefined) return this.#remember(pool, block, functions);
    this.#kernel.print(`${caller}: the functions of the pool ${pointer(pool)} are another binding's`);
    return undefined;
  }

  #blockOf(caller: string, pool: number): PoolBlock | undefined {
    refresh(this.#kernel);
    const found = blockAt(this.#kernel.heap, pool);
    if (found?.live === true && found.address === pool) {
      const block = new PoolBlock(this.#kernel, pool);
      if (block.isPool) return block;
    }
    this.#kernel.print(`${caller}: bad pool ${pointer(pool)}`);
    return undefined;
  }
}

/** Fills the reserve of a new pool; false where its allocator has no more. */
function fill({ block, alloc }: OpenPool, minimumCount: number): boolean {
  for (let index = 0; index < minimumCount; index++) {
    const element = alloc(GFP_KERNEL, block.data);
    if (element === NULL) return false;
    block.push(element);
  }
  return true;
}

function functionProblem({ alloc, free }: PoolFunctions): string | undefined {
  if (typeof alloc !== "function") return `alloc_fn is no function: ${describeValue(alloc)}`;
  return typeof free === "function" ? undefined : `free_fn is no function: ${describeValue(free)}`;
}

/** NULL, or what __GFP_NOFAIL throws in its place. */
function giveUp(gfp: number, reason: () => Error): number {
  if (neverFails(gfp)) throw reason();
  return NULL;
}

export function mempoolCalls(kernel: Kernel, below: Below): MempoolCalls {
  const pools = new Mempools(kernel, below);
  return {
    mempool_create: (min_nr, alloc, free, data) => pools.create(min_nr, PoolKind.FUNCTIONS, data, { alloc, free }),
    mempool_create_slab_pool: (min_nr, cachep) => pools.create(min_nr, PoolKind.SLAB, cachep),
    mempool_create_kmalloc_pool: (min_nr, size) => pools.create(min_nr, PoolKind.KMALLOC, size),
    mempool_open: (pool, alloc, free) => pools.open(pool, { alloc, free }),
    mempool_alloc: (pool, gfp_mask) => pools.alloc(pool, gfp_mask),
    mempool_free: (element, pool) => pools.free(element, pool),
    mempool_destroy: (pool) => pools.destroy(pool),
  };
}
