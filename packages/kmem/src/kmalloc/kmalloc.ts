import { describeValue, isUint32, signedHint } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import { GRANULE, GRANULE_MASK, GRANULE_SHIFT, Header, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, KIND_COUNT, NO_FRAME, RunKind, type RunKindValue } from "../pages/layout.ts";
import type { PageRequest } from "../pages/page-request.ts";
import { fitsEver } from "../pages/zone.ts";
import { isPowerOfTwo } from "../slab/cache-table.ts";
import { CacheFlag, CacheRecord, isLive } from "../slab/layout.ts";
import { CLASS_COUNT, classBySize, classBytes, MAX_CLASS_BYTES } from "../slab/size-classes.ts";
import { tagIndex } from "../slab/tags.ts";
import { assertNoLock } from "../sync/lock-order.ts";
import { assertNewBlock } from "./assertions.ts";
import { freeRun, resizeRun } from "./block-run.ts";
import { badFree } from "./describe.ts";
import { type Layers, sheavesOf, underSheavesLock, unshareBarns } from "./layers.ts";
import { Shrinkers } from "./shrinkers.ts";

/** Growth of the frames in use between two reclaims at a peak: a thirty-second, and no less than this. */
const RECLAIM_STEP_SHIFT = 5;
const RECLAIM_STEP_FRAMES = 2;
/** Requests for pages that pay for a reclaim. */
const RECLAIM_CREDIT = 16;
/** A small heap has little to look through, and pays with a request for every eighth of its pages. */
const RECLAIM_CREDIT_SHIFT = 3;

/** Refills and flushes from one look for idle size classes to the next. */
const REAP_INTERVAL = 64;
/** What is free in them is taken back from this share of the memory in use on. */
const REAP_SHARE: number = 1 / 12;

/** Calls that find memory short from one look for waiters that are gone to the next. */
const SWEEP_INTERVAL = 64;

/** The sheaf has blocks again: no address of one. */
export const REFILLED = -1;

const ORDINARY: PageRequest = { reserve: false };
const FROM_RESERVE: PageRequest = { reserve: true };

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
 * The slow half of kmalloc, which the fast path calls: sheaves that are empty or full, blocks above the largest size
 * class, and everything that is wrong. Blocks up to 32 KiB come from the slabs of their size class, larger ones are
 * runs of pages. Each thread has one of its own. Who calls whom, from a heap down to the lists of free pages:
 *
 *      alloc, fast: pops a block from the slot's sheaf (slab/fast-path.ts)
 *      └ refill(kind)                            the sheaf is empty
 *        ├ Sheaves.refill                        half a sheaf at a time
 *        │ └ Barns.take                          under the cache's lock, the first of these that has blocks:
 *        │   ├ the barn                          what other slots have flushed
 *        │   ├ Slabs.take                        free blocks of the cache's slabs
 *        │   └ Slabs.growLocked                  a new slab: allocate (below), cutSlab, and Slabs.take again
 *        └ reclaim, Shrinkers.shrink             without memory; then Sheaves.refill again
 *      └ allocateRun(size)                       above 32 KiB
 *        └ allocatePages, PageAllocator.allocate
 *          ├ PageCache.pop                       1, 2, 4 or 8 pages that the slot holds, without a lock
 *          ├ Buddy.take                          under the pages' lock: a block of the lists by order
 *          ├ Buddy.find, Buddy.carve             the lowest stretch of free neighbours that has room
 *          └ growPages, Buddy.give               more memory, then once more Buddy.take or Buddy.find
 *
 *      free, fast: pushes the block onto the sheaf, or the outbox of another slot's small blocks
 *      └ free(address)                           the sheaf or the outbox is full, or the block is none of theirs
 *        ├ Sheaves.flush, Outboxes.drain         half a sheaf, or the outbox
 *        │ └ Barns.put                           to the barn; where that is full, or memory is short, to the slabs:
 *        │   └ Slabs.put                         and PageAllocator.freeOwn for slabs that become empty
 *        ├ Sheaves.putBypassingSheaf             while memory is short: one block, through Barns.put
 *        └ freeRun, PageAllocator.freeOwn
 *          ├ PageCache.push                      as the pop above
 *          └ Buddy.give                          merges with its buddies, into the lists
 */
export class Kmalloc {
  /** Functions of this thread that give memory back when it is short. */
  readonly shrinkers: Shrinkers = new Shrinkers();
  readonly #layers: Layers;
  readonly #classBySize: Uint8Array<ArrayBuffer> = classBySize();
  /** Which classes were found idle by the look that is just being taken. */
  readonly #idleClasses: Uint8Array<ArrayBuffer> = new Uint8Array(CLASS_COUNT);
  /** The pressureEpoch at which this thread last gave everything back. */
  #lastReclaimEpoch: number;
  /** Calls of this thread that found memory short. */
  #shortCalls = 0;

  constructor(layers: Layers) {
    this.#layers = layers;
    this.#lastReclaimEpoch = layers.sync.waiters.pressureEpoch;
  }

  /** The smallest size class that holds `sizeBytes` and all of whose blocks are aligned as wanted, up to a page. */
  classFor(sizeBytes: number, alignmentBytes: number): number {
    let index = this.#classBySize[(Math.max(sizeBytes, alignmentBytes) + GRANULE_MASK) >>> GRANULE_SHIFT];
    while (index < CLASS_COUNT && classBytes(index) % alignmentBytes !== 0) index++;
    return index;
  }

  /** The kind of the smallest size class for `sizeBytes`, at most MAX_CLASS_BYTES. */
  kindFor(sizeBytes: number): number {
    return FrameKind.FIRST_CACHE + this.#classBySize[(sizeBytes + GRANULE_MASK) >>> GRANULE_SHIFT];
  }

  /**
   * What a cache gives when its sheaf has nothing: a block, past the sheaf while memory is short; REFILLED, when the
   * sheaf has blocks again; or 0, when there is no memory, even after reclaiming.
   */
  refill(kind: number, fromReserve: boolean): number {
    const request = fromReserve ? FROM_RESERVE : ORDINARY;
    if (ASSERTIONS) assertNoLock(this.#layers.sync.locks, "when a sheaf is filled");
    this.#reapNowAndThen();
    if (this.#layers.caches.get(kind, CacheRecord.HEAD) === NO_FRAME) this.#reclaimAtPeak();
    const got = this.#refillOnce(kind, request);
    if (got !== 0) return got;
    this.reclaim();
    const again = this.#refillOnce(kind, request);
    if (again !== 0 || fromReserve || this.shrinkers.shrink() === 0) return again;
    this.reclaim();
    return this.#refillOnce(kind, request);
  }

  #refillOnce(kind: number, request: PageRequest): number {
    const { sheaves, sync } = this.#layers;
    if (!sync.waiters.isUnderPressure) return sheaves.refill(kind, request) ? REFILLED : 0;
    this.#reclaimUnderPressure();
    return sheaves.takeBypassingSheaf(kind, request);
  }

  /** A block above the largest class, or one aligned beyond a page: a run of pages. 0 when there is no memory. */
  allocateRun(sizeBytes: number, alignmentBytes: number, fromReserve: boolean): number {
    const { memory, geometry, slot } = this.#layers;
    const count = Math.max(1, Math.ceil(sizeBytes / PAGE_SIZE));
    const alignFrames = Math.max(1, alignmentBytes >>> PAGE_SHIFT);
    this.#reclaimAtPeak();
    const frame = this.allocatePages(count, RunKind.BLOCK, { reserve: fromReserve, alignFrames });
    if (frame === NO_FRAME) return 0;
    const address = frame * PAGE_SIZE;
    if (ASSERTIONS) assertNewBlock(this.#layers, frame, count);
    memory.bytes[tagIndex(geometry, address)] = slot + 1;
    return address;
  }

  /** Whether waiting for pages can ever help: not for more than the heap has when all is free. */
  mayEverServe(count: number, request: PageRequest = ORDINARY): boolean {
    const { geometry, pages, slots, slot } = this.#layers;
    const ownPages = pages.frames.count(slots.area(slot) / PAGE_SIZE);
    return fitsEver(geometry, count, ownPages, request);
  }

  /** As {@link mayEverServe}, for a block of a size. */
  mayEverServeBlock(sizeBytes: number): boolean {
    if (sizeBytes <= MAX_CLASS_BYTES) return this.mayEverServeKind(this.kindFor(sizeBytes));
    return this.mayEverServe(Math.ceil(sizeBytes / PAGE_SIZE));
  }

  /** As {@link mayEverServe}, for an object of a cache, which may need a slab. */
  mayEverServeKind(kind: number): boolean {
    const { caches } = this.#layers;
    const dma = caches.hasFlag(kind, CacheFlag.IS_DMA);
    return this.mayEverServe(caches.get(kind, CacheRecord.SLAB_PAGES), { dma });
  }

  /** Pages, after reclaiming and shrinking where there are none otherwise. The first frame, or NO_FRAME. */
  allocatePages(count: number, kind: RunKindValue, request: PageRequest): number {
    const { pages, sync } = this.#layers;
    if (ASSERTIONS) assertNoLock(sync.locks, "when pages are wanted that a shrinker may give back");
    let frame = pages.allocate(count, kind, request);
    if (frame === NO_FRAME && this.reclaim() > 0) frame = pages.allocate(count, kind, request);
    if (frame !== NO_FRAME || request.reserve === true || this.shrinkers.shrink() === 0) return frame;
    this.reclaim();
    return pages.allocate(count, kind, request);
  }

  /**
   * Frees what the fast path could not: a run, or a block past the sheaf; or makes room in the sheaf, for another try.
   * Throws for anything that is no block. Of several threads that come here with the same block, one succeeds.
   */
  free(address: number): "retry" | "done" {
    if (!this.isLive(address)) throw badFree(this.#layers, address);
    const { memory, geometry, pages, sheaves, slabs, sync, slot } = this.#layers;
    const frame = address >>> PAGE_SHIFT;
    const kind = pages.frames.kind(frame);
    if (kind >= FrameKind.FIRST_CACHE) {
      if (!sync.waiters.isUnderPressure) {
        this.#reapNowAndThen();
        const { outboxes } = sheaves;
        const isOwn = memory.bytes[tagIndex(geometry, address)] === slot + 1;
        if (isOwn || !outboxes.serves(kind) ? sheaves.flush(kind) : outboxes.makeRoom(kind)) return "retry";
      }
      // First: what a shrinker throws leaves the block as it was.
      this.#reclaimUnderPressure();
      if (!sheaves.putBypassingSheaf(kind, address)) throw badFree(this.#layers, address);
      slabs.releaseEmpty(kind);
      return "done";
    }
    if (!freeRun(this.#layers, address)) throw badFree(this.#layers, address);
    return "done";
  }

  /**
   * Once for each time that memory becomes short or somebody comes to wait for it, gives back all that the slot holds.
   * All sheaves of the heap are closed then: until there is enough again, blocks come and go past them.
   */
  #reclaimUnderPressure(): void {
    const { waiters } = this.#layers.sync;
    // It may be short because of waiters that are gone, and no others that would find out.
    if (++this.#shortCalls % SWEEP_INTERVAL === 0) waiters.sweep();
    const { pressureEpoch } = waiters;
    if (this.#lastReclaimEpoch === pressureEpoch) return;
    this.#lastReclaimEpoch = pressureEpoch;
    if (ASSERTIONS) assertNoLock(this.#layers.sync.locks, "while shrinkers run");
    this.shrinkers.shrink();
    this.reclaim();
    this.closeAllSheaves();
  }

  /** Closes all sheaves, so that what any slot frees from now on is given back at once. */
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
    if (frame < geometry.firstPageFrame || frame >= geometry.limitFrame) return false;
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
   * Fits a live block to a new size where it stands, if that is sensible: the same class, a run whose tail goes back,
   * or one with free pages after it. `usable` is what {@link usableBytes} says of it. False leaves it as it was.
   */
  resizeInPlace(address: number, sizeBytes: number, usable: number): boolean {
    const { pages } = this.#layers;
    const frame = address >>> PAGE_SHIFT;
    if (pages.frames.kind(frame) >= FrameKind.FIRST_CACHE) {
      return sizeBytes <= usable && (sizeBytes >= usable >> 1 || usable === GRANULE);
    }
    if (sizeBytes <= MAX_CLASS_BYTES >> 1) return false;
    const newCount = Math.ceil(sizeBytes / PAGE_SIZE);
    return newCount === usable / PAGE_SIZE || resizeRun(this.#layers, address, newCount);
  }

  /**
   * Before the heap grows past the highest level that it had after such a time by a thirty-second, takes back what lies
   * in sheaves and empty slabs of caches that have been idle since: at its peak a heap then holds little that is free.
   * A heap that does not grow never comes here, and one that swings comes until it has reached its peak a few times.
   */
  #reclaimAtPeak(): void {
    const { pages, caches, sheaves } = this.#layers;
    const { frames } = pages;
    const credit = frames.reclaimWord(Header.RECLAIM_CREDIT) + 1;
    frames.setReclaimWord(Header.RECLAIM_CREDIT, credit);
    const usedFrames = pages.usedFrames;
    if (credit < Math.min(RECLAIM_CREDIT, usedFrames >> RECLAIM_CREDIT_SHIFT)) return;
    if (usedFrames < frames.reclaimWord(Header.RECLAIM_AT)) return;
    const errors = new FirstError();
    if (ASSERTIONS) assert(usedFrames >= 0, `no fewer than 0 pages are in use, and not ${usedFrames}`);
    for (let kind: number = FrameKind.FIRST_CACHE; kind < KIND_COUNT; kind++) {
      if (caches.get(kind, CacheRecord.SLABS) > 0 && sheaves.isIdle(kind)) errors.run(() => this.#empty(kind));
    }
    const used = pages.usedFrames;
    frames.setReclaimWord(Header.RECLAIM_CREDIT, 0);
    const step = Math.max(RECLAIM_STEP_FRAMES, used >> RECLAIM_STEP_SHIFT);
    // Never lower: below its highest peak a heap may keep what it has, since its memory has been used before. And a
    // heap that comes back each time rises by a step each time, until it is left alone: never to a level that it is at,
    // for then it would come here each time that it returns to just that.
    const risen = Math.min(usedFrames + 1, frames.reclaimWord(Header.RECLAIM_AT) + step);
    frames.setReclaimWord(Header.RECLAIM_AT, Math.max(used + step, risen));
    errors.rethrow();
  }

  /**
   * Now and then, looks how much lies free in size classes that were idle since the last time, and takes it back where
   * that is much. So a program which has changed its ways does not keep the slabs of its former ones.
   * System: the cache reaper of Linux's slab.c.
   */
  #reapNowAndThen(): void {
    const { caches, sheaves, pages } = this.#layers;
    if (sheaves.countExchange() % REAP_INTERVAL !== 0) return;
    let freeBytes = 0;
    for (let index = 0; index < CLASS_COUNT; index++) {
      const kind = FrameKind.FIRST_CACHE + index;
      this.#idleClasses[index] = caches.get(kind, CacheRecord.SLABS) > 0 && sheaves.isIdle(kind) ? 1 : 0;
      freeBytes += this.#idleClasses[index] * caches.get(kind, CacheRecord.FREE_BLOCKS) * classBytes(index);
    }
    if (freeBytes < pages.usedFrames * PAGE_SIZE * REAP_SHARE) return;
    for (let index = 0; index < CLASS_COUNT; index++) {
      if (this.#idleClasses[index] === 1) this.#empty(FrameKind.FIRST_CACHE + index);
    }
  }

  /** Takes back what lies in the sheaf, the barn and the empty slabs of a cache. */
  #empty(kind: number): void {
    const { sheaves, barns, slabs } = this.#layers;
    if (ASSERTIONS) assert(kind >= FrameKind.FIRST_CACHE && kind < KIND_COUNT, `${kind} is the kind of a cache`);
    sheaves.drain(kind);
    barns.drain(kind);
    slabs.releaseEmpty(kind);
  }

  /** As {@link reclaim}; the pages of empty sheaves go too, and the barns end where no other thread needs them. */
  trim(): number {
    const { sheaves } = this.#layers;
    const errors = new FirstError();
    let pages = 0;
    errors.run(() => {
      pages = this.reclaim();
    });
    // Destructors may have freed into sheaves that were empty already.
    sheaves.empty();
    underSheavesLock(this.#layers, () => sheaves.freeGroupPages());
    unshareBarns(this.#layers);
    errors.rethrow();
    return pages;
  }

  /**
   * Empties this slot's caches and all barns, and releases empty slabs; returns the pages given back. What destructors
   * throw is thrown when all is done.
   */
  reclaim(): number {
    const { caches, slabs, pages } = this.#layers;
    if (ASSERTIONS) assertNoLock(this.#layers.sync.locks, "when the caches of a slot are emptied");
    const before = slabs.releasedPages;
    const errors = new FirstError();
    for (const kind of caches.kinds()) errors.run(() => this.#empty(kind));
    const released = slabs.releasedPages - before + pages.drainCache();
    errors.rethrow();
    return released;
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
