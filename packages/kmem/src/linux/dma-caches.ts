import { PAGE_SIZE } from "../memory/layout.ts";
import { type Kernel, type KernelCache, NULL, orNull, usesReserve } from "./kernel.ts";
import { KMALLOC_PAGES, L1_CACHE_BYTES } from "./layout.ts";

/**
 * kmalloc's blocks of the DMA zone: caches of the powers of two from 32 bytes to 32 pages, made when they are first
 * needed. Linux's size-32(DMA) to size-131072(DMA).
 */
export class DmaCaches {
  readonly #kernel: Kernel;
  readonly #caches = new Map<string, KernelCache>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** A block for `bytes`, or NULL. */
  alloc(bytes: number, gfp: number): number {
    let size: number = L1_CACHE_BYTES;
    while (size < bytes && size < KMALLOC_PAGES * PAGE_SIZE) size *= 2;
    const cache = this.#cache(size);
    if (cache === undefined) return NULL;
    return usesReserve(gfp) ? cache.tryAlloc() : orNull(() => cache.alloc());
  }

  /** The cache of that size; undefined when there are too many others to make it. */
  #cache(size: number): KernelCache | undefined {
    const name = `size-${size}(DMA)`;
    const known = this.#caches.get(name);
    if (known !== undefined) return known;
    const { heap, caches } = this.#kernel;
    const exists = caches.find(name) !== undefined;
    if (!exists && !caches.hasRoom()) return undefined;
    const cache = exists
      ? heap.openCache(name, {})
      : heap.createCache({
          name,
          sizeBytes: size,
          alignmentBytes: L1_CACHE_BYTES,
          dma: true,
          keepsSlabs: true,
          ownerFlags: 0,
        });
    this.#caches.set(name, cache);
    return cache;
  }
}
