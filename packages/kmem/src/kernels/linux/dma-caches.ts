import type { Cache } from "../../heap/cache.ts";
import { KmemError } from "../../memory/errors.ts";
import { PAGE_SIZE } from "../../memory/layout.ts";
import { takeObject } from "./allocate.ts";
import { type Kernel, NULL } from "./kernel.ts";
import { KMALLOC_PAGES, L1_CACHE_BYTES } from "./layout.ts";
import { OpenCaches } from "./open-caches.ts";

/**
 * kmalloc's blocks of the DMA zone: caches of the powers of two from 32 bytes to 32 pages, made when they are first
 * needed. Linux's size-32(DMA) to size-131072(DMA).
 */
export class DmaCaches {
  readonly #kernel: Kernel;
  readonly #open: OpenCaches;
  readonly #kinds = new Map<number, number>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#open = new OpenCaches(kernel);
  }

  /** A block for `bytes`, or NULL. */
  alloc(bytes: number, gfp: number): number {
    let size: number = L1_CACHE_BYTES;
    while (size < bytes && size < KMALLOC_PAGES * PAGE_SIZE) size *= 2;
    const cache = this.#cache(size);
    return cache === undefined ? NULL : takeObject(this.#kernel, cache, gfp, Math.ceil(size / PAGE_SIZE));
  }

  /** The cache of that size; undefined when there are too many others to make it. */
  #cache(size: number): Cache | undefined {
    const { caches } = this.#kernel;
    const name = `size-${size}(DMA)`;
    const known = this.#kinds.get(size);
    if (known !== undefined && caches.isUsed(known) && caches.name(known) === name) return this.#open.get(known);
    if (caches.find(name) === undefined) this.#create(name, size);
    const kind = caches.find(name);
    if (kind === undefined) return undefined;
    this.#kinds.set(size, kind);
    return this.#open.get(kind);
  }

  #create(name: string, sizeBytes: number): void {
    try {
      const shape = { alignmentBytes: L1_CACHE_BYTES, dma: true, keepsSlabs: true, ownerFlags: 0 };
      this.#kernel.heap.createCache({ name, sizeBytes, ...shape });
    } catch (error) {
      // Another thread has made it in this very moment, or there are too many others.
      const isExpected = error instanceof KmemError && ["CACHE_EXISTS", "TOO_MANY_CACHES"].includes(error.code);
      if (!isExpected) throw error;
    }
  }
}
