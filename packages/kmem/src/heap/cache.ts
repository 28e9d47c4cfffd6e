import { badFree, describeAddress } from "../kmalloc/describe.ts";
import { type Kmalloc, REFILLED } from "../kmalloc/kmalloc.ts";
import { allSheaves, type Layers, sheavesOf, underSheavesLock, underTableLock } from "../kmalloc/layers.ts";
import type { MemoryWait, WaitOptions } from "../kmalloc/memory-wait.ts";
import { type CacheStats, cacheStats } from "../kmalloc/stats.ts";
import {
  anyValue,
  badArgument,
  type Checks,
  reading,
  readOptions,
  requireBoolean,
  requireFunction,
  requireText,
  requireWhole,
} from "../memory/arguments.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import { GRANULE, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, NO_FRAME } from "../pages/layout.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import type { BlockFunctions } from "../slab/block-functions.ts";
import { CacheFlag, CacheRecord } from "../slab/layout.ts";
import { CLASS_COUNT } from "../slab/size-classes.ts";
import { SlotCaches } from "../slab/slot-caches.ts";
import { requireHeld } from "../sync/slot-sync.ts";
import type { Attachment } from "./attachment.ts";

/** What a cache stands on: the thread's layers, and what waits and works for it. */
export interface CacheContext extends Pick<Attachment, "layers" | "kmalloc" | "waits"> {
  readonly slotCaches: SlotCaches;
}

/** What a cache holds. */
export interface CacheOptions {
  /** 1 to 32 printable ASCII characters; no two caches of a heap share one. */
  readonly name: string;
  /** Bytes of an object: 1 to 131,072. */
  readonly sizeBytes: number;
  /** A power of two up to a page. Default 16. */
  readonly alignmentBytes?: number;
  /**
   * Runs once for each object when its slab is made; objects keep that state while they are free. What it throws ends
   * the allocation, with nothing changed, once `destruct` has run for those of the slab that were constructed before.
   * Functions are of one thread: others name theirs with `heap.openCache`.
   */
  readonly construct?: ((address: number) => void) | undefined;
  /**
   * Runs once for each object before its slab is released: by shrink, trim, destroy or a shortage, never by a free.
   * Where it throws it runs for the other objects all the same, and the call throws the first error at its end.
   */
  readonly destruct?: ((address: number) => void) | undefined;
  /** Successive slabs start their objects so many bytes further in, as far as room is left. Default 0: all alike. */
  readonly colourBytes?: number;
  /** Objects are of the DMA zone. */
  readonly dma?: boolean;
  /** Empty slabs stay until they are asked for, as if there were a destructor. */
  readonly keepsSlabs?: boolean;
  /** A number up to 2^23 - 1 that the cache keeps for its maker. */
  readonly ownerFlags?: number;
}

const FUNCTION_CHECKS: Checks<BlockFunctions> = { construct: requireFunction, destruct: requireFunction };

/** The checks of {@link CacheOptions}; those of numbers and of the name are the cache table's. */
export const CACHE_CHECKS: Checks<CacheOptions> = {
  ...FUNCTION_CHECKS,
  name: anyValue,
  sizeBytes: anyValue,
  alignmentBytes: anyValue,
  colourBytes: anyValue,
  dma: requireBoolean,
  keepsSlabs: requireBoolean,
  ownerFlags: anyValue,
};

const FUNCTION_FLAGS: number = CacheFlag.HAS_CONSTRUCTOR | CacheFlag.HAS_DESTRUCTOR;

interface FlagOptions extends BlockFunctions {
  readonly dma?: boolean | undefined;
  readonly keepsSlabs?: boolean | undefined;
}

function flagsOf(options: FlagOptions): number {
  const { construct, destruct, dma = false, keepsSlabs = false } = options;
  const construction = construct === undefined ? 0 : CacheFlag.HAS_CONSTRUCTOR;
  const destruction = destruct === undefined ? 0 : CacheFlag.HAS_DESTRUCTOR;
  return construction | destruction | (dma ? CacheFlag.IS_DMA : 0) | (keepsSlabs ? CacheFlag.KEEPS_SLABS : 0);
}

/** Throws BAD_ARGUMENT for what is no context: caches are made and opened by functions of heaps. */
export function requireContext<Context extends CacheContext>(context: Context): Context {
  if (reading("context", context, () => context.slotCaches instanceof SlotCaches)) return context;
  throw badArgument("context", "a heap's: caches are made by createCache and opened by openCache", context);
}

/** Throws BAD_ARGUMENT for what is no number of slabs; Infinity is all. */
export function requireSlabLimit(slabLimit: number): void {
  if (slabLimit !== Number.POSITIVE_INFINITY) requireWhole("slabLimit", slabLimit, 0, Number.MAX_SAFE_INTEGER);
}

/** The name of a cache that is to be opened, verified, and the functions for it, read once. Throws BAD_ARGUMENT. */
export function readFunctions(name: string, functions: BlockFunctions): BlockFunctions {
  requireText("name", name);
  return readOptions("functions", functions, FUNCTION_CHECKS);
}

/**
 * A cache of objects of one size, from slabs of its own. From Linux's `kmem_cache_create` and its family. Any thread
 * opens it with `heap.openCache` and works on it through its own slot; a cache is destroyed by one of them when the
 * others have stopped using it.
 */
export class Cache {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #layers: Layers;
  readonly #kmalloc: Kmalloc;
  readonly #waits: MemoryWait;
  #kind: number;
  /** Of the cache as it was opened: the kind may be another cache's when another thread has destroyed it. */
  readonly #serial: number;
  readonly #slotCaches: SlotCaches;
  #isDestroyed = false;

  /** @internal */
  protected constructor(context: CacheContext, kind: number) {
    const { layers, kmalloc, waits, slotCaches } = requireContext(context);
    this.#layers = layers;
    this.#kmalloc = kmalloc;
    this.#waits = waits;
    this.#slotCaches = slotCaches;
    this.#kind = kind;
    this.#serial = layers.caches.get(kind, CacheRecord.SERIAL);
    this.name = layers.caches.name(kind);
    this.sizeBytes = layers.caches.get(kind, CacheRecord.OBJECT_BYTES);
  }

  /**
   * Makes a cache; `heap.createCache` is the way in.
   *
   * @internal
   */
  static create(context: CacheContext, options: CacheOptions): Cache {
    return new Cache(context, Cache.make(context, readOptions("options", options, CACHE_CHECKS)));
  }

  /**
   * Makes the record of a cache; returns its kind.
   *
   * @internal
   */
  protected static make(context: CacheContext, options: CacheOptions): number {
    const { layers } = requireContext(context);
    // Each option is read once, and before there is a cache or a lock: a getter may throw, or answer otherwise later.
    const { name, sizeBytes, alignmentBytes = GRANULE, colourBytes = 0, ownerFlags = 0 } = options;
    const { construct, destruct, dma, keepsSlabs } = options;
    const flags = flagsOf({ construct, destruct, dma, keepsSlabs });
    const shape = { name, objectBytes: sizeBytes, alignBytes: alignmentBytes, colourBytes, ownerFlags, flags };
    const kind = underTableLock(layers, () => layers.caches.create(shape));
    layers.slabs.functions.register(kind, { construct, destruct });
    return kind;
  }

  /**
   * Opens a cache that there is; `heap.openCache` is the way in.
   *
   * @internal
   */
  static open(context: CacheContext, name: string, functions: BlockFunctions): Cache {
    return new Cache(context, Cache.find(context, name, readFunctions(name, functions)));
  }

  /**
   * The kind of a cache that there is, once its functions are named.
   *
   * @internal
   */
  protected static find(context: CacheContext, name: string, { construct, destruct }: BlockFunctions): number {
    const { layers } = requireContext(context);
    const functions = { construct, destruct };
    const kind = layers.caches.find(name);
    if (kind === undefined || kind < FrameKind.FIRST_CACHE + CLASS_COUNT) {
      throw new KmemError("BAD_ARGUMENT", `there is no cache named "${name}"`, { name });
    }
    const given = flagsOf(functions);
    const wanted = layers.caches.get(kind, CacheRecord.FLAGS) & FUNCTION_FLAGS;
    if (given !== 0 && given !== wanted) {
      throw new KmemError("BAD_ARGUMENT", `the cache "${name}" was made with other functions than these`, { name });
    }
    if (given !== 0) layers.slabs.functions.register(kind, functions);
    return kind;
  }

  /** Whether objects are in the state that a constructor, or whoever freed them, left them in. */
  get hasConstructor(): boolean {
    return this.#layers.caches.hasFlag(this.#kind, CacheFlag.HAS_CONSTRUCTOR);
  }

  /** An object's address. Throws {@link OutOfMemoryError}. O(1) as a rule. */
  alloc(): number {
    const address = this.#slotCaches.path.take(this.#kind);
    if (address !== 0) return address;
    const slow = this.#slowTake(false);
    if (slow !== 0) return slow;
    throw outOfMemory(this.#layers.pages, this.sizeBytes);
  }

  /**
   * As {@link alloc}, and where there is no memory waits until another thread frees some, as `heap.allocWait` does.
   * Throws {@link OutOfMemoryError} at the timeout, and at once where no other thread is attached; the signal's reason;
   * MUST_NOT_BLOCK where the thread may not sleep.
   */
  allocWait(options: WaitOptions = {}): number {
    const attempt = (): number => this.#slotCaches.path.take(this.#kind) || this.#slowTake(false);
    this.#requireAlive();
    const address = this.#waits.wait(attempt, options, this.#kmalloc.mayEverServeKind(this.#kind));
    if (address !== 0) return address;
    throw outOfMemory(this.#layers.pages, this.sizeBytes);
  }

  /** As {@link alloc}, but returns 0 when there is no memory, and may use the reserve. */
  tryAlloc(): number {
    const address = this.#slotCaches.path.take(this.#kind);
    return address !== 0 ? address : this.#slowTake(true);
  }

  /** Frees a live object of this cache; 0 does nothing. Throws as `heap.free` does, and for other caches' objects. */
  free(address: number): void {
    if (!this.#slotCaches.path.put(address, this.#kind)) this.#slowPut(address);
  }

  /** Counts of slabs and objects; exact as long as no other thread uses the cache. */
  stats(): CacheStats {
    this.#requireAlive();
    const { caches, sync } = this.#layers;
    const lock = caches.record(this.#kind) + CacheRecord.LOCK;
    // Any thread that trims releases slabs: between two of its stores their blocks would seem to live.
    sync.locks.acquire(lock);
    const stats = cacheStats(this.#layers, this.#kind, allSheaves(this.#layers).values());
    sync.locks.release(lock);
    return stats;
  }

  /**
   * Releases the empty slabs, all or `slabLimit` of them; returns the pages given back. Throws NO_CONSTRUCTOR where
   * this thread has not named the cache's functions; what a destructor throws, when all have run. In the midst of the
   * cache's own functions it releases nothing.
   */
  shrink(slabLimit: number = Number.POSITIVE_INFINITY): number {
    requireSlabLimit(slabLimit);
    this.#requireAlive();
    const { pages, sheaves, slabs } = this.#layers;
    slabs.functions.require(this.#kind);
    const before = pages.freeBytes;
    sheaves.drain(this.#kind);
    slabs.releaseEmpty(this.#kind, slabLimit);
    return (pages.freeBytes - before) / PAGE_SIZE;
  }

  /**
   * Ends the cache. Throws CACHE_BUSY, with nothing changed, while objects of it are live, and in the midst of its own
   * constructor or destructor. What a destructor throws is thrown when all have run and the cache is no more. O(pages).
   */
  destroy(): void {
    this.#requireAlive();
    const { caches, slabs } = this.#layers;
    slabs.functions.require(this.#kind);
    slabs.functions.requireIdle(this.#kind);
    const { liveBlocks } = this.stats();
    if (liveBlocks > 0) throw this.#busy(liveBlocks);
    const errors = new FirstError();
    errors.run(() => this.shrink());
    this.#drainOtherSlots();
    errors.run(() => this.shrink());
    if (caches.get(this.#kind, CacheRecord.SLABS) > 0) {
      errors.rethrow();
      // An object that came to life in between.
      throw this.#busy(this.stats().liveBlocks);
    }
    this.#end();
    errors.rethrow();
  }

  /** As {@link destroy}, once: for `using cache = …`, and a finally block. */
  dispose(): void {
    if (!this.#isDestroyed) this.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #end(): void {
    const { caches, slabs, sync } = this.#layers;
    this.#closeSheaves();
    slabs.functions.forget(this.#kind);
    underTableLock(this.#layers, () => {
      const lock = caches.record(this.#kind) + CacheRecord.LOCK;
      sync.locks.acquire(lock);
      caches.destroy(this.#kind);
      sync.locks.release(lock);
    });
    this.#isDestroyed = true;
    // The kind may soon be another cache's; of this one there are neither sheaves nor blocks.
    this.#kind = FrameKind.ABSENT;
  }

  #busy(liveBlocks: number): KmemError {
    const text = `cannot destroy the cache "${this.name}": ${liveBlocks} objects are live`;
    return new KmemError("CACHE_BUSY", text, { name: this.name, liveBlocks });
  }

  /** What lies in the sheaves of other slots goes back to the slabs: none of their threads uses the cache any more. */
  #drainOtherSlots(): void {
    const { slots, slot } = this.#layers;
    for (const other of slots.withAreas()) if (other !== slot) sheavesOf(this.#layers, other).drain(this.#kind);
  }

  #closeSheaves(): void {
    const { slots } = this.#layers;
    underSheavesLock(this.#layers, () => {
      for (const slot of slots.withAreas()) sheavesOf(this.#layers, slot).forget(this.#kind);
    });
  }

  #slowTake(fromReserve: boolean): number {
    this.#requireAlive();
    this.#slotCaches.rebindGrown();
    const { caches, slabs, sheaves } = this.#layers;
    const needsSlab = caches.get(this.#kind, CacheRecord.HEAD) === NO_FRAME && sheaves.count(this.#kind) === 0;
    if (needsSlab) slabs.functions.require(this.#kind);
    for (;;) {
      const got = this.#kmalloc.refill(this.#kind, fromReserve);
      if (got !== REFILLED) return got;
      this.#slotCaches.rebindGrown();
      const address = this.#slotCaches.path.take(this.#kind);
      // Another thread may close the sheaf at any instant; then it is filled again.
      if (address !== 0) return address;
    }
  }

  #slowPut(address: number): void {
    if (address === 0) return;
    this.#requireAlive();
    this.#slotCaches.rebindGrown();
    const { block } = describeAddress(this.#layers, address);
    if (block !== undefined && block.address === address && block.live) {
      if (this.#layers.pages.frames.kind(address >>> PAGE_SHIFT) !== this.#kind) {
        const text = `cannot free ${hex(address)}: it belongs to ${block.cache}, not to the cache "${this.name}"`;
        throw new KmemError("INVALID_FREE", text, { address, block });
      }
      while (this.#kmalloc.free(address) === "retry") {
        this.#slotCaches.rebindGrown();
        if (this.#slotCaches.path.put(address, this.#kind)) return;
      }
      return;
    }
    throw badFree(this.#layers, address);
  }

  #requireAlive(): void {
    this.#layers.memory.refresh();
    requireHeld(this.#layers.memory, this.#layers.sync);
    if (!this.#isDestroyed && this.#layers.caches.get(this.#kind, CacheRecord.SERIAL) === this.#serial) return;
    throw new KmemError("BAD_ARGUMENT", `the cache "${this.name}" was destroyed`, {});
  }
}
