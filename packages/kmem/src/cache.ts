import { badFree, describeAddress } from "./kmalloc/describe.ts";
import type { Kmalloc } from "./kmalloc/kmalloc.ts";
import type { Layers } from "./kmalloc/layers.ts";
import { type CacheStats, cacheStats } from "./kmalloc/stats.ts";
import { hex, KmemError, OutOfMemoryError } from "./memory/errors.ts";
import { GRANULE, PAGE_SHIFT, PAGE_SIZE } from "./memory/layout.ts";
import { FrameKind } from "./pages/layout.ts";
import { CacheRecord } from "./slab/layout.ts";
import type { SlotCaches } from "./slab/slot-caches.ts";

/** What a cache holds. */
export interface CacheOptions {
  /** 1 to 32 printable ASCII characters; no two caches of a heap share one. */
  readonly name: string;
  /** Bytes of an object: 1 to 32,768. */
  readonly sizeBytes: number;
  /** A power of two up to a page. Default 16. */
  readonly alignmentBytes?: number;
}

/**
 * A cache of objects of one size, from slabs of its own. From Linux's `kmem_cache_create` and its family. One thread
 * at a time.
 */
export class Cache {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #layers: Layers;
  readonly #kmalloc: Kmalloc;
  #kind: number;
  readonly #slotCaches: SlotCaches;
  #isDestroyed = false;

  private constructor(layers: Layers, kmalloc: Kmalloc, slotCaches: SlotCaches, kind: number) {
    this.#layers = layers;
    this.#kmalloc = kmalloc;
    this.#slotCaches = slotCaches;
    this.#kind = kind;
    this.name = layers.caches.name(kind);
    this.sizeBytes = layers.caches.get(kind, CacheRecord.OBJECT_BYTES);
  }

  /** Makes a cache; `heap.createCache` is the way in. */
  static create(layers: Layers, kmalloc: Kmalloc, slotCaches: SlotCaches, options: CacheOptions): Cache {
    const { name, sizeBytes, alignmentBytes = GRANULE } = options;
    const kind = layers.caches.create({ name, objectBytes: sizeBytes, alignBytes: alignmentBytes });
    return new Cache(layers, kmalloc, slotCaches, kind);
  }

  /** An object's address. Throws {@link OutOfMemoryError}. O(1) as a rule. */
  alloc(): number {
    const address = this.#slotCaches.path.take(this.#kind);
    if (address !== 0) return address;
    const slow = this.#slowTake(false);
    if (slow !== 0) return slow;
    const { pages } = this.#layers;
    throw new OutOfMemoryError({
      askedBytes: this.sizeBytes,
      freeBytes: pages.freeBytes,
      largestFreeRunBytes: pages.largestFreeRunBytes(),
    });
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

  /** Counts of slabs and objects. */
  stats(): CacheStats {
    this.#requireAlive();
    return cacheStats(this.#layers, this.#kind);
  }

  /** Releases every empty slab; returns the pages given back. */
  shrink(): number {
    this.#requireAlive();
    const { pages, sheaves, slabs } = this.#layers;
    const before = pages.freeBytes;
    sheaves.drain(this.#kind);
    slabs.releaseEmpty(this.#kind);
    return (pages.freeBytes - before) / PAGE_SIZE;
  }

  /** Ends the cache. Throws CACHE_BUSY, with nothing lost, while objects of it are live. */
  destroy(): void {
    this.shrink();
    const { caches, sheaves } = this.#layers;
    if (caches.get(this.#kind, CacheRecord.SLABS) > 0) {
      const { liveBlocks } = cacheStats(this.#layers, this.#kind);
      throw new KmemError("CACHE_BUSY", `cannot destroy the cache "${this.name}": ${liveBlocks} objects are live`, {
        name: this.name,
        liveBlocks,
      });
    }
    sheaves.close(this.#kind);
    caches.destroy(this.#kind);
    this.#isDestroyed = true;
    // The kind may soon be another cache's; of this one there are neither sheaves nor blocks.
    this.#kind = FrameKind.ABSENT;
  }

  #slowTake(fromReserve: boolean): number {
    this.#requireAlive();
    this.#slotCaches.rebindGrown();
    if (!this.#kmalloc.refill(this.#kind, fromReserve)) return 0;
    this.#slotCaches.rebindGrown();
    return this.#slotCaches.path.take(this.#kind);
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
      this.#layers.sheaves.flush(this.#kind);
      if (this.#slotCaches.path.put(address, this.#kind)) return;
    }
    throw badFree(this.#layers, address);
  }

  #requireAlive(): void {
    this.#layers.memory.refresh();
    if (this.#isDestroyed) throw new KmemError("BAD_ARGUMENT", `the cache "${this.name}" was destroyed`, {});
  }
}
