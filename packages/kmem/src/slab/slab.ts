import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import type { Geometry } from "../memory/header.ts";
import { GRANULE_SHIFT, PAGE_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FRAME_RECORD_SHIFT, FrameRecord, NO_FRAME, RunKind, type RunKindValue } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import type { PageRequest } from "../pages/page-request.ts";
import type { Locks } from "../sync/lock.ts";
import { assertHeld, assertNoLock } from "../sync/lock-order.ts";
import { assertCounts, assertNoBlocks, assertSlab, assertSlabCount } from "./assertions.ts";
import { FunctionTable } from "./block-functions.ts";
import type { CacheTable } from "./cache-table.ts";
import {
  BATCH_LOOK_COUNT,
  CacheFlag,
  CacheRecord,
  EMPTY_SLABS_KEPT,
  EMPTY_SLABS_SHARE_SHIFT,
  SLAB_CURSOR_SHIFT,
  SLAB_FREE_MASK,
  SLAB_HEAD_MASK,
  Tag,
} from "./layout.ts";
import {
  batchSlabs,
  emptySpan,
  newestEmpty,
  oldestEmpty,
  releaseSpans,
  type SlabSpan,
  splitEvenly,
} from "./slab-batch.ts";
import { blockSpan, firstGranuleOf, formatSlab, tagBlocks } from "./slab-blocks.ts";
import { linkSlab, moveToEnd, unlinkSlab } from "./slab-list.ts";

/** The loops' constants, repeated here: the JavaScript engine folds a module's own constants, not imported ones. */
const none = Tag.NONE;
const inSlab = Tag.IN_SLAB;
const pageShift = PAGE_SHIFT;
const granuleShift = GRANULE_SHIFT;
const recordShift = FRAME_RECORD_SHIFT;
const slabField = FrameRecord.SLAB_OR_OWNER;
const freeMask = SLAB_FREE_MASK;
const cursorShift = SLAB_CURSOR_SHIFT;
const slabMask = SLAB_HEAD_MASK;
const partialHead = CacheRecord.PARTIAL_HEAD;
const cacheSlabs = CacheRecord.SLABS;
const cacheFreeBlocks = CacheRecord.FREE_BLOCKS;
const cacheEmptySlabs = CacheRecord.EMPTY_SLABS;
const cacheBlockBytes = CacheRecord.BLOCK_BYTES;
const cacheSlabPages = CacheRecord.SLAB_PAGES;
const cacheSlabBlocks = CacheRecord.SLAB_BLOCKS;
const frameCount = FrameRecord.COUNT;
const noFrame = NO_FRAME;
const emptySlabsKept = EMPTY_SLABS_KEPT;
const emptySlabsShareShift = EMPTY_SLABS_SHARE_SHIFT;
/** Flags of caches whose empty slabs a flush does not release: destructors must not run under the cache's lock. */
const noReleaseOnFree: number = CacheFlag.KEEPS_SLABS | CacheFlag.HAS_DESTRUCTOR;

/** What the slabs depend on. */
export interface SlabContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly locks: Locks;
}

/**
 * Slabs: runs of pages cut into blocks of one size. A slab's free blocks are those tagged IN_SLAB; the blocks contain
 * no free-list links, so that a write after free cannot corrupt the allocator. A cache's partial list links its slabs
 * with free blocks, empty slabs too. But for repair and recovery, blocks leave slabs only through `take` and return
 * only through `put`, under the cache's lock; a barn may stand between slab and sheaf. All state is in the shared
 * buffer, except the constructors and destructors, which each thread registers for itself.
 *
 * In signatures, `kind` identifies a cache: the kind of its frames, from FrameKind.FIRST_CACHE on. `cache` is the index
 * in `words` of its record, `slab` a slab's first frame. Modelled on: Bonwick's slab allocator, Linux's `mm/slab.c`.
 */
export class Slabs {
  readonly #memory: LinearMemory;
  readonly #pages: PageAllocator;
  readonly #caches: CacheTable;
  readonly #locks: Locks;
  readonly #base: number;
  /** The constructors and destructors that this thread has registered for caches. */
  readonly functions: FunctionTable;
  #releasedPages = 0;

  constructor({ memory, geometry, pages, caches, locks }: SlabContext) {
    this.#memory = memory;
    this.#pages = pages;
    this.#caches = caches;
    this.#locks = locks;
    this.functions = new FunctionTable(caches, memory);
    this.#base = geometry.baseFrame << pageShift;
  }

  /** Pages of slabs that this thread has released so far. */
  get releasedPages(): number {
    return this.#releasedPages;
  }

  /**
   * Makes a slab for a cache; false if there is no memory. Throws NO_CONSTRUCTOR, and what the constructor throws.
   * Holds no lock meanwhile; the constructor may change every sheaf.
   */
  grow(kind: number, request: PageRequest): boolean {
    return this.#create(kind, this.#caches.record(kind), request) !== noFrame;
  }

  /**
   * Makes a slab for a cache without constructor and destructor, or a batch of them where more than one block is wanted
   * and not from the reserve; false if there is no memory. Called with the cache's lock held.
   */
  growLocked(kind: number, request: PageRequest, wanted: number): boolean {
    const cache = this.#caches.record(kind);
    if (ASSERTIONS) this.#assertLocked(cache);
    const { frames } = this.#pages;
    const slabPages = this.#memory.words[cache + cacheSlabPages];
    const isSingle = wanted === 1 || request.mayUseReserve === true;
    const batch = isSingle ? 1 : batchSlabs(this.#memory.words, cache);
    const forBatch = { ...request, isOptional: true };
    const batchFirst = batch > 1 ? this.#allocateSlabs(kind, batch * slabPages, forBatch) : noFrame;
    const first = batchFirst === noFrame ? this.#allocateSlabs(kind, slabPages, request) : batchFirst;
    if (first === noFrame) return false;
    const end = first + (batchFirst === noFrame ? 1 : batch) * slabPages;
    splitEvenly(frames, first, end - first, slabPages);
    for (let slab = first; slab < end; slab += slabPages) {
      formatSlab(frames, slab, kind, cache, this.#nextFirstGranule(cache));
      this.#addSlab(slab, cache);
    }
    return true;
  }

  /**
   * Moves up to `wanted` free blocks of a cache into `words` from `firstWord` on, gives them the tag, and returns how
   * many there were. Under the cache's lock. O(blocks looked at).
   */
  take(cache: number, firstWord: number, wanted: number, tag: number): number {
    if (ASSERTIONS) this.#assertLocked(cache);
    let taken = 0;
    while (taken < wanted) {
      const slab = this.#memory.words[cache + partialHead];
      if (slab === noFrame) break;
      taken += this.#takeFrom(slab, cache, firstWord + taken, wanted - taken, tag);
    }
    return taken;
  }

  /** Moves free blocks out of one slab, in address order from its cursor. */
  #takeFrom(slab: number, cache: number, firstWord: number, wanted: number, newTag: number): number {
    const { words, bytes } = this.#memory;
    const base = this.#base;
    const baseIndex = this.#tagIndex(base);
    const recordWord = this.#pages.frames.record(slab) + frameCount;
    const free = words[recordWord] & freeMask;
    const firstIndex = this.#tagIndex(slab << pageShift);
    const stride = words[cache + cacheBlockBytes] >>> granuleShift;
    const endWord = firstWord + Math.min(free, wanted);
    const endIndex = firstIndex + (words[cache + cacheSlabPages] << (pageShift - granuleShift));
    let tagIndex = firstIndex + (words[recordWord] >>> cursorShift);
    let word = firstWord;
    // The loop reaches the end of the slab only if a count is damaged.
    for (; word < endWord && tagIndex < endIndex; tagIndex += stride) {
      if (bytes[tagIndex] !== inSlab) continue;
      bytes[tagIndex] = newTag;
      words[word++] = base + ((tagIndex - baseIndex) << granuleShift);
    }
    const count = word - firstWord;
    if (free === words[cache + cacheSlabBlocks]) words[cache + cacheEmptySlabs]--;
    const left = word === endWord ? free - count : 0;
    words[recordWord] = left | ((tagIndex - firstIndex) << cursorShift);
    words[cache + cacheFreeBlocks] -= count;
    if (left === 0) unlinkSlab(this.#pages.frames, slab, cache);
    if (ASSERTIONS) assertSlabCount(this.#pages.frames, slab, cache);
    return count;
  }

  /**
   * Returns `count` blocks of a cache, listed in `words` from `firstWord` on, to their slabs. Skips stale entries,
   * whose blocks are not tagged `from`, since two threads freed them at the same time; returns the number of those.
   * Successive entries mostly lie in the same slab, so its count is written once per sequence. Releases slabs that
   * become empty, except those that the cache keeps. Under the cache's lock. O(count).
   */
  put(kind: number, cache: number, firstWord: number, count: number, from: number): number {
    const { words, bytes } = this.#memory;
    const { recordBias, kindBias } = this.#pages.frames;
    const { tagBias } = this.#pages.frames;
    const slabBytes = words[cache + cacheSlabPages] << pageShift;
    const end = firstWord + count;
    if (ASSERTIONS) this.#assertLocked(cache);
    let stale = 0;
    let word = firstWord;
    while (word < end) {
      if (bytes[tagBias + (words[word] >>> granuleShift)] !== from) {
        stale++;
        word++;
        continue;
      }
      const frame = words[word] >>> pageShift;
      // The slab of a stale entry may have been released, and its pages may belong to another cache by now.
      if (bytes[kindBias + frame] !== kind) {
        stale++;
        word++;
        continue;
      }
      const slab = words[recordBias + (frame << recordShift) + slabField] & slabMask;
      const start = slab << pageShift;
      const firstIndex = tagBias + (start >>> granuleShift);
      const first = word;
      let lowest = freeMask;
      do {
        const granule = (words[word] - start) >>> granuleShift;
        if (bytes[firstIndex + granule] !== from) break;
        bytes[firstIndex + granule] = inSlab;
        if (granule < lowest) lowest = granule;
        word++;
      } while (word < end && (words[word] - start) >>> 0 < slabBytes);
      this.#blocksReturned(slab, cache, word - first, lowest);
    }
    return stale;
  }

  /**
   * Releases empty slabs of a cache, all or `slabLimit` of them; returns the pages freed. Does nothing if the cache has
   * a constructor or destructor that this thread has not registered.
   */
  releaseEmpty(kind: number, slabLimit: number = Number.POSITIVE_INFINITY): number {
    if (this.#caches.hasConstructorOrDestructor(kind)) return this.#releaseWithDestructors(kind, slabLimit);
    const { words } = this.#memory;
    const cache = this.#caches.record(kind);
    if (words[cache + cacheEmptySlabs] === 0) return 0;
    this.#locks.acquire(cache + CacheRecord.LOCK);
    // By now this kind may be another cache with destructors to run.
    const pages = this.#caches.hasConstructorOrDestructor(kind) ? 0 : this.#releaseListed(cache, slabLimit);
    this.#locks.release(cache + CacheRecord.LOCK);
    return pages;
  }

  /** Releases empty slabs on a cache's partial list; returns the pages freed. Under the cache's lock. */
  #releaseListed(cache: number, slabLimit: number): number {
    if (ASSERTIONS) this.#assertLocked(cache);
    return releaseSpans(this.#pages, cache, slabLimit, (span) => this.#releaseSpan(span, cache));
  }

  /**
   * As {@link releaseEmpty}, for a cache with a constructor or destructor. Searches again from the tail of the list for
   * each slab, since a destructor may change anything. Throws the destructors' first error after all have run. The
   * number of slabs is bounded at the start, as destructors may make new slabs. Releases nothing while the cache's own
   * constructor or destructor runs.
   */
  #releaseWithDestructors(kind: number, slabLimit: number): number {
    // Read before the functions are looked up: if it is the same under the lock, they are those of this very cache.
    const serial = this.#caches.get(kind, CacheRecord.SERIAL);
    if (!this.functions.hasRequired(kind) || this.functions.nesting(kind) > 0) return 0;
    const cache = this.#caches.record(kind);
    const slabPages = this.#caches.get(kind, cacheSlabPages);
    const errors = new FirstError();
    const slabsMax = Math.min(slabLimit, this.#caches.get(kind, cacheSlabs));
    let pages = 0;
    for (let released = 0; released < slabsMax; released++) {
      this.#locks.acquire(cache + CacheRecord.LOCK);
      // Once the last slab is gone, another thread may destroy the cache and make another one in its record.
      const isSame = this.#caches.get(kind, CacheRecord.SERIAL) === serial;
      const slab = isSame ? this.#lastEmpty(cache) : noFrame;
      // A destructor may have grown the memory, and so replaced the views of memory that is not shared.
      const span = blockSpan(
        this.#memory.words,
        slab,
        cache,
        slab === noFrame ? 0 : firstGranuleOf(this.#pages.frames, slab),
      );
      // It is a SYSTEM run until the destructors have run, since they still access its blocks.
      if (slab !== noFrame) this.#removeSlab(slab, cache, RunKind.SYSTEM);
      this.#locks.release(cache + CacheRecord.LOCK);
      if (slab === noFrame) break;
      pages += slabPages;
      this.#releasedPages += slabPages;
      if (ASSERTIONS) assertNoLock(this.#locks, "while a destructor runs");
      this.functions.destructAll(kind, span, errors);
      this.#pages.freeExclusive(slab, slabPages);
    }
    errors.rethrow();
    return pages;
  }

  #lastEmpty(cache: number): number {
    if (this.#memory.words[cache + cacheEmptySlabs] === 0) return noFrame;
    return newestEmpty(this.#pages.frames, cache);
  }

  /**
   * Makes a slab that no other thread sees until it is linked to the partial list, as the last step. Throws
   * BAD_ARGUMENT where another thread has destroyed the cache meanwhile.
   */
  #create(kind: number, cache: number, request: PageRequest): number {
    // Read before the functions are looked up: if it is the same under the lock, they are those of this very cache.
    const serial = this.#caches.get(kind, CacheRecord.SERIAL);
    this.functions.require(kind);
    const slabPages = this.#memory.words[cache + cacheSlabPages];
    const slab = this.#allocateSlabs(kind, slabPages, request);
    if (slab === noFrame) return noFrame;
    const firstGranule = this.#nextFirstGranule(cache);
    if (ASSERTIONS) assertNoLock(this.#locks, "while a constructor runs");
    try {
      this.functions.constructAll(kind, blockSpan(this.#memory.words, slab, cache, firstGranule));
    } catch (error) {
      if (!this.#memory.isLost) this.#pages.free(slab, slabPages, RunKind.SYSTEM);
      throw error;
    }
    this.#locks.acquire(cache + CacheRecord.LOCK);
    const isSame = this.#caches.get(kind, CacheRecord.SERIAL) === serial;
    if (isSame) formatSlab(this.#pages.frames, slab, kind, cache, firstGranule);
    if (isSame) this.#addSlab(slab, cache);
    this.#locks.release(cache + CacheRecord.LOCK);
    if (isSame) return slab;
    this.#pages.free(slab, slabPages, RunKind.SYSTEM);
    throw new KmemError("BAD_ARGUMENT", "a thread has destroyed the cache in which another makes a slab");
  }

  #allocateSlabs(kind: number, pageCount: number, request: PageRequest): number {
    const isDma = this.#caches.hasFlag(kind, CacheFlag.IS_DMA);
    return this.#pages.allocate(pageCount, RunKind.SYSTEM, isDma ? { ...request, dma: true } : request);
  }

  /** Counts a new slab and puts it on the cache's partial list. Under the cache's lock. */
  #addSlab(slab: number, cache: number): void {
    const { words } = this.#memory;
    if (ASSERTIONS) this.#assertLocked(cache);
    const colour = words[cache + CacheRecord.COLOUR_NEXT] + 1;
    words[cache + CacheRecord.COLOUR_NEXT] = colour < words[cache + CacheRecord.COLOURS] ? colour : 0;
    words[cache + cacheSlabs]++;
    words[cache + cacheFreeBlocks] += words[cache + cacheSlabBlocks];
    words[cache + cacheEmptySlabs]++;
    linkSlab(this.#pages.frames, slab, cache);
    if (ASSERTIONS) assertCounts(words, cache);
  }

  /** The granule at which the next slab of a cache starts its first block. */
  #nextFirstGranule(cache: number): number {
    const { words } = this.#memory;
    return (words[cache + CacheRecord.COLOUR_NEXT] * words[cache + CacheRecord.COLOUR_BYTES]) >>> granuleShift;
  }

  #assertLocked(cache: number): void {
    assertHeld(this.#locks, cache + CacheRecord.LOCK, "the cache's lock");
  }

  #tagIndex(address: number): number {
    return this.#pages.frames.tagBias + (address >>> granuleShift);
  }

  /**
   * Counts blocks returned to a slab, the lowest of them at granule `lowest`, and links the slab if it was full. If it
   * is now empty, and the cache keeps enough empty slabs, releases a batch of them.
   */
  #blocksReturned(slab: number, cache: number, count: number, lowest: number): void {
    const { words } = this.#memory;
    const { frames } = this.#pages;
    const recordWord = frames.record(slab) + frameCount;
    const before = words[recordWord] & freeMask;
    if (ASSERTIONS) assertSlab(frames, slab);
    const cursor = Math.min(words[recordWord] >>> cursorShift, lowest);
    words[recordWord] = (before + count) | (cursor << cursorShift);
    words[cache + cacheFreeBlocks] += count;
    if (before === 0) linkSlab(frames, slab, cache);
    if (ASSERTIONS) assertSlabCount(frames, slab, cache);
    if (before + count < words[cache + cacheSlabBlocks]) return;
    const emptySlabs = ++words[cache + cacheEmptySlabs];
    moveToEnd(frames, slab, cache);
    if ((words[cache + CacheRecord.FLAGS] & noReleaseOnFree) !== 0) return;
    const kept = emptySlabsKept + (words[cache + cacheSlabs] >> emptySlabsShareShift);
    const batch = batchSlabs(words, cache);
    if (emptySlabs < kept + batch) return;
    // The neighbours of the oldest empty slab are the likeliest to be empty, too.
    const oldest = batch > 1 ? oldestEmpty(frames, cache, BATCH_LOOK_COUNT) : noFrame;
    this.#releaseSpan(emptySpan(this.#pages, oldest === noFrame ? slab : oldest, cache, batch), cache);
  }

  /** Removes empty slabs from their cache and frees their pages; returns how many. Under the cache's lock. */
  #releaseSpan({ first, slabCount }: SlabSpan, cache: number): number {
    const slabPages = this.#memory.words[cache + cacheSlabPages];
    const pageCount = slabCount * slabPages;
    for (let slab = first; slab < first + pageCount; slab += slabPages) this.#removeSlab(slab, cache, RunKind.CACHED);
    this.#releasedPages += pageCount;
    if (slabCount === 1) this.#pages.freeExclusive(first, pageCount);
    else this.#pages.freeContiguous(first, pageCount);
    return pageCount;
  }

  /** Removes an empty slab from its cache and marks its pages as a run that this slot is about to free. */
  #removeSlab(slab: number, cache: number, runKind: RunKindValue): void {
    const { words } = this.#memory;
    const { frames } = this.#pages;
    const slabPages = words[cache + cacheSlabPages];
    if (ASSERTIONS) {
      const free = words[frames.record(slab) + frameCount] & freeMask;
      this.#assertLocked(cache);
      assert(
        free === words[cache + cacheSlabBlocks],
        `slab ${slab} that is released is empty, with ${free} blocks free`,
      );
    }
    unlinkSlab(this.#pages.frames, slab, cache);
    words[cache + cacheSlabs]--;
    words[cache + cacheEmptySlabs]--;
    words[cache + cacheFreeBlocks] -= words[cache + cacheSlabBlocks];
    tagBlocks(frames, slab, cache, firstGranuleOf(frames, slab), none);
    if (ASSERTIONS) {
      assertNoBlocks(frames, slab, slabPages);
      assertCounts(words, cache);
    }
    frames.setCount(slab, slabPages);
    this.#pages.claimExclusive(slab);
    frames.setKind(slab, runKind);
    frames.fillKind(slab + 1, slabPages - 1, runKind + 1);
  }
}
