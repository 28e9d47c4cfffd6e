import type { Geometry } from "../memory/header.ts";
import { GRANULE_SHIFT, PAGE_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FRAME_RECORD_SHIFT, FrameRecord, NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator, PageRequest } from "../pages/page-allocator.ts";
import type { CacheTable } from "./cache-table.ts";
import {
  CacheRecord,
  EMPTY_SLABS_KEPT,
  EMPTY_SLABS_SHARE_SHIFT,
  SLAB_CURSOR_SHIFT,
  SLAB_FREE_MASK,
  Tag,
} from "./layout.ts";

/** Constants of the loops below once more, as constants of this module: see fast-path.ts. */
const none = Tag.NONE;
const inSlab = Tag.IN_SLAB;
const pageShift = PAGE_SHIFT;
const granuleShift = GRANULE_SHIFT;
const recordShift = FRAME_RECORD_SHIFT;
const headField = FrameRecord.HEAD;
const freeMask = SLAB_FREE_MASK;
const cursorShift = SLAB_CURSOR_SHIFT;

/**
 * Slabs: runs of pages cut into blocks of one size. A slab's free blocks are those tagged IN_SLAB; no list runs
 * through the blocks themselves, so a late write into a freed block cannot corrupt anything. Blocks leave and enter
 * by the sheaf. Documents: Bonwick's slab allocator, Linux's `mm/slab.c`.
 */
export class Slabs {
  readonly #memory: LinearMemory;
  readonly #pages: PageAllocator;
  readonly #caches: CacheTable;
  readonly #base: number;
  readonly #tagTable: number;

  constructor(memory: LinearMemory, geometry: Geometry, pages: PageAllocator, caches: CacheTable) {
    this.#memory = memory;
    this.#pages = pages;
    this.#caches = caches;
    this.#base = geometry.baseFrame << pageShift;
    this.#tagTable = geometry.tagTable;
  }

  /**
   * Moves up to `wanted` free blocks of a cache into `words` from `firstWord` on and returns how many. Makes one slab
   * when none has a free block, and then takes from that one alone. O(blocks looked at).
   */
  take(kind: number, firstWord: number, wanted: number, request: PageRequest): number {
    const cache = this.#caches.record(kind);
    let taken = 0;
    while (taken < wanted) {
      const slab = this.#memory.words[cache + CacheRecord.HEAD];
      if (slab === NO_FRAME) break;
      taken += this.#takeFrom(slab, cache, firstWord + taken, wanted - taken);
    }
    if (taken > 0) return taken;
    const slab = this.#create(kind, cache, request);
    return slab === NO_FRAME ? 0 : this.#takeFrom(slab, cache, firstWord, wanted);
  }

  /** Moves free blocks out of one slab, in address order from its cursor. */
  #takeFrom(slab: number, cache: number, firstWord: number, wanted: number): number {
    const { words, bytes } = this.#memory;
    const base = this.#base;
    const tagTable = this.#tagTable;
    const recordWord = this.#pages.frames.record(slab) + FrameRecord.COUNT;
    const free = words[recordWord] & freeMask;
    const firstTag = this.#tagOf(slab << pageShift);
    const stride = words[cache + CacheRecord.BLOCK_BYTES] >>> granuleShift;
    const endWord = firstWord + Math.min(free, wanted);
    const endTag = firstTag + (words[cache + CacheRecord.SLAB_PAGES] << (pageShift - granuleShift));
    let tag = firstTag + (words[recordWord] >>> cursorShift);
    let word = firstWord;
    // The end of the slab is never reached but where a count is damaged.
    for (; word < endWord && tag < endTag; tag += stride) {
      if (bytes[tag] !== inSlab) continue;
      bytes[tag] = none;
      words[word++] = base + ((tag - tagTable) << granuleShift);
    }
    const count = word - firstWord;
    if (free === words[cache + CacheRecord.SLAB_BLOCKS]) words[cache + CacheRecord.EMPTY_SLABS]--;
    const left = word === endWord ? free - count : 0;
    words[recordWord] = left | ((tag - firstTag) << cursorShift);
    words[cache + CacheRecord.FREE_BLOCKS] -= count;
    if (left === 0) this.#unlink(slab, cache);
    return count;
  }

  /**
   * Returns `count` blocks of a cache, listed in `words` from `firstWord` on, to their slabs. Neighbours in the list
   * are mostly neighbours in a slab too, so its count is written once for as many of them as follow each other. Slabs
   * that become empty are released, but for some that a cache keeps. O(count).
   */
  put(kind: number, firstWord: number, count: number): void {
    const { words, bytes } = this.#memory;
    const { recordBias } = this.#pages.frames;
    const cache = this.#caches.record(kind);
    const tagBias = this.#tagTable - (this.#base >>> granuleShift);
    const slabBytes = words[cache + CacheRecord.SLAB_PAGES] << pageShift;
    const end = firstWord + count;
    let word = firstWord;
    while (word < end) {
      const frame = words[word] >>> pageShift;
      const slab = words[recordBias + (frame << recordShift) + headField];
      const start = slab << pageShift;
      const firstTag = tagBias + (start >>> granuleShift);
      const first = word;
      let lowest = freeMask;
      do {
        const granule = (words[word] - start) >>> granuleShift;
        bytes[firstTag + granule] = inSlab;
        if (granule < lowest) lowest = granule;
        word++;
      } while (word < end && (words[word] - start) >>> 0 < slabBytes);
      this.#gained(slab, cache, word - first, lowest);
    }
  }

  /** Releases every empty slab of a cache; returns the pages given back. */
  releaseEmpty(kind: number): number {
    const { words } = this.#memory;
    const cache = this.#caches.record(kind);
    const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
    let pages = 0;
    let slab = words[cache + CacheRecord.HEAD];
    while (slab !== NO_FRAME && words[cache + CacheRecord.EMPTY_SLABS] > 0) {
      const record = this.#pages.frames.record(slab);
      const next = words[record + FrameRecord.NEXT];
      if ((words[record + FrameRecord.COUNT] & freeMask) === slabBlocks) {
        this.#release(slab, cache);
        pages += words[cache + CacheRecord.SLAB_PAGES];
      }
      slab = next;
    }
    return pages;
  }

  #create(kind: number, cache: number, request: PageRequest): number {
    const slabPages = this.#memory.words[cache + CacheRecord.SLAB_PAGES];
    const slab = this.#pages.allocate(slabPages, RunKind.SYSTEM, request);
    if (slab === NO_FRAME) return NO_FRAME;
    const { words } = this.#memory;
    const { frames } = this.#pages;
    const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
    this.#tagAll(slab, cache, inSlab);
    for (let frame = slab; frame < slab + slabPages; frame++) words[frames.record(frame) + headField] = slab;
    words[frames.record(slab) + FrameRecord.COUNT] = slabBlocks;
    frames.fillKind(slab, slabPages, kind);
    words[cache + CacheRecord.SLABS]++;
    words[cache + CacheRecord.FREE_BLOCKS] += slabBlocks;
    words[cache + CacheRecord.EMPTY_SLABS]++;
    this.#link(slab, cache);
    return slab;
  }

  /** Index into `bytes` of the tag of an address. */
  #tagOf(address: number): number {
    return this.#tagTable + ((address - this.#base) >>> granuleShift);
  }

  /** Gives every block of a slab the same tag. */
  #tagAll(slab: number, cache: number, value: number): void {
    const { words, bytes } = this.#memory;
    const stride = words[cache + CacheRecord.BLOCK_BYTES] >>> granuleShift;
    const first = this.#tagOf(slab << pageShift);
    const end = first + words[cache + CacheRecord.SLAB_BLOCKS] * stride;
    for (let tag = first; tag < end; tag += stride) bytes[tag] = value;
  }

  /** Counts blocks that came back to a slab, the lowest of them at granule `lowest` of the slab. */
  #gained(slab: number, cache: number, count: number, lowest: number): void {
    const { words } = this.#memory;
    const recordWord = this.#pages.frames.record(slab) + FrameRecord.COUNT;
    const before = words[recordWord] & freeMask;
    const cursor = Math.min(words[recordWord] >>> cursorShift, lowest);
    words[recordWord] = (before + count) | (cursor << cursorShift);
    words[cache + CacheRecord.FREE_BLOCKS] += count;
    if (before === 0) this.#link(slab, cache);
    if (before + count < words[cache + CacheRecord.SLAB_BLOCKS]) return;
    const emptySlabs = ++words[cache + CacheRecord.EMPTY_SLABS];
    const kept = EMPTY_SLABS_KEPT + (words[cache + CacheRecord.SLABS] >> EMPTY_SLABS_SHARE_SHIFT);
    if (emptySlabs > kept) this.#release(slab, cache);
  }

  #release(slab: number, cache: number): void {
    const { words } = this.#memory;
    const slabPages = words[cache + CacheRecord.SLAB_PAGES];
    const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
    this.#unlink(slab, cache);
    words[cache + CacheRecord.SLABS]--;
    words[cache + CacheRecord.EMPTY_SLABS]--;
    words[cache + CacheRecord.FREE_BLOCKS] -= slabBlocks;
    this.#tagAll(slab, cache, none);
    this.#pages.frames.setRun(slab, slabPages, RunKind.SYSTEM);
    this.#pages.frames.setCount(slab, slabPages);
    this.#pages.free(slab, slabPages, RunKind.SYSTEM);
  }

  /** Adds a slab at the end of its cache's list: the oldest is used first, so that the others have time to empty. */
  #link(slab: number, cache: number): void {
    const { words } = this.#memory;
    const { frames } = this.#pages;
    const tail = words[cache + CacheRecord.TAIL];
    const record = frames.record(slab);
    words[record + FrameRecord.NEXT] = NO_FRAME;
    words[record + FrameRecord.PREV] = tail;
    if (tail === NO_FRAME) words[cache + CacheRecord.HEAD] = slab;
    else words[frames.record(tail) + FrameRecord.NEXT] = slab;
    words[cache + CacheRecord.TAIL] = slab;
  }

  #unlink(slab: number, cache: number): void {
    const { words } = this.#memory;
    const { frames } = this.#pages;
    const record = frames.record(slab);
    const next = words[record + FrameRecord.NEXT];
    const previous = words[record + FrameRecord.PREV];
    if (previous === NO_FRAME) words[cache + CacheRecord.HEAD] = next;
    else words[frames.record(previous) + FrameRecord.NEXT] = next;
    if (next === NO_FRAME) words[cache + CacheRecord.TAIL] = previous;
    else words[frames.record(next) + FrameRecord.PREV] = previous;
  }
}
