import { badFree, describeAddress } from "../kmalloc/describe.ts";
import { type KmallocSlowPath, REFILLED } from "../kmalloc/kmalloc.ts";
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
import { GRANULE, PAGE_SHIFT } from "../memory/layout.ts";
import { FrameKind, NO_FRAME } from "../pages/layout.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import type { BlockFunctions } from "../slab/block-functions.ts";
import { CacheFlag, CacheRecord } from "../slab/layout.ts";
import { CLASS_COUNT } from "../slab/size-classes.ts";
import { SlotCaches } from "../slab/slot-caches.ts";
import { requireHeld } from "../sync/slot-sync.ts";
import type { Attachment } from "./attachment.ts";

/** What a cache depends on: the thread's layers, its slow path, and its waits for memory. */
export interface CacheContext extends Pick<Attachment, "layers" | "kmalloc" | "waits"> {
  readonly slotCaches: SlotCaches;
}

/** Properties of a new cache. */
export interface CacheOptions {
  /** 1 to 32 printable ASCII characters; unique within the heap. */
  readonly name: string;
  /** Bytes of an object: 1 to 131,072. */
  readonly sizeBytes: number;
  /** A power of two up to a page. Default 16. */
  readonly alignmentBytes?: number;
  /**
   * Constructor: runs once for each object when its slab is made; free objects keep that state. If it throws, the
   * allocation fails with nothing changed, after `destruct` has run for the slab's objects constructed so far. It
   * belongs to this thread: other threads name theirs with `heap.openCache`.
   */
  readonly construct?: ((address: number) => void) | undefined;
  /**
   * Destructor: runs once for each object before its slab is released, by shrink, trim or destroy, and while memory is
   * short by any call. If it throws, it still runs for the other objects, and the call throws the first error at its
   * end, when its own work is done: a free has freed its object by then.
   */
  readonly destruct?: ((address: number) => void) | undefined;
  /**
   * Each slab starts its objects this many bytes after the previous slab's, while room is left. Default 0: all alike.
   */
  readonly colourBytes?: number;
  /** Whether objects come from the DMA zone. */
  readonly dma?: boolean;
  /** Whether empty slabs stay until they are released explicitly, as in a cache with a destructor. */
  readonly keepsSlabs?: boolean;
  /** A number up to 2^23 - 1 that the cache stores for its creator. */
  readonly ownerFlags?: number;
}

const FUNCTION_CHECKS: Checks<BlockFunctions> = { construct: requireFunction, destruct: requireFunction };

/** The checks of {@link CacheOptions}; the cache table checks the numbers and the name. */
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

/** Throws BAD_ARGUMENT unless it is a context: only functions of heaps make and open caches. */
export function requireContext<Context extends CacheContext>(context: Context): Context {
  if (reading("context", context, () => context.slotCaches instanceof SlotCaches)) return context;
  throw badArgument("context", "a heap's: caches are made by createCache and opened by openCache", context);
}

/** Throws BAD_ARGUMENT unless it is a number of slabs; Infinity means all. */
export function requireSlabLimit(slabLimit: number): void {
  if (slabLimit !== Number.POSITIVE_INFINITY) requireWhole("slabLimit", slabLimit, 0, Number.MAX_SAFE_INTEGER);
}

/** The verified name of a cache to open, and its constructor and destructor, each read once. Throws BAD_ARGUMENT. */
export function readFunctions(name: string, functions: BlockFunctions): BlockFunctions {
  requireText("name", name);
  return readOptions("functions", functions, FUNCTION_CHECKS);
}

/**
 * A cache of objects of one size, with its own slabs. From Linux's `kmem_cache_create` and its family. Any thread opens
 * it with `heap.openCache` and uses it through its own slot; one thread destroys it after the others have stopped using
 * it.
 */
export class Cache {
  /** The name that it was created with, which no other cache of the heap has. */
  readonly name: string;
  /** Bytes of an object, as they were asked for. */
  readonly sizeBytes: number;
  readonly #layers: Layers;
  readonly #kmalloc: KmallocSlowPath;
  readonly #waits: MemoryWait;
  #kind: number;
  /** The cache's serial number: if another thread has destroyed the cache, the kind may be another cache's by now. */
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
   * Makes a cache; users call `heap.createCache`.
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
    // Each option is read once, before there is a cache or a lock: a getter may throw, or return another value later.
    const { name, sizeBytes, alignmentBytes = GRANULE, colourBytes = 0, ownerFlags = 0 } = options;
    const { construct, destruct, dma, keepsSlabs } = options;
    const flags = flagsOf({ construct, destruct, dma, keepsSlabs });
    const shape = { name, objectBytes: sizeBytes, alignBytes: alignmentBytes, colourBytes, ownerFlags, flags };
    const kind = underTableLock(layers, () => layers.caches.create(shape));
    layers.slabs.functions.register(kind, { construct, destruct });
    return kind;
  }

  /**
   * Opens an existing cache; users call `heap.openCache`.
   *
   * @internal
   */
  static open(context: CacheContext, name: string, functions: BlockFunctions): Cache {
    return new Cache(context, Cache.find(context, name, readFunctions(name, functions)));
  }

  /**
   * Registers this thread's constructor and destructor for an existing cache; returns its kind.
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

  /** Whether free objects keep their state: that of the constructor, or that in which they were freed. */
  get hasConstructor(): boolean {
    return this.#layers.caches.hasFlag(this.#kind, CacheFlag.HAS_CONSTRUCTOR);
  }

  /** Allocates an object; returns its address. Throws {@link OutOfMemoryError} as `heap.alloc` does. O(1) as a rule. */
  alloc(): number {
    const address = this.#slotCaches.path.take(this.#kind);
    if (address !== 0) return address;
    const slow = this.#slowTake(false);
    if (slow !== 0) return slow;
    throw outOfMemory(this.#layers.pages, this.sizeBytes);
  }

  /**
   * As {@link alloc}, but if there is no memory waits until another thread frees some, as `heap.allocWait` does. Throws
   * {@link OutOfMemoryError} at the timeout, and at once if no other thread is attached; the signal's reason;
   * MUST_NOT_BLOCK on a thread that must not block.
   */
  allocWait(options: WaitOptions = {}): number {
    const attempt = (): number => this.#slotCaches.path.take(this.#kind) || this.#slowTake(false);
    this.#requireAlive();
    const address = this.#waits.wait(attempt, options, this.#kmalloc.isKindSatisfiable(this.#kind));
    if (address !== 0) return address;
    throw outOfMemory(this.#layers.pages, this.sizeBytes);
  }

  /** As {@link alloc}, but returns 0 if there is no memory, and may use the reserve. */
  tryAlloc(): number {
    const address = this.#slotCaches.path.take(this.#kind);
    return address !== 0 ? address : this.#slowTake(true);
  }

  /** Frees a live object of this cache; 0 does nothing. Throws as `heap.free` does, and for objects of other caches. */
  free(address: number): void {
    if (!this.#slotCaches.path.put(address, this.#kind)) this.#slowPut(address);
  }

  /** Counts of slabs and objects; exact as long as no other thread uses the cache. */
  stats(): CacheStats {
    this.#requireAlive();
    const { caches, sync } = this.#layers;
    const lock = caches.record(this.#kind) + CacheRecord.LOCK;
    // Any thread's trim may release slabs: between two of its stores the slabs' blocks would count as live.
    sync.locks.acquire(lock);
    const stats = cacheStats(this.#layers, this.#kind, allSheaves(this.#layers).values());
    sync.locks.release(lock);
    return stats;
  }

  /**
   * Releases the empty slabs, all or `slabLimit` of them; returns the pages freed. Throws NO_CONSTRUCTOR if this thread
   * has not named the cache's constructor and destructor, and the destructor's first error once all have run. Releases
   * nothing when called from the cache's own constructor or destructor.
   */
  shrink(slabLimit: number = Number.POSITIVE_INFINITY): number {
    requireSlabLimit(slabLimit);
    this.#requireAlive();
    const { sheaves, slabs } = this.#layers;
    slabs.functions.require(this.#kind);
    const before = slabs.releasedPages;
    sheaves.drain(this.#kind);
    slabs.releaseEmpty(this.#kind, slabLimit);
    return slabs.releasedPages - before;
  }

  /**
   * Destroys the cache. Throws CACHE_BUSY, with nothing changed, while objects of it are live, and when called from its
   * own constructor or destructor. Throws the destructor's first error once the cache is destroyed. O(pages).
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
      // An object was allocated in the meantime.
      throw this.#busy(this.stats().liveBlocks);
    }
    this.#end();
    errors.rethrow();
  }

  /** As {@link destroy}, but idempotent: for `using cache = …`, and a finally block. */
  dispose(): void {
    if (!this.#isDestroyed) this.destroy();
  }

  /** As `dispose`, at the end of a `using` block. */
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
    // The kind may soon be another cache's; the destroyed cache has no sheaves and no blocks left.
    this.#kind = FrameKind.ABSENT;
  }

  #busy(liveBlocks: number): KmemError {
    const text = `cannot destroy the cache "${this.name}": ${liveBlocks} objects are live`;
    return new KmemError("CACHE_BUSY", text, { name: this.name, liveBlocks });
  }

  /** Returns the blocks in other slots' sheaves to the slabs: none of their threads uses the cache any more. */
  #drainOtherSlots(): void {
    const { slots, slot } = this.#layers;
    // Their threads may give their private pages back meanwhile.
    underSheavesLock(this.#layers, () => {
      for (const other of slots.withAreas()) if (other !== slot) sheavesOf(this.#layers, other).drain(this.#kind);
    });
  }

  #closeSheaves(): void {
    const { slots } = this.#layers;
    underSheavesLock(this.#layers, () => {
      for (const slot of slots.withAreas()) sheavesOf(this.#layers, slot).removeSheaf(this.#kind);
    });
  }

  #slowTake(fromReserve: boolean): number {
    this.#requireAlive();
    this.#slotCaches.rebindGrown();
    const { caches, slabs, sheaves } = this.#layers;
    const needsSlab = caches.get(this.#kind, CacheRecord.PARTIAL_HEAD) === NO_FRAME && sheaves.count(this.#kind) === 0;
    if (needsSlab) slabs.functions.require(this.#kind);
    for (;;) {
      const got = this.#kmalloc.refill(this.#kind, fromReserve);
      if (got !== REFILLED) return got;
      this.#slotCaches.rebindGrown();
      const address = this.#slotCaches.path.take(this.#kind);
      // Another thread may close the sheaf at any instant; then the loop refills it.
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
