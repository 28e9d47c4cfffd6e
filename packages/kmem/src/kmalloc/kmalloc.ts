import { describeValue, isUint32, signedHint } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import { GRANULE, GRANULE_MASK, GRANULE_SHIFT, Header, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, NO_FRAME, RunKind, type RunKindValue } from "../pages/layout.ts";
import type { PageRequest } from "../pages/page-request.ts";
import { isSatisfiable } from "../pages/zone.ts";
import { isPowerOfTwo } from "../slab/cache-table.ts";
import { classTables } from "../slab/class-tables.ts";
import { CacheFlag, CacheRecord, isLive } from "../slab/layout.ts";
import { CLASS_COUNT, classBytes, MAX_CLASS_BYTES } from "../slab/size-classes.ts";
import { tagIndex } from "../slab/tags.ts";
import { assertNoLock } from "../sync/lock-order.ts";
import { assertNewBlock } from "./assertions.ts";
import { freeRun, resizeRun } from "./block-run.ts";
import { badFree } from "./describe.ts";
import { destroyUnusedBarns, type Layers, sheavesOf, underSheavesLock } from "./layers.ts";
import { Shrinkers } from "./shrinkers.ts";

/** log2 of the divisor: the frames in use must grow by 1/32 between two reclaims at a peak. */
const RECLAIM_STEP_SHIFT = 5;
/** And by so many at least. */
const RECLAIM_STEP_FRAMES = 6;
/** Requests for pages between two reclaims at a peak. */
const RECLAIM_REQUESTS = 16;
/** A small heap may reclaim sooner, after usedFrames / 8 requests for pages: log2 of the divisor. */
const RECLAIM_FRAMES_PER_REQUEST_SHIFT = 3;

/** The counter of requests stops here: one more, and the word would be negative. */
const REQUESTS_MAX: number = 2 ** 31 - 1;

/** A run of up to so many bytes stays whole while at least half of it is in use, as the block of a slab does. */
const WHOLE_RUN_BYTES: number = 2 * MAX_CLASS_BYTES;

/** Refills and flushes between two scans for idle size classes. */
const IDLE_SCAN_INTERVAL = 32;
/** The idle classes' free blocks are released if they amount to at least this share of the memory in use. */
const IDLE_FREE_SHARE: number = 1 / 12;

/** Calls that find memory short between two sweeps of dead waiters. */
const SWEEP_INTERVAL = 64;

/** Returned by `refill` when the sheaf has blocks again; it is not the address of a block. */
export const REFILLED = -1;

const ORDINARY: PageRequest = { mayUseReserve: false };
const FROM_RESERVE: PageRequest = { mayUseReserve: true };

/** Throws BAD_SIZE unless `sizeBytes` is a whole number from 0 to 2^32 - 1. */
export function requireSize(sizeBytes: number): void {
  if (isUint32(sizeBytes)) return;
  throw new KmemError(
    "BAD_SIZE",
    `a size is a whole number of bytes from 0 to 2^32 - 1, not ${describeValue(sizeBytes)}${signedHint("size", sizeBytes)}`,
    {
      sizeBytes,
    },
  );
}

/**
 * The slow path of kmalloc: empty and full sheaves, blocks above the largest size class, and all errors. Blocks up to
 * 32 KiB come from the slabs of their size class; larger blocks are runs of pages. Each thread has its own object. The
 * call graph, from a heap down to the lists of free pages:
 *
 *      alloc, fast: pops a block from the slot's sheaf (slab/fast-path.ts)
 *      └ refill(kind)                            the sheaf is empty
 *        ├ Sheaves.refill                        half a sheaf at a time
 *        │ └ Barns.take                          under the cache's lock, from the first of these that has blocks:
 *        │   ├ the barn                          blocks that slots have flushed
 *        │   ├ Slabs.take                        free blocks of the cache's slabs
 *        │   └ Slabs.growLocked                  a new slab: allocate (below), formatSlab, and Slabs.take again
 *        └ reclaim, Shrinkers.shrink             if there is no memory; then Sheaves.refill again
 *      └ allocateRun(size)                       above 32 KiB, or aligned to more than a page
 *        ├ PageAllocator.takeCachedRun           9 pages and more that the slot has cached, without a lock
 *        └ allocatePages, PageAllocator.allocate
 *          ├ PcpLists.pop                        1, 2, 4 or 8 pages that the slot has cached
 *          ├ BuddyZone.take                      under the pages' lock: a buddy block, for short runs
 *          ├ BuddyZone.find, BuddyZone.carve     for others, a contiguous free range, first fit by address
 *          └ growPages, BuddyZone.give           more memory, then BuddyZone.take or BuddyZone.find again
 *
 *      free, fast: pushes the block onto the sheaf; a small one that another slot allocated onto a remote one
 *      └ free(address)                           the sheaf (remote or not) is full, or the block belongs in none
 *        ├ Sheaves.flush, RemoteSheaves.drain    half a sheaf, or the remote sheaf
 *        │ └ Barns.put                           to the barn; if that is full, or memory is short, to the slabs:
 *        │   └ Slabs.put                         and PageAllocator.freeContiguous for slabs that become empty
 *        ├ Sheaves.putBypassingSheaf             while memory is short: one block, through Barns.put
 *        └ freeRun, PageAllocator.freeClaimed
 *          ├ RunCache.push, PcpLists.push        as above
 *          └ BuddyZone.give                      merges with its buddies, into the lists
 */
export class KmallocSlowPath {
  /** Functions of this thread that free memory when it is short. */
  readonly shrinkers: Shrinkers;
  readonly #layers: Layers;
  readonly #kindBySize: Uint8Array<ArrayBuffer> = classTables().kindBySize;
  /** The classes that the current scan has found idle, 1 for each. */
  readonly #idleClasses: Uint8Array<ArrayBuffer> = new Uint8Array(CLASS_COUNT);
  /** The pressureEpoch at which this thread last reclaimed. */
  #lastReclaimEpoch: number;
  /** Calls of this thread that found memory short. */
  #lowMemoryCalls = 0;

  constructor(layers: Layers) {
    this.#layers = layers;
    this.shrinkers = new Shrinkers(layers.slabs.functions.userCalls);
    this.#lastReclaimEpoch = layers.sync.waiters.pressureEpoch;
  }

  /** The smallest size class that holds `sizeBytes` and whose blocks all have this alignment, up to a page. */
  classFor(sizeBytes: number, alignmentBytes: number): number {
    let index = this.kindFor(Math.max(sizeBytes, alignmentBytes)) - FrameKind.FIRST_CACHE;
    while (index < CLASS_COUNT && classBytes(index) % alignmentBytes !== 0) index++;
    return index;
  }

  /** The kind of the smallest size class for `sizeBytes`, at most MAX_CLASS_BYTES. */
  kindFor(sizeBytes: number): number {
    return this.#kindBySize[(sizeBytes + GRANULE_MASK) >>> GRANULE_SHIFT];
  }

  /**
   * Serves a cache whose sheaf is empty. Returns a block, which bypasses the sheaf while memory is short; REFILLED if
   * the sheaf has blocks again; or 0 if there is no memory, even after reclaiming.
   */
  refill(kind: number, fromReserve: boolean): number {
    const request = fromReserve ? FROM_RESERVE : ORDINARY;
    if (ASSERTIONS) assertNoLock(this.#layers.sync.locks, "when a sheaf is filled");
    this.#shrinkIdleClasses(kind);
    if (this.#layers.caches.get(kind, CacheRecord.PARTIAL_HEAD) === NO_FRAME) this.#reclaimAtPeak();
    const got = this.#refillOnce(kind, request);
    if (got !== 0) return got;
    this.reclaim();
    const again = this.#refillOnce(kind, request);
    if (again !== 0 || this.#shrink(request) === 0) return again;
    this.reclaim();
    return this.#refillOnce(kind, request);
  }

  /**
   * Only the heap's own shrinkers for a request from the reserve, which must not block (GFP_ATOMIC). Under pressure
   * `#reclaimUnderPressure` runs the user's all the same.
   */
  #shrink(request: PageRequest): number {
    return request.mayUseReserve === true ? this.shrinkers.shrinkInternal() : this.shrinkers.shrink();
  }

  #refillOnce(kind: number, request: PageRequest): number {
    const { sheaves, sync } = this.#layers;
    if (!sync.waiters.isUnderPressure) return sheaves.refill(kind, request) ? REFILLED : 0;
    this.#reclaimUnderPressure();
    return sheaves.takeBypassingSheaf(kind, request);
  }

  /** A block above the largest class, or aligned to more than a page: a run of pages. 0 if there is no memory. */
  allocateRun(sizeBytes: number, alignmentBytes: number, fromReserve: boolean): number {
    const { memory, geometry, pages, slot } = this.#layers;
    const count = Math.max(1, Math.ceil(sizeBytes / PAGE_SIZE));
    const alignFrames = Math.max(1, alignmentBytes >>> PAGE_SHIFT);
    let frame = alignFrames === 1 ? pages.takeCachedRun(count) : NO_FRAME;
    if (frame === NO_FRAME) {
      this.#reclaimAtPeak();
      frame = this.allocatePages(count, RunKind.LARGE_BLOCK, { mayUseReserve: fromReserve, alignFrames });
      if (frame === NO_FRAME) return 0;
    }
    const address = frame * PAGE_SIZE;
    if (ASSERTIONS) assertNewBlock(this.#layers, frame, count);
    memory.bytes[tagIndex(geometry, address)] = slot + 1;
    return address;
  }

  /** Whether waiting for pages can ever succeed: false for more pages than the heap has when all are free. */
  isSatisfiable(count: number, request: PageRequest = ORDINARY): boolean {
    const { geometry, pages, slots, slot } = this.#layers;
    const ownPages = pages.frames.count(slots.area(slot) / PAGE_SIZE);
    return isSatisfiable(geometry, count, ownPages, request);
  }

  /** As {@link isSatisfiable}, for a block of a size. */
  isBlockSatisfiable(sizeBytes: number): boolean {
    if (sizeBytes <= MAX_CLASS_BYTES) return this.isKindSatisfiable(this.kindFor(sizeBytes));
    return this.isSatisfiable(Math.ceil(sizeBytes / PAGE_SIZE));
  }

  /** As {@link isSatisfiable}, for an object of a cache, which may need a slab. */
  isKindSatisfiable(kind: number): boolean {
    const { caches } = this.#layers;
    const dma = caches.hasFlag(kind, CacheFlag.IS_DMA);
    return this.isSatisfiable(caches.get(kind, CacheRecord.SLAB_PAGES), { dma });
  }

  /** Allocates pages, reclaiming and running shrinkers if there are none otherwise. The first frame, or NO_FRAME. */
  allocatePages(count: number, kind: RunKindValue, request: PageRequest): number {
    const { pages, sync } = this.#layers;
    if (ASSERTIONS) assertNoLock(sync.locks, "when pages are wanted that a shrinker may give back");
    let frame = pages.allocate(count, kind, request);
    if (frame === NO_FRAME && this.reclaim() > 0) frame = pages.allocate(count, kind, request);
    if (frame !== NO_FRAME || this.#shrink(request) === 0) return frame;
    this.reclaim();
    return pages.allocate(count, kind, request);
  }

  /**
   * Frees what the fast path could not: a run, or a block that bypasses the sheaf; or makes room in the sheaf, for a
   * retry. Throws for what is not a block. If several threads free the same block, exactly one succeeds.
   */
  free(address: number): "retry" | "done" {
    if (!this.isLive(address)) throw badFree(this.#layers, address);
    const { memory, geometry, pages, sheaves, slabs, sync, slot } = this.#layers;
    const frame = address >>> PAGE_SHIFT;
    const kind = pages.frames.kind(frame);
    if (kind >= FrameKind.FIRST_CACHE) {
      if (!sync.waiters.isUnderPressure) {
        this.#shrinkIdleClasses(kind);
        const { remoteSheaves } = sheaves;
        const isOwn = memory.bytes[tagIndex(geometry, address)] === slot + 1;
        if (isOwn || !remoteSheaves.hasSheafFor(kind) ? sheaves.flush(kind) : remoteSheaves.makeRoom(kind))
          return "retry";
      }
      // Before the block is freed: if a shrinker throws, the block is still live. If a destructor throws below, the
      // block is already free.
      this.#reclaimUnderPressure();
      if (!sheaves.putBypassingSheaf(kind, address)) throw badFree(this.#layers, address);
      slabs.releaseEmpty(kind);
      return "done";
    }
    if (!freeRun(this.#layers, address)) throw badFree(this.#layers, address);
    return "done";
  }

  /**
   * At each change of the pressureEpoch, frees all cached memory of this slot and closes all sheaves of the heap: until
   * memory is no longer short, blocks bypass the sheaves.
   */
  #reclaimUnderPressure(): void {
    const { waiters } = this.#layers.sync;
    // Dead waiters alone may keep memory short, with no other waiter left to remove them.
    if (++this.#lowMemoryCalls % SWEEP_INTERVAL === 0) waiters.sweep();
    const { pressureEpoch } = waiters;
    if (this.#lastReclaimEpoch === pressureEpoch) return;
    this.#lastReclaimEpoch = pressureEpoch;
    if (ASSERTIONS) assertNoLock(this.#layers.sync.locks, "while shrinkers run");
    this.shrinkers.shrink();
    this.reclaim();
    this.closeAllSheaves();
  }

  /**
   * Closes all sheaves and remote sheaves, so that the next operation of each slot takes the slow path, which bypasses
   * them under pressure. One that its slot is just changing may stay open.
   */
  closeAllSheaves(): void {
    underSheavesLock(this.#layers, () => {
      for (const slot of this.#layers.slots.withAreas()) sheavesOf(this.#layers, slot).closeAll();
    });
  }

  /** Whether a live block starts at the address. Any value is allowed. */
  isLive(address: number): boolean {
    const { memory, geometry } = this.#layers;
    if (!isUint32(address) || (address & GRANULE_MASK) !== 0) return false;
    const frame = address >>> PAGE_SHIFT;
    if (frame < geometry.firstPageFrame || frame >= geometry.coveredEndFrame) return false;
    return isLive(memory.bytes[tagIndex(geometry, address)]);
  }

  /** Bytes that the live block at `address` can hold. */
  usableBytes(address: number): number {
    const { pages, caches } = this.#layers;
    const frame = address >>> PAGE_SHIFT;
    const kind = pages.frames.kind(frame);
    if (kind >= FrameKind.FIRST_CACHE) return caches.blockBytes(kind);
    return pages.frames.count(frame) * PAGE_SIZE;
  }

  /**
   * Resizes a live block in place if that is sensible: a block of a slab or short run that stays at least half full, a
   * run whose tail is freed, or a run with free pages after it. `usable` is its {@link usableBytes}. False leaves the
   * block unchanged.
   */
  resizeInPlace(address: number, sizeBytes: number, usable: number): boolean {
    const { pages } = this.#layers;
    const frame = address >>> PAGE_SHIFT;
    if (pages.frames.kind(frame) >= FrameKind.FIRST_CACHE) {
      return sizeBytes <= usable && (sizeBytes >= usable >> 1 || usable === GRANULE);
    }
    if (sizeBytes <= MAX_CLASS_BYTES >> 1) return false;
    const newCount = Math.ceil(sizeBytes / PAGE_SIZE);
    if (sizeBytes <= usable && usable <= WHOLE_RUN_BYTES && sizeBytes >= usable >> 1) return true;
    return newCount === usable / PAGE_SIZE || resizeRun(this.#layers, address, newCount);
  }

  /**
   * Once the frames in use reach RECLAIM_AT and enough requests have passed, drains the cached runs, sheaves and barns,
   * and raises RECLAIM_AT, so that a heap at its peak holds little free memory. A heap that stays below RECLAIM_AT
   * never reclaims here.
   */
  #reclaimAtPeak(): void {
    const { pages, caches } = this.#layers;
    const { frames } = pages;
    const requests = Math.min(REQUESTS_MAX, frames.reclaimWord(Header.REQUESTS_SINCE_RECLAIM) + 1);
    frames.setReclaimWord(Header.REQUESTS_SINCE_RECLAIM, requests);
    const usedBefore = pages.usedFrames;
    if (requests < Math.min(RECLAIM_REQUESTS, usedBefore >> RECLAIM_FRAMES_PER_REQUEST_SHIFT)) return;
    if (usedBefore < frames.reclaimWord(Header.RECLAIM_AT)) return;
    const errors = new FirstError();
    pages.drainRunCache();
    if (ASSERTIONS) assert(usedBefore >= 0, `no fewer than 0 pages are in use, and not ${usedBefore}`);
    for (let kind: number = FrameKind.FIRST_CACHE; kind < caches.endKind; kind++) {
      if (this.#isDrainedAtPeak(kind)) errors.run(() => this.#drainAndRelease(kind));
    }
    const usedAfter = pages.usedFrames;
    frames.setReclaimWord(Header.REQUESTS_SINCE_RECLAIM, 0);
    const step = Math.max(RECLAIM_STEP_FRAMES, usedAfter >> RECLAIM_STEP_SHIFT);
    // The level never falls: below its peak a heap may keep its memory, which has been used before. Each reclaim raises
    // it by a step, up to one frame above the use before the reclaim: were it that use itself, a heap that returns to
    // exactly the same use would reclaim each time.
    const raisedLevel = Math.min(usedBefore + 1, frames.reclaimWord(Header.RECLAIM_AT) + step);
    frames.setReclaimWord(Header.RECLAIM_AT, Math.max(usedAfter + step, raisedLevel));
    errors.rethrow();
  }

  /**
   * Whether a reclaim at the peak takes what is free in a cache. Where several threads work, it leaves the size classes
   * alone: blocks given back to slabs would be refilled by another thread and lie between the first one's, and two
   * threads write to one line of tags then. Other caches there, and everywhere those that keep their slabs, as the ones
   * with a constructor or destructor do, are drained only if they were idle since the last time.
   */
  #isDrainedAtPeak(kind: number): boolean {
    const { caches, sheaves, slots } = this.#layers;
    if (caches.get(kind, CacheRecord.SLABS) === 0) return false;
    if (slots.hasSeveral) return kind >= FrameKind.FIRST_CACHE + CLASS_COUNT && sheaves.checkIdle(kind);
    const keepsSlabs = caches.hasConstructorOrDestructor(kind) || caches.hasFlag(kind, CacheFlag.KEEPS_SLABS);
    return !keepsSlabs || sheaves.checkIdle(kind);
  }

  /**
   * Every IDLE_SCAN_INTERVAL refills and flushes, adds up the free blocks of size classes that were idle since the last
   * scan, `busyKind` not among them, and releases them if they are many. A program that changes its sizes thus does not
   * keep its former slabs. Modelled on: the cache reaper of Linux's slab.c.
   */
  #shrinkIdleClasses(busyKind: number): void {
    const { caches, sheaves, pages } = this.#layers;
    if (sheaves.countTransfer() % IDLE_SCAN_INTERVAL !== 0) return;
    // Drain the oldest cached run. A run in regular use is taken and cached again, so it does not become the oldest.
    pages.drainRunCache(1);
    let freeBytes = 0;
    for (let index = 0; index < CLASS_COUNT; index++) {
      const kind = FrameKind.FIRST_CACHE + index;
      const isIdle = kind !== busyKind && caches.get(kind, CacheRecord.SLABS) > 0 && sheaves.checkIdle(kind);
      this.#idleClasses[index] = isIdle ? 1 : 0;
      if (isIdle) freeBytes += caches.get(kind, CacheRecord.FREE_BLOCKS) * classBytes(index);
    }
    if (freeBytes < pages.usedFrames * PAGE_SIZE * IDLE_FREE_SHARE) return;
    for (let index = 0; index < CLASS_COUNT; index++) {
      if (this.#idleClasses[index] === 1) this.#drainAndRelease(FrameKind.FIRST_CACHE + index);
    }
  }

  /** Drains the sheaf and the barn of a cache and releases its empty slabs. */
  #drainAndRelease(kind: number): void {
    const { caches, sheaves, barns, slabs } = this.#layers;
    if (ASSERTIONS) assert(kind >= FrameKind.FIRST_CACHE && kind < caches.endKind, `${kind} is the kind of a cache`);
    sheaves.drain(kind);
    barns.drain(kind);
    slabs.releaseEmpty(kind);
  }

  /** As {@link reclaim}; also frees the pages of empty sheaves, and the barns if no other thread needs them. */
  trim(): number {
    const { sheaves } = this.#layers;
    const errors = new FirstError();
    let pages = 0;
    errors.run(() => {
      pages = this.reclaim();
    });
    // Destructors may have freed blocks into sheaves that were already drained.
    sheaves.drainAll();
    underSheavesLock(this.#layers, () => sheaves.freeSheafPages());
    destroyUnusedBarns(this.#layers);
    errors.rethrow();
    return pages;
  }

  /**
   * Empties this slot's sheaves, remote sheaves, pcp lists and cached runs, and all barns, and releases empty slabs;
   * returns the pages freed. Throws the destructors' first error once all is done.
   */
  reclaim(): number {
    const { caches, slabs, pages } = this.#layers;
    if (ASSERTIONS) assertNoLock(this.#layers.sync.locks, "when the caches of a slot are emptied");
    const errors = new FirstError();
    const drained = pages.drainCache();
    const before = slabs.releasedPages;
    for (const kind of caches.kinds()) errors.run(() => this.#drainAndRelease(kind));
    const released = slabs.releasedPages - before;
    // Released slabs have come by way of the pcp lists: they are counted already.
    pages.drainCache();
    errors.rethrow();
    return drained + released;
  }
}

/** Throws BAD_ALIGNMENT unless it is a power of two below 2^32. */
export function requireAlignment(alignmentBytes: number): void {
  if (isPowerOfTwo(alignmentBytes)) return;
  throw new KmemError(
    "BAD_ALIGNMENT",
    `an alignment is a power of two below 2^32, not ${describeValue(alignmentBytes)}`,
    { alignmentBytes },
  );
}
