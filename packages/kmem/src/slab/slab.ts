import { KmemError } from "../memory/errors.ts";
import type { Geometry } from "../memory/header.ts";
import { GRANULE_SHIFT, PAGE_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FRAME_RECORD_SHIFT, FrameRecord, NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator, PageRequest } from "../pages/page-allocator.ts";
import type { CacheTable } from "./cache-table.ts";
import {
  CacheFlag,
  CacheRecord,
  EMPTY_SLABS_KEPT,
  EMPTY_SLABS_SHARE_SHIFT,
  SLAB_COLOUR_SHIFT,
  SLAB_CURSOR_SHIFT,
  SLAB_FREE_MASK,
  SLAB_HEAD_MASK,
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
const slabMask = SLAB_HEAD_MASK;
/** Destructors must not run in the midst of a free. */
const keepsSlabs: number = CacheFlag.KEEPS_SLABS | CacheFlag.HAS_DESTRUCTOR;

/** What runs for each block of a slab: once when the slab is made, once before it is released. Of one thread. */
export interface BlockFunctions {
  readonly construct?: ((address: number) => void) | undefined;
  readonly destruct?: ((address: number) => void) | undefined;
}

/** Functions, and the name of the cache that they were registered for: its kind may be another cache's by now. */
interface Registered extends BlockFunctions {
  readonly name: string;
}

/**
 * Slabs: runs of pages cut into blocks of one size. A slab's free blocks are those tagged IN_SLAB; no list runs
 * through the blocks themselves, so a late write into a freed block cannot corrupt anything. Blocks leave and enter
 * by the sheaf. The functions of caches are all that lies outside of the buffer. Documents: Bonwick's slab allocator,
 * Linux's `mm/slab.c`.
 */
export class Slabs {
  readonly #memory: LinearMemory;
  readonly #pages: PageAllocator;
  readonly #caches: CacheTable;
  readonly #base: number;
  readonly #tagTable: number;
  readonly #functions = new Map<number, Registered>();

  constructor(memory: LinearMemory, geometry: Geometry, pages: PageAllocator, caches: CacheTable) {
    this.#memory = memory;
    this.#pages = pages;
    this.#caches = caches;
    this.#base = geometry.baseFrame << pageShift;
    this.#tagTable = geometry.tagTable;
  }

  /** Names the functions that this thread runs for the blocks of a cache. */
  register(kind: number, functions: BlockFunctions): void {
    this.#functions.set(kind, { ...functions, name: this.#caches.name(kind) });
  }

  /** Forgets the functions of a cache that is destroyed. */
  forget(kind: number): void {
    this.#functions.delete(kind);
  }

  /** Whether this thread has the functions that the slabs of a cache need. */
  hasFunctions(kind: number): boolean {
    if (!this.#caches.hasFunctions(kind)) return true;
    return this.#functions.get(kind)?.name === this.#caches.name(kind);
  }

  /** Throws NO_CONSTRUCTOR unless this thread has the functions that the slabs of a cache need. */
  requireFunctions(kind: number): void {
    if (this.hasFunctions(kind)) return;
    const name = this.#caches.name(kind);
    throw new KmemError("NO_CONSTRUCTOR", `the cache "${name}" has functions that this thread has not registered`, {
      name,
    });
  }

  /**
   * Sees to it that a cache with a constructor has a slab with free blocks, before anything else is touched: what the
   * constructor does may change every sheaf. False when there is no memory. Throws NO_CONSTRUCTOR, and what the
   * constructor throws.
   */
  prepare(kind: number, request: PageRequest): boolean {
    const cache = this.#caches.record(kind);
    if (this.#memory.words[cache + CacheRecord.HEAD] !== NO_FRAME) return true;
    return this.#create(kind, cache, request) !== NO_FRAME;
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
      const slab = words[recordBias + (frame << recordShift) + headField] & slabMask;
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

  /**
   * Releases empty slabs of a cache, all or `slabLimit` of them; returns the pages given back. Slabs of a cache whose
   * functions this thread does not have stay.
   */
  releaseEmpty(kind: number, slabLimit: number = Number.POSITIVE_INFINITY): number {
    if (this.#caches.hasFunctions(kind)) return this.#releaseOneByOne(kind, slabLimit);
    const { words } = this.#memory;
    const cache = this.#caches.record(kind);
    const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
    const pagesMax = slabLimit * words[cache + CacheRecord.SLAB_PAGES];
    let pages = 0;
    let slab = words[cache + CacheRecord.HEAD];
    while (slab !== NO_FRAME && words[cache + CacheRecord.EMPTY_SLABS] > 0 && pages < pagesMax) {
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

  /** As {@link releaseEmpty}: a destructor may change everything, so each time the list is looked through anew. */
  #releaseOneByOne(kind: number, slabLimit: number): number {
    if (!this.hasFunctions(kind)) return 0;
    const cache = this.#caches.record(kind);
    let pages = 0;
    for (let released = 0; released < slabLimit; released++) {
      const slab = this.#firstEmpty(cache);
      if (slab === NO_FRAME) break;
      pages += this.#memory.words[cache + CacheRecord.SLAB_PAGES];
      this.#release(slab, cache, this.#functions.get(kind)?.destruct);
    }
    return pages;
  }

  #firstEmpty(cache: number): number {
    const { words } = this.#memory;
    if (words[cache + CacheRecord.EMPTY_SLABS] === 0) return NO_FRAME;
    let slab = words[cache + CacheRecord.HEAD];
    while (slab !== NO_FRAME) {
      const record = this.#pages.frames.record(slab);
      if ((words[record + FrameRecord.COUNT] & freeMask) === words[cache + CacheRecord.SLAB_BLOCKS]) break;
      slab = words[record + FrameRecord.NEXT];
    }
    return slab;
  }

  #create(kind: number, cache: number, request: PageRequest): number {
    this.requireFunctions(kind);
    const slabPages = this.#memory.words[cache + CacheRecord.SLAB_PAGES];
    const isDma = this.#caches.hasFlag(kind, CacheFlag.IS_DMA);
    const slab = this.#pages.allocate(slabPages, RunKind.SYSTEM, isDma ? { ...request, dma: true } : request);
    if (slab === NO_FRAME) return NO_FRAME;
    const firstGranule = this.#nextColour(cache);
    const construct = this.#functions.get(kind)?.construct;
    if (construct !== undefined) this.#constructAll(slab, cache, firstGranule, construct);
    const { words } = this.#memory;
    const { frames } = this.#pages;
    const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
    const head = slab | (firstGranule << SLAB_COLOUR_SHIFT);
    for (let frame = slab; frame < slab + slabPages; frame++) words[frames.record(frame) + headField] = head;
    this.#tagAll(slab, cache, inSlab);
    words[frames.record(slab) + FrameRecord.COUNT] = slabBlocks | (firstGranule << cursorShift);
    frames.fillKind(slab, slabPages, kind);
    const colour = words[cache + CacheRecord.COLOUR_NEXT] + 1;
    words[cache + CacheRecord.COLOUR_NEXT] = colour < words[cache + CacheRecord.COLOURS] ? colour : 0;
    words[cache + CacheRecord.SLABS]++;
    words[cache + CacheRecord.FREE_BLOCKS] += slabBlocks;
    words[cache + CacheRecord.EMPTY_SLABS]++;
    this.#link(slab, cache);
    return slab;
  }

  /** The granule at which the next slab of a cache starts its first block. */
  #nextColour(cache: number): number {
    const { words } = this.#memory;
    return (words[cache + CacheRecord.COLOUR_NEXT] * words[cache + CacheRecord.COLOUR_BYTES]) >>> granuleShift;
  }

  /** Runs the constructor for the blocks of a new slab; gives the pages back when it throws. */
  #constructAll(slab: number, cache: number, firstGranule: number, construct: (address: number) => void): void {
    const { slabPages, slabBlocks, blockBytes } = this.#shape(cache);
    let isDone = false;
    try {
      const first = ((slab << pageShift) >>> 0) + (firstGranule << granuleShift);
      for (let block = 0; block < slabBlocks; block++) construct(first + block * blockBytes);
      isDone = this.#memory.words[cache + CacheRecord.BLOCK_BYTES] === blockBytes;
    } finally {
      if (!isDone) this.#pages.free(slab, slabPages, RunKind.SYSTEM);
    }
    if (!isDone) throw new KmemError("BAD_ARGUMENT", "a constructor has destroyed its own cache");
  }

  #shape(cache: number): { slabPages: number; slabBlocks: number; blockBytes: number } {
    const { words } = this.#memory;
    return {
      slabPages: words[cache + CacheRecord.SLAB_PAGES],
      slabBlocks: words[cache + CacheRecord.SLAB_BLOCKS],
      blockBytes: words[cache + CacheRecord.BLOCK_BYTES],
    };
  }

  /** Index into `bytes` of the tag of an address. */
  #tagOf(address: number): number {
    return this.#tagTable + ((address - this.#base) >>> granuleShift);
  }

  /** Gives every block of a slab the same tag. */
  #tagAll(slab: number, cache: number, value: number): void {
    const { words, bytes } = this.#memory;
    const stride = words[cache + CacheRecord.BLOCK_BYTES] >>> granuleShift;
    const head = words[this.#pages.frames.record(slab) + headField];
    const first = this.#tagOf(slab << pageShift) + (head >>> SLAB_COLOUR_SHIFT);
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
    if ((words[cache + CacheRecord.FLAGS] & keepsSlabs) !== 0) return;
    const kept = EMPTY_SLABS_KEPT + (words[cache + CacheRecord.SLABS] >> EMPTY_SLABS_SHARE_SHIFT);
    if (emptySlabs > kept) this.#release(slab, cache);
  }

  /** Takes an empty slab out of its cache and gives its pages back, once the destructor has seen all blocks. */
  #release(slab: number, cache: number, destruct?: (address: number) => void): void {
    const { words } = this.#memory;
    const { slabPages, slabBlocks, blockBytes } = this.#shape(cache);
    const head = words[this.#pages.frames.record(slab) + headField];
    this.#unlink(slab, cache);
    words[cache + CacheRecord.SLABS]--;
    words[cache + CacheRecord.EMPTY_SLABS]--;
    words[cache + CacheRecord.FREE_BLOCKS] -= slabBlocks;
    this.#tagAll(slab, cache, none);
    this.#pages.frames.setRun(slab, slabPages, RunKind.SYSTEM);
    this.#pages.frames.setCount(slab, slabPages);
    try {
      if (destruct === undefined) return;
      const first = ((slab << pageShift) >>> 0) + ((head >>> SLAB_COLOUR_SHIFT) << granuleShift);
      for (let block = 0; block < slabBlocks; block++) destruct(first + block * blockBytes);
    } finally {
      this.#pages.free(slab, slabPages, RunKind.SYSTEM);
    }
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
