import { type Geometry, headerWord } from "../memory/header.ts";
import { GRANULE_MASK, GRANULE_SHIFT, Header, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind, ZONE_COUNT, ZONE_RECORD_WORDS, ZoneRecord } from "../pages/layout.ts";
import { classTables } from "../slab/class-tables.ts";
import { CACHE_RECORD_WORDS, CacheRecord } from "../slab/layout.ts";
import { MAX_CLASS_BYTES } from "../slab/size-classes.ts";

/**
 * How a node stands before it is asked: whether it can serve without going below its low watermark. It reads words that
 * other threads write, without their locks: the answer says whom to ask first, and the heap itself decides.
 */
export class Supply {
  readonly #memory: LinearMemory;
  readonly #geometry: Geometry;
  readonly #kindBySize: Uint8Array<ArrayBuffer> = classTables().kindBySize;

  constructor(memory: LinearMemory, geometry: Geometry) {
    this.#memory = memory;
    this.#geometry = geometry;
  }

  /** Whether `sizeBytes` can be had from free blocks, by growth, or with a zone keeping its low watermark. O(1). */
  isAmple(sizeBytes: number): boolean {
    this.#memory.refresh();
    const pageCount = this.#pagesFor(sizeBytes);
    if (pageCount === 0 || this.#canGrow()) return true;
    for (let zone = 0; zone < ZONE_COUNT; zone++) {
      const left = this.#zone(zone, ZoneRecord.FREE_FRAMES) - pageCount;
      if (left >= 0 && left >= this.#zone(zone, ZoneRecord.LOW)) return true;
    }
    return false;
  }

  /** Pages that a request takes from its zone: those of a slab, none while barn or slabs of its class have blocks. */
  #pagesFor(sizeBytes: number): number {
    if (sizeBytes > MAX_CLASS_BYTES) return Math.ceil(sizeBytes / PAGE_SIZE);
    const index = this.#kindBySize[(sizeBytes + GRANULE_MASK) >>> GRANULE_SHIFT] - FrameKind.FIRST_CACHE;
    if (this.#cache(index, CacheRecord.FREE_BLOCKS) > 0) return 0;
    const barn = this.#cache(index, CacheRecord.BARN);
    // A barn begins with the count of its entries.
    if (barn !== 0 && this.#memory.words[barn] > 0) return 0;
    return this.#cache(index, CacheRecord.SLAB_PAGES);
  }

  #canGrow(): boolean {
    const endFrame = this.#memory.words[headerWord(this.#geometry, Header.END_FRAME)] >>> 0;
    const { limitFrame } = this.#geometry;
    return endFrame < limitFrame && this.#memory.bytes.length < limitFrame * PAGE_SIZE;
  }

  #zone(zone: number, field: number): number {
    const { zoneTable } = this.#geometry;
    return this.#memory.words[(zoneTable >>> WORD_SHIFT) + zone * ZONE_RECORD_WORDS + field];
  }

  /** A word of a size class's cache; the first cache is that of the first class. */
  #cache(index: number, field: number): number {
    const { cacheTable } = this.#geometry;
    return this.#memory.words[(cacheTable >>> WORD_SHIFT) + index * CACHE_RECORD_WORDS + field];
  }
}
