import { describeValue } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { type Geometry, isSmallHeap } from "../memory/header.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { assertAllocated, assertFree, assertOwner, assertRun, assertShortens } from "./assertions.ts";
import type { BuddyZone } from "./buddy.ts";
import { detachPart } from "./detach-part.ts";
import { FrameTable } from "./frames.ts";
import { growPages } from "./growth.ts";
import { reasonNotFreeable } from "./kind-phrase.ts";
import {
  FrameKind,
  NO_FRAME,
  PCP_ORDERS,
  RUN_CACHE_MAX,
  RUN_CACHE_PAGES_MIN,
  RunKind,
  type RunKindValue,
  RunOwner,
  Zone,
  ZoneRecord,
} from "./layout.ts";
import { describeTables } from "./moving-tables.ts";
import { ANY_PAGES, type PageRequest } from "./page-request.ts";
import { type PageSync, PagesLock } from "./pages-lock.ts";
import { cacheBatch, cachedOrder, NATURALLY_ALIGNED, PcpLists } from "./pcp-lists.ts";
import { isCacheable, RunCache, runCachePagesMax } from "./run-cache.ts";
import { takeFrom, takeRun, takeUpTo } from "./take-run.ts";
import {
  createZones,
  dmaEndFrame,
  extendZones,
  foreignFrames,
  freeBytes,
  openZones,
  type ZoneStats,
  zoneStats,
} from "./zone.ts";

/**
 * The page allocator: runs of any number of pages, any part of which can be freed; `take-run.ts` says where they come
 * from. Each thread has a PageAllocator of its own. The pages' lock protects zones, free lists and growth. While more
 * than one slot is taken, runs of 1, 2, 4 and 8 pages go through the slot's pcp lists (per-CPU page lists), a batch
 * per acquisition of the lock. Freed blocks of RUN_CACHE_PAGES_MIN pages and more may stay with the slot as cached
 * runs, for its next blocks of that length. If several threads free the same pages, exactly one succeeds. Modelled on:
 * Atomik's `page_alloc`/`page_free`, Linux's `__get_free_pages`.
 */
export class PageAllocator {
  readonly frames: FrameTable;
  readonly zones: readonly BuddyZone[];
  /** The pages' lock. */
  readonly lock: PagesLock;
  /** The first frame after the DMA zone, whether or not the heap has grown that far. */
  readonly dmaEndFrame: number;
  readonly #memory: LinearMemory;
  readonly #geometry: Geometry;
  readonly #sync: PageSync | undefined;
  /** OWNER of the runs that this slot allocates. */
  readonly #owner: number;
  #cache: PcpLists | undefined;
  #runCache: RunCache | undefined;

  private constructor(memory: LinearMemory, geometry: Geometry, sync: PageSync | undefined) {
    this.#memory = memory;
    this.#geometry = geometry;
    this.#sync = sync;
    this.#owner = sync === undefined ? RunOwner.HEAP : RunOwner.OWNER_BIT | (sync.slot + 1);
    this.frames = new FrameTable(memory, geometry);
    this.zones = openZones(this.frames, geometry);
    this.dmaEndFrame = dmaEndFrame(geometry);
    this.lock = new PagesLock({ memory, geometry, frames: this.frames, zone: this.zones[Zone.NORMAL], sync });
  }

  /** Opens the page allocator of a memory that has one. */
  static attach(memory: LinearMemory, geometry: Geometry, sync?: PageSync): PageAllocator {
    return new PageAllocator(memory, geometry, sync);
  }

  /** Makes every page after the tables free, but those of tables that move. The tables must read as zero. */
  static create(memory: LinearMemory, geometry: Geometry, endFrame: number, sync?: PageSync): PageAllocator {
    const pages = new PageAllocator(memory, geometry, sync);
    const { baseFrame, firstPageFrame } = geometry;
    pages.frames.fillKind(baseFrame, firstPageFrame - baseFrame, FrameKind.RESERVED);
    createZones(pages.zones, geometry);
    if (geometry.hasMovingTables) describeTables(memory, geometry);
    extendZones(pages.zones, geometry, firstPageFrame, endFrame);
    return pages;
  }

  /**
   * From now on this slot caches pages and runs in its words from `firstWord` on; undefined when the slot's area
   * goes. Small heaps cache no runs of 1 to 8 pages.
   */
  useCache(firstWord: number | undefined): void {
    this.#cache = firstWord === undefined || isSmallHeap(this.#geometry) ? undefined : new PcpLists(firstWord);
    this.#runCache = firstWord === undefined ? undefined : new RunCache(this.frames, firstWord);
  }

  /**
   * Allocates `count` contiguous pages; returns the first frame, or NO_FRAME. Grows the memory if needed,
   * but not for DMA or `isOptional`. O(orders), for first fit O(groups of 64 frames).
   */
  allocate(count: number, kind: RunKindValue, request: PageRequest = ANY_PAGES): number {
    const cached = this.#takeCached(count, request);
    if (cached !== NO_FRAME) {
      if (ASSERTIONS) assertOwner(this.frames, cached, this.claimedOwner);
      this.frames.setRun(cached, count, kind);
      this.frames.setOwner(cached, this.#owner);
      return this.#ensureViewsCover(cached, count);
    }
    if (!this.isWithinLimit(count, request)) return NO_FRAME;
    this.lock.acquire();
    let frame = takeRun(this.zones, count, request, kind);
    const mayReclaim = frame === NO_FRAME && request.isOptional !== true;
    const drained = mayReclaim ? this.#drainRunCacheLocked() : 0;
    if (drained > 0) frame = takeRun(this.zones, count, request, kind);
    if (mayReclaim && frame === NO_FRAME && request.dma !== true) {
      const heap = { memory: this.#memory, geometry: this.#geometry, frames: this.frames, zones: this.zones };
      if (growPages(heap, count, request)) frame = takeRun(this.zones, count, request, kind);
    }
    if (frame !== NO_FRAME) this.#makeRun(frame, count, kind, this.#owner);
    this.lock.updatePressure();
    this.lock.release();
    if (drained > 0) this.#sync?.waiters.noteFreed();
    if (ASSERTIONS && frame !== NO_FRAME) assertAllocated(this.frames, frame, count, kind, request);
    return frame === NO_FRAME ? frame : this.#ensureViewsCover(frame, count);
  }

  /** Takes a cached run of `count` pages or a few more (COUNT has how many) for a large block; NO_FRAME if there is none. */
  takeCachedRun(count: number): number {
    if (this.#runCache === undefined || count < RUN_CACHE_PAGES_MIN) return NO_FRAME;
    const frame = this.#runCache.take(count, this.#owner);
    return frame === NO_FRAME ? frame : this.#ensureViewsCover(frame, this.frames.count(frame));
  }

  /**
   * As {@link allocate}, for callers that do not need contiguous pages: a run out of one buddy block, of `count` pages
   * or, if no block has so many, the largest. If none is free: `allocate` of count, count / 2, … COUNT tells how many.
   */
  allocateUpTo(count: number, kind: RunKindValue, request: PageRequest = ANY_PAGES): number {
    this.lock.acquire();
    let part = takeUpTo(this.zones, count, request);
    const drained = part.count === 0 ? this.#drainRunCacheLocked() : 0;
    if (drained > 0) part = takeUpTo(this.zones, count, request);
    const { frame, count: got } = part;
    if (frame !== NO_FRAME) this.#makeRun(frame, got, kind, this.#owner);
    this.lock.updatePressure();
    this.lock.release();
    if (drained > 0) this.#sync?.waiters.noteFreed();
    if (frame !== NO_FRAME) return this.#ensureViewsCover(frame, got);
    let whole: number = NO_FRAME;
    for (let rest = count; rest > 0 && whole === NO_FRAME; rest >>= 1) whole = this.allocate(rest, kind, request);
    return whole;
  }

  /** Rejects a count or alignment beyond the frames up to `limitFrame`, before anything is computed with it. O(1). */
  isWithinLimit(count: number, { alignFrames = 1 }: PageRequest = ANY_PAGES): boolean {
    return count <= this.frames.limitFrame - this.frames.firstPageFrame && alignFrames <= this.frames.limitFrame;
  }

  /**
   * Makes this thread's views cover a run, which may lie in pages that another thread has just added. A store beyond
   * the end of a view would be lost silently.
   */
  #ensureViewsCover(frame: number, count: number): number {
    this.#memory.waitForLength((frame + count) * PAGE_SIZE);
    return frame;
  }

  /** Says why this range cannot be freed as pages of that kind, or undefined if it can. Reads only. */
  reasonNotFreeable(first: number, count: number, kind: RunKindValue): string | undefined {
    return reasonNotFreeable(this.frames, first, count, kind);
  }

  /**
   * Frees any range of one allocation: its head, its tail, or a part of its middle. Throws INVALID_FREE, with nothing
   * changed, unless all of it is allocated and of that kind. O(count + orders).
   */
  free(first: number, count: number, kind: RunKindValue): void {
    const isCount = Number.isInteger(count);
    const isWhole = isCount && this.frames.isWholeRun(first, count, kind);
    if (isWhole && this.frames.claimRun(first, kind, this.claimedOwner, count)) {
      this.freeExclusive(first, count);
      return;
    }
    const problem = isCount ? this.#freePart(first, count, kind) : this.reasonNotFreeable(first, count, kind);
    if (problem === undefined) return;
    const text = `cannot free ${describeValue(count)} pages at ${hex(first * PAGE_SIZE)}: ${problem}`;
    throw new KmemError("INVALID_FREE", text, { address: first * PAGE_SIZE, pageCount: count });
  }

  /** As {@link free}, for a whole run that no other thread can free, such as the heap's own. */
  freeExclusive(first: number, count: number): void {
    this.claimExclusive(first);
    this.freeClaimed(first, count);
  }

  /** As {@link freeExclusive}, for a run that this slot has claimed. */
  freeClaimed(first: number, count: number): void {
    if (ASSERTIONS) assertRun(this.frames, first, count, this.frames.kind(first));
    if (this.#putCached(first, count)) return;
    if (isCacheable(count, this.frames.kind(first)) && this.#cacheRun(first, count)) return;
    this.freeContiguous(first, count);
  }

  /** Frees one claimed run of this slot, or several adjacent ones, in one zone. */
  freeContiguous(first: number, count: number): void {
    this.lock.acquire();
    this.#zoneOf(first).give(first, count);
    this.lock.updatePressure();
    this.lock.release();
    this.#sync?.waiters.noteFreed();
  }

  /** Claims a run as {@link freeExclusive} does: before it is unlinked, where a death in between must not lose it. */
  claimExclusive(head: number): void {
    this.frames.setOwner(head, this.claimedOwner);
  }

  /** OWNER of the runs that this slot is freeing or caches. */
  get claimedOwner(): number {
    return this.#owner | RunOwner.CLAIMED;
  }

  /** Frees the tail of a run that no other thread can free. */
  shorten(head: number, newCount: number): void {
    this.lock.acquire();
    const count = this.frames.count(head);
    if (ASSERTIONS) assertShortens(this.frames, head, count, newCount);
    this.frames.setCount(head, newCount);
    this.#zoneOf(head).give(head + newCount, count - newCount);
    this.lock.updatePressure();
    this.lock.release();
    this.#sync?.waiters.noteFreed();
  }

  /** Extends a run, which no other thread may free, in place if the next frames are free; returns whether it did. */
  extend(head: number, newCount: number, kind: RunKindValue): boolean {
    this.lock.acquire();
    const count = this.frames.count(head);
    const zone = this.#zoneOf(head);
    const extra = newCount - count;
    if (ASSERTIONS) assert(extra > 0, `a run of ${count} pages is made longer, not one of ${newCount}`);
    const isPossible = zone.freeFrames - extra >= zone.get(ZoneRecord.MIN) && zone.isFree(head + count, extra);
    if (isPossible) {
      zone.carve(head + count, extra);
      this.frames.fillKind(head + count, extra, kind + 1);
      this.frames.setCount(head, newCount);
      this.lock.updatePressure();
    }
    if (ASSERTIONS && isPossible) assertRun(this.frames, head, newCount, kind);
    this.lock.release();
    if (isPossible) this.#ensureViewsCover(head, newCount);
    return isPossible;
  }

  /** Frees the pages in this slot's pcp lists and its cached runs to the free lists; returns their number. */
  drainCache(): number {
    let pages = this.drainRunCache();
    for (let order = 0; order < PCP_ORDERS; order++) pages += this.#drainOrder(order, Number.POSITIVE_INFINITY);
    return pages;
  }

  /** Gives this slot's cached runs, all or the oldest `runLimit`, to the free lists; returns the number of pages. */
  drainRunCache(runLimit: number = RUN_CACHE_MAX): number {
    if (this.#runCache === undefined || this.#runCache.count === 0) return 0;
    this.lock.acquire();
    const pages = this.#drainRunCacheLocked(runLimit);
    this.lock.updatePressure();
    this.lock.release();
    this.#sync?.waiters.noteFreed();
    return pages;
  }

  /** The heap's frames after the tables. */
  get managedFrames(): number {
    return this.frames.endFrame - this.frames.firstPageFrame - foreignFrames(this.zones);
  }

  /** Frames from `firstPageFrame` on that are the heap's and on no free list; those in pcp lists count as used. */
  get usedFrames(): number {
    let used = this.frames.endFrame - this.frames.firstPageFrame;
    for (const zone of this.zones) used -= zone.freeFrames + zone.get(ZoneRecord.FOREIGN_FRAMES);
    return used;
  }

  /** Bytes in free pages. */
  get freeBytes(): number {
    return freeBytes(this.zones);
  }

  /** Bytes in the longest contiguous free range; O(frames). */
  largestFreeRunBytes(): number {
    this.lock.acquire();
    const longest = this.zones.map((zone) => zone.longestFreeRange());
    this.lock.release();
    return Math.max(...longest) * PAGE_SIZE;
  }

  stats(): readonly ZoneStats[] {
    return this.zones.map(zoneStats);
  }

  /**
   * Frees a part of a run, or says why not. Under the lock, so that threads that free different parts of one run never
   * see it half split.
   */
  #freePart(first: number, count: number, kind: RunKindValue): string | undefined {
    this.lock.acquire();
    const problem =
      this.reasonNotFreeable(first, count, kind) ?? detachPart(this.frames, this.#owner, { first, count, kind });
    if (problem === undefined) this.#zoneOf(first).give(first, count);
    this.lock.updatePressure();
    this.lock.release();
    if (problem === undefined) this.#sync?.waiters.noteFreed();
    return problem;
  }

  /** Makes a run of frames that are on no list. Sets the head's kind last: until then the frames count as free. */
  #makeRun(first: number, count: number, kind: RunKindValue, owner: number): void {
    if (ASSERTIONS) assertFree(this.frames, first, count);
    this.frames.setCount(first, count);
    this.frames.setOwner(first, owner);
    this.frames.setRun(first, count, kind);
  }

  /** Takes a run from this slot's pcp lists, refilled if empty. NO_FRAME if the cache cannot serve the request. */
  #takeCached(count: number, request: PageRequest): number {
    const cache = this.#cache;
    if (cache === undefined || request.dma === true || (request.alignFrames ?? 1) > count) return NO_FRAME;
    const order = cachedOrder(count);
    if (order < 0 || !this.#isCaching()) return NO_FRAME;
    const frame = cache.pop(this.#memory.words, order);
    if (frame !== NO_FRAME) return frame;
    const zone = this.zones[Zone.NORMAL];
    this.lock.acquire();
    for (let run = cacheBatch(order); run > 0; run--) {
      const taken = takeFrom(zone, count, NATURALLY_ALIGNED[order], RunKind.CACHED);
      if (taken === NO_FRAME) break;
      this.#makeRun(taken, count, RunKind.CACHED, this.claimedOwner);
      cache.push(this.#memory.words, order, taken);
    }
    this.lock.updatePressure();
    this.lock.release();
    return cache.pop(this.#memory.words, order);
  }

  /** Puts a run that only this thread knows into the slot's pcp lists; false if it does not belong there. */
  #putCached(first: number, count: number): boolean {
    const cache = this.#cache;
    const order = cachedOrder(count);
    if (cache === undefined || order < 0 || first < this.dmaEndFrame) return false;
    if ((first & (count - 1)) !== 0 || !this.#isCaching()) return false;
    if (ASSERTIONS) assertOwner(this.frames, first, this.claimedOwner);
    this.frames.setRun(first, count, RunKind.CACHED);
    if (cache.push(this.#memory.words, order, first)) return true;
    this.#drainOrder(order, cacheBatch(order));
    return cache.push(this.#memory.words, order, first);
  }

  /** Adds a run to the run cache; false if it may not stay. One in eight without room evicts the oldest ones. */
  #cacheRun(first: number, count: number): boolean {
    const runCache = this.#runCache;
    const sync = this.#sync;
    if (runCache === undefined || sync === undefined || sync.waiters.isUnderPressure) return false;
    const pagesMax = runCachePagesMax(this.zones[Zone.NORMAL], sync.slots.hasSeveral ? sync.slots.takenCount : 1);
    if (count > pagesMax || first < this.dmaEndFrame) return false;
    if (!runCache.hasRoom(count, pagesMax)) {
      if (!runCache.countOverflow()) return false;
      while (!runCache.hasRoom(count, pagesMax)) if (this.drainRunCache(1) === 0) return false;
    }
    this.frames.setRun(first, count, RunKind.CACHED);
    runCache.push(first);
    return true;
  }

  /** Gives cached runs back, the oldest first; returns their pages. Under the pages' lock. */
  #drainRunCacheLocked(runLimit: number = RUN_CACHE_MAX): number {
    let pages = 0;
    for (let left = Math.min(runLimit, this.#runCache?.count ?? 0); left > 0; left--) {
      const oldest = this.#runCache?.takeOldest() ?? NO_FRAME;
      pages += this.frames.count(oldest);
      this.#zoneOf(oldest).give(oldest, this.frames.count(oldest));
    }
    return pages;
  }

  /** Whether this slot caches pages: not while it is the only one, nor under pressure. */
  #isCaching(): boolean {
    return this.#sync?.slots.hasSeveral === true && !this.#sync.waiters.isUnderPressure;
  }

  #drainOrder(order: number, runLimit: number): number {
    const cache = this.#cache;
    const { words } = this.#memory;
    if (cache === undefined || cache.count(words, order) === 0) return 0;
    let pages = 0;
    this.lock.acquire();
    for (let run = 0; run < runLimit; run++) {
      const frame = cache.pop(words, order);
      if (frame === NO_FRAME) break;
      if (ASSERTIONS) assertRun(this.frames, frame, 1 << order, RunKind.CACHED);
      this.#zoneOf(frame).give(frame, 1 << order);
      pages += 1 << order;
    }
    this.lock.updatePressure();
    this.lock.release();
    this.#sync?.waiters.noteFreed();
    return pages;
  }

  #zoneOf(frame: number): BuddyZone {
    if (ASSERTIONS) this.lock.assertHeld();
    const dma = this.zones[Zone.DMA];
    return frame < dma.get(ZoneRecord.END_FRAME) ? dma : this.zones[Zone.NORMAL];
  }
}
