import { ASSERTIONS, assert } from "../memory/assert.ts";
import { type BlockShapes, type Geometry, headerWord } from "../memory/header.ts";
import { GRANULE_SHIFT, Header, PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind, NO_FRAME, RunKind, RunOwner } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import type { PageRequest } from "../pages/page-request.ts";
import { assertHeaderLock, assertHeld } from "../sync/lock-order.ts";
import type { SlotSync } from "../sync/slot-sync.ts";
import { assertRecord, assertRoom, assertTagged } from "./assertions.ts";
import type { CacheTable } from "./cache-table.ts";
import { copyWords } from "./copy-words.ts";
import { BARN_CAPACITY_FACTOR, CacheRecord, Tag } from "./layout.ts";
import { CLASS_COUNT, classBytes, smallCapacity } from "./size-classes.ts";
import type { Slabs } from "./slab.ts";

/** The loops' constants, repeated here: the JavaScript engine folds a module's own constants, not imported ones. */
const inBarn = Tag.IN_BARN;
const granuleShift = GRANULE_SHIFT;
const pageShift = PAGE_SHIFT;
const lockField = CacheRecord.LOCK;
const barnField = CacheRecord.BARN;

/** A barn begins with the count of its entries. */
const COUNT_WORDS = 1;

/** What the barns depend on. */
export interface BarnContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly slabs: Slabs;
  readonly sync: SlotSync;
}

/** Capacity of the barn of a cache, in entries. */
export function barnCapacity(capacity: number): number {
  return capacity * BARN_CAPACITY_FACTOR;
}

/** Pages of the barns of all size classes. */
function barnPages(shapes: BlockShapes): number {
  let words = 0;
  for (let index = 0; index < CLASS_COUNT; index++)
    words += barnCapacity(smallCapacity(classBytes(index), shapes)) + COUNT_WORDS;
  return Math.ceil((words * WORD_BYTES) / PAGE_SIZE);
}

/**
 * What the sheaves of one slot are refilled from: the barn of a size class, through which slots exchange free blocks
 * half a sheaf or a remote sheaf at a time, and the slabs, below the barn or, for named caches, alone. A barn is a
 * stack of addresses; while the cache's lock is free, it holds every block tagged IN_BARN, and possibly stale entries
 * left by a double free; no block is in transit. In signatures, `kind` identifies a cache: the kind of its frames, from
 * FrameKind.FIRST_CACHE on. `cache` is the index in `words` of its record. Modelled on: Linux's barn.
 */
export class Barns {
  readonly #memory: LinearMemory;
  readonly #pages: PageAllocator;
  readonly #caches: CacheTable;
  readonly #slabs: Slabs;
  readonly #sync: SlotSync;
  readonly #barnsWord: number;
  readonly #lateDoubleFreesWord: number;

  constructor({ memory, geometry, pages, caches, slabs, sync }: BarnContext) {
    this.#memory = memory;
    this.#pages = pages;
    this.#caches = caches;
    this.#slabs = slabs;
    this.#sync = sync;
    this.#barnsWord = headerWord(geometry, Header.BARNS);
    this.#lateDoubleFreesWord = headerWord(geometry, Header.LATE_DOUBLE_FREES);
  }

  /**
   * Moves up to `wanted` free blocks into `words` from `firstWord` on and tags them with `cachedTag`; returns how many.
   * From the barn if it has entries, else from the slabs; if no slab has a free block, makes one, unless the cache has
   * a constructor or destructor.
   */
  take(
    kind: number,
    cache: number,
    firstWord: number,
    wanted: number,
    cachedTag: number,
    request: PageRequest,
  ): number {
    this.#sync.locks.acquire(cache + lockField);
    const barn = this.#barn(cache);
    const { words } = this.#memory;
    const count = barn === 0 ? 0 : words[barn];
    const taken = Math.min(count, wanted);
    if (ASSERTIONS) assertRoom(count, barnCapacity(words[cache + CacheRecord.CAPACITY]), "a barn");
    if (taken > 0) {
      copyWords(words, firstWord, barn + COUNT_WORDS + count - taken, taken);
      words[barn] = count - taken;
      const good = this.#retag(kind, firstWord, taken, inBarn, cachedTag);
      // If every entry was stale, the slabs serve.
      if (good > 0) {
        this.#sync.locks.release(cache + lockField);
        return good;
      }
    }
    let fromSlabs = this.#slabs.take(cache, firstWord, wanted, cachedTag);
    // With a constructor or destructor, the caller makes the slab, without the lock, and then calls `take` again.
    if (
      fromSlabs === 0 &&
      !this.#caches.hasConstructorOrDestructor(kind) &&
      this.#slabs.growLocked(kind, request, wanted)
    ) {
      fromSlabs = this.#slabs.take(cache, firstWord, wanted, cachedTag);
    }
    if (ASSERTIONS) this.#assertHandedOver(firstWord, fromSlabs, kind, cachedTag);
    this.#sync.locks.release(cache + lockField);
    return fromSlabs;
  }

  /**
   * Moves `count` blocks from a sheaf, listed in `words` from `firstWord` on, into the barn; into their slabs if the
   * barn has no room, or under pressure.
   */
  put(kind: number, cache: number, firstWord: number, count: number, cachedTag: number): void {
    if (count === 0) return;
    const isUnderPressure = this.#sync.waiters.isUnderPressure;
    this.#sync.locks.acquire(cache + lockField);
    const barn = this.#barn(cache);
    const { words } = this.#memory;
    const before = barn === 0 ? 0 : words[barn];
    const isRoom = barn !== 0 && before + count <= barnCapacity(words[cache + CacheRecord.CAPACITY]);
    if (!isRoom || isUnderPressure) {
      const stale = this.#slabs.put(kind, cache, firstWord, count, cachedTag);
      this.#sync.locks.release(cache + lockField);
      if (stale > 0) this.countLateDoubleFrees(stale);
      this.#sync.waiters.noteFreed();
      return;
    }
    const good = this.#retag(kind, firstWord, count, cachedTag, inBarn);
    if (ASSERTIONS) assertRoom(before + good, barnCapacity(words[cache + CacheRecord.CAPACITY]), "a barn");
    copyWords(words, barn + COUNT_WORDS + before, firstWord, good);
    words[barn] = before + good;
    this.#sync.locks.release(cache + lockField);
  }

  /** Returns all blocks in the barn of a cache to its slabs. */
  drain(kind: number): void {
    const cache = this.#caches.record(kind);
    if (this.#memory.words[cache + barnField] === 0) return;
    this.#sync.locks.acquire(cache + lockField);
    const count = this.#drainLocked(kind, cache);
    this.#sync.locks.release(cache + lockField);
    if (count > 0) this.#sync.waiters.noteFreed();
  }

  /** Blocks in the barn of a cache. */
  count(kind: number): number {
    const barn = this.#barn(this.#caches.record(kind));
    return barn === 0 ? 0 : this.#memory.words[barn];
  }

  /** Addresses in the barn of a cache. */
  entries(kind: number): number[] {
    const barn = this.#barn(this.#caches.record(kind)) + COUNT_WORDS;
    return Array.from(this.#memory.words.subarray(barn, barn + this.count(kind)), (entry) => entry >>> 0);
  }

  /**
   * Makes the barns of the size classes, unless they exist or there are no pages. Under TABLE_LOCK, or while no thread
   * works on the heap.
   */
  create(): void {
    if (this.#memory.words[this.#barnsWord] !== 0) return;
    const frame = this.#pages.allocate(barnPages(this.#caches.shapes), RunKind.SYSTEM);
    if (frame === NO_FRAME) return;
    this.#memory.refresh();
    const { words } = this.#memory;
    let barn = frame << (PAGE_SHIFT - WORD_SHIFT);
    words[this.#barnsWord] = frame << PAGE_SHIFT;
    this.#pages.frames.setOwner(frame, RunOwner.HEAP);
    for (let index = 0; index < CLASS_COUNT; index++) {
      const cache = this.#caches.record(FrameKind.FIRST_CACHE + index);
      if (ASSERTIONS) assert(words[cache + barnField] === 0, `the size class ${index} has no barn yet`);
      words[barn] = 0;
      Atomics.store(words, cache + barnField, barn);
      barn += barnCapacity(words[cache + CacheRecord.CAPACITY]) + COUNT_WORDS;
    }
  }

  /** Empties the barns of the size classes and frees their pages. Under TABLE_LOCK. */
  destroy(): void {
    const { words } = this.#memory;
    const address = words[this.#barnsWord] >>> 0;
    if (ASSERTIONS) assertHeaderLock(this.#sync.locks, Header.TABLE_LOCK, "the table's lock");
    if (address === 0) return;
    for (let index = 0; index < CLASS_COUNT; index++) {
      const kind = FrameKind.FIRST_CACHE + index;
      const cache = this.#caches.record(kind);
      this.#sync.locks.acquire(cache + lockField);
      this.#drainLocked(kind, cache);
      Atomics.store(words, cache + barnField, 0);
      this.#sync.locks.release(cache + lockField);
    }
    // The pages become this slot's before BARNS is cleared: if the thread dies here, its recovery finds them.
    this.#pages.claimExclusive(address >>> PAGE_SHIFT);
    words[this.#barnsWord] = 0;
    this.#pages.freeExclusive(address >>> PAGE_SHIFT, barnPages(this.#caches.shapes));
  }

  #drainLocked(kind: number, cache: number): number {
    const barn = this.#barn(cache);
    if (barn === 0) return 0;
    const { words } = this.#memory;
    const count = words[barn];
    if (ASSERTIONS) {
      assertHeld(this.#sync.locks, cache + lockField, "the cache's lock");
      assertRecord(cache, this.#caches.record(FrameKind.FIRST_CACHE));
      assertRoom(count, barnCapacity(words[cache + CacheRecord.CAPACITY]), "a barn");
    }
    words[barn] = 0;
    const stale = this.#slabs.put(kind, cache, barn + COUNT_WORDS, count, inBarn);
    if (stale > 0) this.countLateDoubleFrees(stale);
    return count;
  }

  /**
   * Changes the tags of blocks from one value to another and removes stale entries: two threads freed such a block at
   * the same time, and it is elsewhere by now. Returns how many entries are left.
   */
  #retag(kind: number, firstWord: number, count: number, from: number, to: number): number {
    const { words, bytes } = this.#memory;
    const { kindBias, tagBias } = this.#pages.frames;
    const endWord = firstWord + count;
    let good = firstWord;
    for (let word = firstWord; word < endWord; word++) {
      const block = words[word];
      const tagIndex = tagBias + (block >>> granuleShift);
      if (bytes[tagIndex] !== from || bytes[kindBias + (block >>> pageShift)] !== kind) continue;
      bytes[tagIndex] = to;
      words[good++] = block;
    }
    if (ASSERTIONS) this.#assertHandedOver(firstWord, good - firstWord, kind, to);
    if (good < endWord) this.countLateDoubleFrees(endWord - good);
    return good - firstWord;
  }

  /** In test builds: moved blocks have the tag of their new holder. */
  #assertHandedOver(firstWord: number, count: number, kind: number, tag: number): void {
    assertTagged(this.#pages.frames, { firstWord, count, kind, tag });
  }

  /** In test builds: the locks of this slot. */
  get locks(): SlotSync["locks"] {
    return this.#sync.locks;
  }

  /** Counts stale entries: double frees by two threads at the same time, which are detected only now. */
  countLateDoubleFrees(count: number): void {
    Atomics.add(this.#memory.words, this.#lateDoubleFreesWord, count);
  }

  /** The barn of a cache, with views that reach it: it may lie in pages that another thread has added. */
  #barn(cache: number): number {
    const barn = this.#memory.words[cache + barnField];
    if (barn >= this.#memory.words.length) this.#memory.waitForLength(this.#pages.frames.endFrame * PAGE_SIZE);
    return barn;
  }
}
