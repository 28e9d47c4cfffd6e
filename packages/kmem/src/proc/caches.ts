import type { CacheStats } from "../kmalloc/stats.ts";
import { word } from "./format.ts";

/** One slab cache as /proc/slabinfo 2.1 has it, and slabtop reads it. */
export interface CacheRow {
  readonly name: string;
  readonly activeObjects: number;
  readonly objects: number;
  readonly objectBytes: number;
  readonly objectsPerSlab: number;
  readonly pagesPerSlab: number;
  readonly activeSlabs: number;
  readonly slabs: number;
}

/**
 * The rows of caches in the order of Linux's list, the newest first. What a cache counts is what SLUB counts: objects
 * that wait in a thread's sheaf are active, as those on a processor are, and so is every slab. The size of an object is
 * what it takes up in its slab.
 */
export function cacheRows(caches: readonly CacheStats[]): CacheRow[] {
  return caches.map(rowOf).reverse();
}

function rowOf(cache: CacheStats): CacheRow {
  const objects = cache.slabs * cache.slabBlocks;
  return {
    name: word(cache.name),
    activeObjects: objects - cache.freeBlocks,
    objects,
    objectBytes: cache.blockBytes,
    objectsPerSlab: cache.slabBlocks,
    pagesPerSlab: cache.slabPages,
    activeSlabs: cache.slabs,
    slabs: cache.slabs,
  };
}
