import type { Cache } from "../../heap/cache.ts";
import { KmemError } from "../../memory/errors.ts";
import { CacheRecord } from "../../slab/layout.ts";
import type { Kernel } from "./kernel.ts";

/** Serial number of no cache: what the record of one that was destroyed says. */
const NO_SERIAL = 0;

interface OpenCache {
  readonly cache: Cache;
  readonly serial: number;
}

/**
 * The caches that a binding has opened, by their kinds. Any thread destroys a cache, and then its kind may be another
 * one's: the serial number tells.
 */
export class OpenCaches {
  readonly #kernel: Kernel;
  readonly #open = new Map<number, OpenCache>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** The cache of a kind, undefined where there is none now. O(1). */
  get(kind: number): Cache | undefined {
    const serial = this.#serial(kind);
    const known = this.#open.get(kind);
    if (known !== undefined && known.serial === serial) return known.cache;
    this.#open.delete(kind);
    return serial === NO_SERIAL ? undefined : this.#openAnew(kind);
  }

  /** Notes a cache that was just made or opened with its functions. */
  remember(kind: number, cache: Cache): void {
    this.#open.set(kind, { cache, serial: this.#serial(kind) });
  }

  #openAnew(kind: number): Cache | undefined {
    const { heap, caches } = this.#kernel;
    try {
      const cache = heap.openCache(caches.name(kind), {});
      this.remember(kind, cache);
      return cache;
    } catch (error) {
      // Another thread has destroyed it in this very moment.
      if (error instanceof KmemError && error.code === "BAD_ARGUMENT") return undefined;
      throw error;
    }
  }

  #serial(kind: number): number {
    const { caches } = this.#kernel;
    return caches.isUsed(kind) ? caches.get(kind, CacheRecord.SERIAL) : NO_SERIAL;
  }
}
