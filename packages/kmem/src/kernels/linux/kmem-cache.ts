import {
  GFP_MASK,
  SLAB_CACHE_DMA,
  SLAB_CTOR_ATOMIC,
  SLAB_CTOR_CONSTRUCTOR,
  SLAB_DMA,
  SLAB_NO_GROW,
  SLAB_NO_REAP,
} from "../../gfp/flags.ts";
import type { Cache } from "../../heap/cache.ts";
import { blockAt } from "../../heap/inspect.ts";
import { isUint32 } from "../../memory/arguments.ts";
import { clear } from "../../memory/clear.ts";
import { KmemError } from "../../memory/errors.ts";
import { GRANULE, WORD_BYTES } from "../../memory/layout.ts";
import { FrameKind } from "../../pages/layout.ts";
import { CACHE_RECORD_WORDS, CacheRecord } from "../../slab/layout.ts";
import { CLASS_COUNT } from "../../slab/size-classes.ts";
import { takeObject } from "./allocate.ts";
import { createProblem, type NewCache, shapeOf } from "./cache-shape.ts";
import { areFlags, mayWait, wantsZeros, warn } from "./gfp.ts";
import { isFunctionOrNull, isSize, type Kernel, listOf, NULL, pointer, refresh } from "./kernel.ts";
import { OpenCaches } from "./open-caches.ts";

/** A constructor or destructor: the object, its cache, SLAB_CTOR_ flags. */
export type CacheFunction = (objp: number, cachep: number, flags: number) => void;

/** Caches of objects of one size. A kmem_cache_t * is the address of the cache's record. */
export interface CacheCalls {
  /**
   * Makes a cache of objects of `size` bytes (4 to 131,072). Each slab starts its objects `offset` bytes further in
   * than the last, as far as room is left; 0 means a cache line. `ctor` runs for each object when its slab is made,
   * `dtor` before its slab is released. NULL and a message for a name that is NULL, in use or of 19 characters or more,
   * and for sizes, offsets and flags that cannot be. Pages come with the first object.
   */
  kmem_cache_create(
    name: string | null,
    size: number,
    offset: number,
    flags: number,
    ctor: CacheFunction | null,
    dtor: CacheFunction | null,
  ): number;
  /**
   * The cache of that name, NULL and a message where there is none. Functions are of one thread: another names here
   * those that the cache was made with, or it cannot make or release its slabs. Not in the document.
   */
  kmem_cache_open(name: string, ctor?: CacheFunction | null, dtor?: CacheFunction | null): number;
  /**
   * Ends a cache without objects: 0. Else 1 and a message, and nothing has changed; so in the midst of its own
   * functions. What destructors throw is thrown when all have run and the cache is no more.
   */
  kmem_cache_destroy(cachep: number): number;
  /**
   * An object in the state in which the constructor, or the last user, left it; with __GFP_ZERO, which caches with a
   * constructor refuse, all zero. `flags` is a gfp_mask. NULL and a message when there is no memory; with SLAB_NO_GROW,
   * which sees what this thread can have at once, NULL where that is nothing.
   */
  kmem_cache_alloc(cachep: number, flags: number): number;
  /** Frees an object. Its slab stays until memory is asked back. Refuses what is no live object of the cache. O(1). */
  kmem_cache_free(cachep: number, objp: number): void;
  /** The name that the document has beside kmem_cache_alloc: the same as {@link kmem_cache_free}. */
  __kmem_cache_free(cachep: number, objp: number): void;
  /** Releases every empty slab: 0 when the cache has none left, 1 when some remain, 2 for what is no cache. */
  kmem_cache_shrink(cachep: number): number;
  /** Releases four fifths of the empty slabs of the cache that has most pages in them; returns the pages. O(caches). */
  kmem_cache_reap(gfp_mask: number): number;
  /** Bytes of an object, as they were asked for. */
  kmem_cache_size(cachep: number): number;
  /** Fills `p` with `size` objects and returns their number; 0, and none taken, when there are not so many. */
  kmem_cache_alloc_bulk(cachep: number, flags: number, size: number, p: number[]): number;
  /** Frees the first `size` objects of `p`; those of any cache where `cachep` is NULL. */
  kmem_cache_free_bulk(cachep: number, size: number, p: readonly number[]): void;
}

const FIRST_KIND: number = FrameKind.FIRST_CACHE + CLASS_COUNT;
/** The flags that kmem_cache_alloc knows. */
export const ALLOC_MASK: number = GFP_MASK | SLAB_NO_GROW;

/** The caches of one binding. */
export class SlabCaches {
  readonly #kernel: Kernel;
  readonly #open: OpenCaches;
  /** What constructors are told now. */
  #ctorFlags: number = SLAB_CTOR_CONSTRUCTOR;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#open = new OpenCaches(kernel);
  }

  create(wanted: NewCache, ctor: CacheFunction | null, dtor: CacheFunction | null): number {
    const { heap, caches, geometry, print } = this.#kernel;
    refresh(this.#kernel);
    if (!this.#areFunctions("kmem_create", ctor, dtor)) return NULL;
    const problem = createProblem(wanted, ctor !== null, dtor !== null, (name) => caches.find(name) !== undefined);
    if (problem !== undefined) {
      print(`kmem_create: ${problem}`);
      return NULL;
    }
    const name = wanted.name as string;
    const { notices, debug, ...shape } = shapeOf(wanted, ctor !== null, geometry.dmaFrames > 0);
    // No other heap has letters.
    const letters = caches.classFlags === 0 || debug === undefined ? {} : { debug };
    try {
      const cache = heap.createCache({ ...shape, ...letters, ...this.#functions(name, ctor, dtor) });
      return this.#remember(name, cache, notices);
    } catch (error) {
      if (!(error instanceof KmemError)) throw error;
      print(`kmem_cache_create: couldn't create cache ${name}.`);
      return NULL;
    }
  }

  open(name: string, ctor: CacheFunction | null, dtor: CacheFunction | null): number {
    refresh(this.#kernel);
    if (!this.#areFunctions("kmem_cache_open", ctor, dtor)) return NULL;
    try {
      return this.#remember(name, this.#kernel.heap.openCache(name, this.#functions(name, ctor, dtor)), []);
    } catch (error) {
      if (!(error instanceof KmemError)) throw error;
      this.#kernel.print(`kmem_cache_open: ${error.message}`);
      return NULL;
    }
  }

  /** 0, or 1 where the cache is still there. */
  destroy(cachep: number): number {
    const cache = this.#find("kmem_cache_destroy", cachep);
    if (cache === undefined) return 1;
    if (cache.stats().liveBlocks > 0) {
      this.#kernel.print(`kmem_cache_destroy: Can't free all objects ${pointer(cachep)}`);
      return 1;
    }
    // What a destructor throws comes when the cache is no more: its serial number has told by then.
    return this.#tries("kmem_cache_destroy", () => cache.destroy()) ? 0 : 1;
  }

  alloc(caller: string, cachep: number, flags: number): number {
    const cache = this.#find(caller, cachep);
    if (cache === undefined || !areFlags(this.#kernel, caller, flags, ALLOC_MASK)) return NULL;
    if ((flags & SLAB_DMA) !== 0 && !this.#isForDma(cachep)) {
      this.#kernel.print(`${caller}: the cache ${this.#name(cachep)} is not of SLAB_CACHE_DMA`);
      return NULL;
    }
    if (wantsZeros(flags) && cache.hasConstructor) {
      this.#kernel.print(`${caller}: __GFP_ZERO, but the cache ${this.#name(cachep)} has a constructor`);
      return NULL;
    }
    if ((flags & SLAB_NO_GROW) !== 0 && !this.#hasFree(cachep)) return NULL;
    const before = this.#ctorFlags;
    this.#ctorFlags = SLAB_CTOR_CONSTRUCTOR | (mayWait(flags) ? 0 : SLAB_CTOR_ATOMIC);
    let objp: number = NULL;
    let isTried = false;
    try {
      isTried = this.#tries(caller, () => {
        objp = takeObject(this.#kernel, cache, flags, this.#field(cachep, CacheRecord.SLAB_PAGES));
      });
    } finally {
      this.#ctorFlags = before;
    }
    if (objp !== NULL && wantsZeros(flags)) this.#zero(cache, objp);
    if (objp === NULL && isTried)
      warn(this.#kernel, flags, `__alloc_pages: ${this.#order(cachep)}-order allocation failed.`);
    return objp;
  }

  free(caller: string, cachep: number, objp: number): void {
    const cache = this.#find(caller, cachep);
    if (cache === undefined) return;
    const { heap, print } = this.#kernel;
    const name = this.#name(cachep);
    const complain = (what: string): void => print(`kmem_free: ${what} (objp=${pointer(objp)}, name=${name})`);
    if (objp === NULL) {
      complain("NULL ptr");
      return;
    }
    // The cache looks first: over a debugged heap it has more to say.
    if (this.#isFreed(cache, objp)) return;
    const block = Number.isInteger(objp) && objp > 0 ? blockAt(heap, objp) : undefined;
    if (block === undefined || block.address !== objp) complain("Bad obj addr");
    else if (block.cache !== name) print(`${caller}: Wrong slab cache. ${name} but object is from ${block.cache}`);
    else complain("Double free detected during checks");
  }

  shrink(cachep: number): number {
    const cache = this.#find("kmem_cache_shrink", cachep);
    if (cache === undefined) return 2;
    if (!this.#tries("kmem_cache_shrink", () => cache.shrink())) return 1;
    return this.#field(cachep, CacheRecord.SLABS) === 0 ? 0 : 1;
  }

  reap(): number {
    const { caches } = this.#kernel;
    refresh(this.#kernel);
    let best: { cache: Cache; slabs: number; pages: number } | undefined;
    for (const kind of [...caches.kinds()]) {
      if (kind < FIRST_KIND || (caches.ownerFlags(kind) & SLAB_NO_REAP) !== 0) continue;
      const cache = this.#find("kmem_cache_reap", this.#pointerTo(kind));
      if (cache === undefined || !isShrinkable(cache)) continue;
      const slabs = caches.get(kind, CacheRecord.EMPTY_SLABS);
      const pages = slabs * caches.get(kind, CacheRecord.SLAB_PAGES);
      if (pages > (best?.pages ?? 0)) best = { cache, slabs, pages };
    }
    return best === undefined ? 0 : best.cache.shrink(Math.floor((best.slabs * 4 + 1) / 5));
  }

  size(cachep: number): number {
    return this.#find("kmem_cache_size", cachep)?.sizeBytes ?? 0;
  }

  #areFunctions(caller: string, ctor: CacheFunction | null, dtor: CacheFunction | null): boolean {
    return isFunctionOrNull(this.#kernel, caller, "ctor", ctor) && isFunctionOrNull(this.#kernel, caller, "dtor", dtor);
  }

  #functions(name: string, ctor: CacheFunction | null, dtor: CacheFunction | null): Functions {
    const { caches } = this.#kernel;
    const cachep = (): number => this.#pointerTo(caches.find(name) ?? FIRST_KIND);
    return {
      construct: ctor === null ? undefined : (objp) => ctor(objp, cachep(), this.#ctorFlags),
      destruct: dtor === null ? undefined : (objp) => dtor(objp, cachep(), 0),
    };
  }

  #remember(name: string, cache: Cache, notices: readonly string[]): number {
    const kind = this.#kernel.caches.find(name) as number;
    this.#open.remember(kind, cache);
    for (const notice of notices) this.#kernel.print(notice);
    return this.#pointerTo(kind);
  }

  /** The cache that a pointer leads to; prints the caller's complaint where it leads to none. */
  #find(caller: string, cachep: number): Cache | undefined {
    refresh(this.#kernel);
    const kind = this.#kindOf(cachep);
    const cache = kind === undefined ? undefined : this.#open.get(kind);
    if (cache === undefined) this.#kernel.print(`${caller}: bad cache pointer ${pointer(cachep)}`);
    return cache;
  }

  /** Frees an object; false where it is no live one of this cache. */
  #isFreed(cache: Cache, objp: number): boolean {
    try {
      cache.free(objp);
      return true;
    } catch (error) {
      if (error instanceof KmemError && ["DOUBLE_FREE", "INVALID_FREE"].includes(error.code)) return false;
      throw error;
    }
  }

  #zero({ sizeBytes }: Cache, objp: number): void {
    const { memory, geometry } = this.#kernel;
    memory.waitForLength(objp + sizeBytes);
    // Behind the last byte lies what is not the object's, where the heap is debugged.
    const granulesBytes = sizeBytes - (sizeBytes % GRANULE);
    clear(memory, geometry, objp, granulesBytes);
    memory.bytes.fill(0, objp + granulesBytes, objp + sizeBytes);
  }

  /** Does it, or prints why it cannot be done and returns false. */
  #tries(caller: string, action: () => unknown): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof KmemError && ["NO_CONSTRUCTOR", "CACHE_BUSY"].includes(error.code))) throw error;
      this.#kernel.print(`${caller}: ${error.message}`);
      return false;
    }
  }

  #pointerTo(kind: number): number {
    return this.#kernel.caches.record(kind) * WORD_BYTES;
  }

  #kindOf(cachep: number): number | undefined {
    if (!isUint32(cachep)) return undefined;
    const index = (cachep - this.#pointerTo(FrameKind.FIRST_CACHE)) / (CACHE_RECORD_WORDS * WORD_BYTES);
    return Number.isInteger(index) && index >= CLASS_COUNT && index < this.#kernel.caches.count
      ? FrameKind.FIRST_CACHE + index
      : undefined;
  }

  #field(cachep: number, field: number): number {
    return this.#kernel.caches.get(this.#kindOf(cachep) as number, field);
  }

  #name(cachep: number): string {
    return this.#kernel.caches.name(this.#kindOf(cachep) as number);
  }

  #isForDma(cachep: number): boolean {
    return (this.#kernel.caches.ownerFlags(this.#kindOf(cachep) as number) & SLAB_CACHE_DMA) !== 0;
  }

  /** Whether there is an object that this thread can have without a new slab. */
  #hasFree(cachep: number): boolean {
    const kind = this.#kindOf(cachep) as number;
    const { sheaves, barns } = this.#kernel.layers;
    return sheaves.count(kind) + barns.count(kind) + this.#field(cachep, CacheRecord.FREE_BLOCKS) > 0;
  }

  /** Order of the smallest block of pages that holds a slab. */
  #order(cachep: number): number {
    return Math.ceil(Math.log2(this.#field(cachep, CacheRecord.SLAB_PAGES)));
  }
}

interface Functions {
  readonly construct: ((objp: number) => void) | undefined;
  readonly destruct: ((objp: number) => void) | undefined;
}

/** Moves a cache's free objects back to their slabs; false where its functions are another thread's. */
function isShrinkable(cache: Cache): boolean {
  try {
    cache.shrink(0);
    return true;
  } catch (error) {
    if (error instanceof KmemError && error.code === "NO_CONSTRUCTOR") return false;
    throw error;
  }
}

/** C has one NULL. */
function orNoFunction(value: CacheFunction | null): CacheFunction | null {
  return value === undefined || (value as unknown) === NULL ? null : value;
}

/** Whether these are a count and a list of objects; prints the call's complaint where they are not. */
function isBulk(kernel: Kernel, caller: string, size: number, p: unknown): boolean {
  // Read to the end, so that nothing is done for a list that cannot be read.
  return isSize(kernel, caller, size) && listOf(kernel, caller, p, size) !== undefined;
}

/** The functions under their names; `kfree` is that of the same binding. */
export function cacheCalls(kernel: Kernel, kfree: (obj: number) => void): CacheCalls {
  const slabCaches = new SlabCaches(kernel);
  const free = (cachep: number, objp: number): void => slabCaches.free("kmem_cache_free", cachep, objp);
  return {
    kmem_cache_create: (name, size, offset, flags, ctor, dtor) =>
      slabCaches.create({ name, size, offset, flags }, orNoFunction(ctor), orNoFunction(dtor)),
    kmem_cache_open: (name, ctor = null, dtor = null) => slabCaches.open(name, orNoFunction(ctor), orNoFunction(dtor)),
    kmem_cache_destroy: (cachep) => slabCaches.destroy(cachep),
    kmem_cache_alloc: (cachep, flags) => slabCaches.alloc("kmem_cache_alloc", cachep, flags),
    kmem_cache_free: free,
    __kmem_cache_free: free,
    kmem_cache_shrink: (cachep) => slabCaches.shrink(cachep),
    kmem_cache_reap: (gfp_mask) => (areFlags(kernel, "kmem_cache_reap", gfp_mask) ? slabCaches.reap() : 0),
    kmem_cache_size: (cachep) => slabCaches.size(cachep),
    kmem_cache_alloc_bulk: (cachep, flags, size, p) => {
      if (!isBulk(kernel, "kmem_cache_alloc_bulk", size, p)) return 0;
      if (Object.isFrozen(p)) {
        kernel.print("kmem_cache_alloc_bulk: p cannot be written to");
        return 0;
      }
      const objects: number[] = [];
      try {
        while (objects.length < size) {
          const objp = slabCaches.alloc("kmem_cache_alloc_bulk", cachep, flags);
          if (objp === NULL) break;
          objects.push(objp);
        }
      } finally {
        // There were not so many, or a constructor has thrown.
        if (objects.length < size) for (const objp of objects.splice(0)) free(cachep, objp);
      }
      try {
        for (const [index, objp] of objects.entries()) p[index] = objp;
      } catch {
        // A list that cannot be written to: nobody would know of the objects.
        for (const objp of objects) free(cachep, objp);
        kernel.print("kmem_cache_alloc_bulk: p cannot be written to");
        return 0;
      }
      return objects.length;
    },
    kmem_cache_free_bulk: (cachep, size, p) => {
      if (!isBulk(kernel, "kmem_cache_free_bulk", size, p)) return;
      for (const objp of listOf(kernel, "kmem_cache_free_bulk", p, size) ?? []) {
        if (cachep === NULL) kfree(objp);
        else free(cachep, objp);
      }
    },
  };
}
