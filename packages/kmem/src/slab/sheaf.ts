import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { Geometry } from "../memory/header.ts";
import { GRANULE_SHIFT, Header, PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind, KIND_COUNT, NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import type { PageRequest } from "../pages/page-request.ts";
import { assertHeaderLock } from "../sync/lock-order.ts";
import type { SlotTable } from "../sync/slot.ts";
import { allocateArea, areaPages, isLargeArea } from "./area.ts";
import { assertRoom, assertTagged } from "./assertions.ts";
import type { Barns } from "./barn.ts";
import type { CacheTable } from "./cache-table.ts";
import { copyWords } from "./copy-words.ts";
import {
  AreaWord,
  CACHES_PER_SHEAF_PAGE_MASK,
  CACHES_PER_SHEAF_PAGE_SHIFT,
  CacheRecord,
  FIRST_SHEAF_WORD,
  FULL,
  isLive,
  NAMED_SHEAF_PAGE_COUNT,
  NAMED_SHEAF_SHIFT,
  SENTINEL_WORDS,
  Tag,
} from "./layout.ts";
import type { CreateRemoteSheaves, RemoteSheaves } from "./remote-sheaf.ts";
import { CLASS_COUNT, LARGE_SHEAF_CAPACITY_MAX, sheafCapacity } from "./size-classes.ts";
import type { Slabs } from "./slab.ts";

/** The hot functions' constants, repeated here: the JavaScript engine folds a module's own constants, not imported ones. */
const capacityField = CacheRecord.CAPACITY;
const full = FULL;

const ANY_PAGES: PageRequest = {};

const firstNamedKind: number = FrameKind.FIRST_CACHE + CLASS_COUNT;

/**
 * The sheaves of one slot: per cache, a stack of free blocks that is private to the slot. A sheaf is filled from the
 * barn and flushed into it half a sheaf at a time; named caches have no barn, theirs trade with the slabs. The fast
 * paths that pop and push are in `fast-path.ts`. In signatures, `kind` identifies a cache: the kind of its frames, from
 * FrameKind.FIRST_CACHE on. `cache` is the index in `words` of its record. Modelled on: Linux's sheaves, Bonwick's
 * magazines.
 */
export class Sheaves {
  /** Index in `words` of the slot's area. */
  readonly areaWord: number;
  readonly #memory: LinearMemory;
  readonly #pages: PageAllocator;
  readonly #caches: CacheTable;
  readonly #slabs: Slabs;
  readonly #barns: Barns;
  readonly #geometry: Geometry;
  readonly #emptySentinel: number;
  readonly #cachedTag: number;
  readonly #slot: number;
  /** Whether the sheaves of the size classes are those of a large area. */
  readonly isLarge: boolean;
  /** Capacity in entries of the sheaf of each size class. */
  readonly #classCapacities: readonly number[];
  /** Blocks that other slots allocated and this slot freed, before they go to the barn. */
  readonly remoteSheaves: RemoteSheaves;
  /** Index in `words` of the dummy sheaf (EMPTY and FULL at once) that stands in for closed or absent sheaves. */
  readonly #dummySheaf: number;
  /** Index in `words` of TOPS, each of whose words is the index of a sheaf's top entry. */
  readonly #tops: number;

  private constructor(context: SheafContext, areaAddress: number, slot: number, isLarge: boolean) {
    const { geometry } = context;
    this.#geometry = geometry;
    this.#memory = context.memory;
    this.#pages = context.pages;
    this.#caches = context.caches;
    this.#slabs = context.slabs;
    this.#barns = context.barns;
    this.#emptySentinel = geometry.baseFrame << PAGE_SHIFT;
    this.#cachedTag = Tag.FIRST_CACHED + slot;
    this.#slot = slot;
    this.isLarge = isLarge;
    this.#classCapacities = Array.from({ length: CLASS_COUNT }, (_, index) => sheafCapacity(index, isLarge, geometry));
    this.areaWord = areaAddress >>> WORD_SHIFT;
    this.#dummySheaf = this.areaWord + AreaWord.DUMMY_SHEAF;
    this.#tops = this.areaWord + AreaWord.TOPS;
    this.remoteSheaves = context.createRemoteSheaves(context, this.areaWord, this.#cachedTag);
  }

  /** The sheaves in a slot's private pages; the number of those pages determines the size of the sheaves. */
  static at(context: SheafContext, areaAddress: number, slot: number): Sheaves {
    const pageCount = context.pages.frames.count(areaAddress >>> PAGE_SHIFT);
    return new Sheaves(context, areaAddress, slot, isLargeArea(pageCount, context.geometry));
  }

  /** Opens the sheaves of a slot, with new private pages if it has none; undefined if there are no pages. */
  static open(context: SheafContext, slots: SlotTable, slot: number): Sheaves | undefined {
    const area = slots.area(slot);
    if (area !== 0) return Sheaves.at(context, area, slot);
    const frame = allocateArea(context.pages, context.geometry);
    if (frame === NO_FRAME) return undefined;
    context.memory.refresh();
    const sheaves = Sheaves.at(context, frame * PAGE_SIZE, slot);
    sheaves.#format();
    slots.setArea(slot, frame * PAGE_SIZE);
    return sheaves;
  }

  /** Index in `words` of the slot's pcp lists. */
  get pcpWord(): number {
    return this.areaWord + AreaWord.PCP;
  }

  /** Index in `words` of the top entry of a sheaf, also of a closed one. */
  top(kind: number): number {
    const { words } = this.#memory;
    const top = words[this.areaWord + AreaWord.TOPS + kind];
    if (top !== this.#dummySheaf) return top;
    const saved = words[this.areaWord + AreaWord.SAVED + kind];
    return saved === 0 ? top : saved;
  }

  /** Counts a refill or a flush of any sheaf of the slot; returns the new count. */
  countTransfer(): number {
    const { words } = this.#memory;
    return ++words[this.areaWord + AreaWord.TRANSFERS] >>> 0;
  }

  /** Capacity of the sheaf of a cache, in entries. */
  capacity(kind: number): number {
    return this.#capacity(kind, this.#caches.record(kind));
  }

  #capacity(kind: number, cache: number): number {
    if (kind < firstNamedKind) return this.#classCapacities[kind - FrameKind.FIRST_CACHE];
    return this.#memory.words[cache + capacityField];
  }

  /** Entries in the sheaf of a cache. */
  count(kind: number): number {
    return this.top(kind) - this.bottom(kind);
  }

  /** Free blocks of a cache in the slot's sheaf and remote sheaf; stale entries do not count. */
  validCount(kind: number): number {
    const entries = [...this.entries(kind), ...this.remoteSheaves.entries(kind)];
    const { frames } = this.#pages;
    const isGood = (entry: number): boolean => this.#isCachedHere(entry) && frames.kind(entry >>> PAGE_SHIFT) === kind;
    return new Set(entries.filter(isGood)).size;
  }

  /** Index in `words` of the sheaf's EMPTY sentinel, below the top; the top itself where that is lost. O(entries). */
  bottom(kind: number): number {
    const { words } = this.#memory;
    const top = this.top(kind);
    for (let word = top; word >= top - LARGE_SHEAF_CAPACITY_MAX; word--) {
      if (words[word] === this.#emptySentinel) return word;
    }
    return top;
  }

  /**
   * Fills the empty sheaf of a cache up to half its capacity; false if there is no memory or no such cache. Half, so
   * that a thread that alternates around a full or an empty sheaf does not come here at each call.
   */
  refill(kind: number, request: PageRequest): boolean {
    for (;;) {
      const top = this.#openTop(kind, request);
      if (top === this.#dummySheaf) return false;
      const { words } = this.#memory;
      const entry = words[top];
      // Not empty: the sheaf was closed, the caller's views predate growth, or a constructor freed blocks.
      if (entry !== this.#emptySentinel && this.#isCachedHere(entry)) return true;
      if (entry !== this.#emptySentinel) {
        words[this.#tops + kind] = top - 1;
        this.#barns.countLateDoubleFrees(1);
        continue;
      }
      const cache = this.#caches.record(kind);
      const taken = this.#barns.take(kind, cache, top + 1, this.#capacity(kind, cache) >> 1, this.#cachedTag, request);
      if (ASSERTIONS) this.#assertEntries(kind, top + 1, taken);
      if (taken > 0) {
        // Memory that is not shared may just have grown and got new views.
        this.#memory.words[this.#tops + kind] = top + taken;
        return true;
      }
      if (!this.#caches.hasConstructorOrDestructor(kind) || !this.#slabs.grow(kind, request)) return false;
    }
  }

  /** Makes room in the full sheaf of a cache: moves its older half to the barn. False if there is no sheaf. */
  flush(kind: number): boolean {
    const top = this.#openTop(kind, ANY_PAGES);
    if (top === this.#dummySheaf) return false;
    const { words } = this.#memory;
    if (words[top + 1] !== full) return true;
    const cache = this.#caches.record(kind);
    const capacity = this.#capacity(kind, cache);
    const first = top - capacity + 1;
    const half = (capacity + 1) >> 1;
    if (ASSERTIONS)
      assert(words[first - 1] === this.#emptySentinel, `a full sheaf of ${capacity} blocks begins with EMPTY`);
    this.#barns.put(kind, cache, first, half, this.#cachedTag);
    copyWords(words, first, first + half, capacity - half);
    words[this.#tops + kind] = top - half;
    if (ASSERTIONS) assertRoom(top - half - first + 1, capacity, "a flushed sheaf");
    return true;
  }

  /**
   * Frees a live block, bypassing the sheaf: under pressure into its slab; else, where there is no sheaf, into the barn
   * if that has room. With an owner, only if it is that slot's. False, with nothing changed, if another thread freed it
   * first.
   */
  putBypassingSheaf(kind: number, address: number, owner?: number): boolean {
    const { words, bytes } = this.#memory;
    const index = this.#pages.frames.tagBias + (address >>> GRANULE_SHIFT);
    const tag = owner === undefined ? bytes[index] : owner + 1;
    if (!isLive(tag) || Atomics.compareExchange(bytes, index, tag, this.#cachedTag) !== tag) return false;
    words[this.areaWord + AreaWord.SCRATCH] = address;
    this.#barns.put(kind, this.#caches.record(kind), this.areaWord + AreaWord.SCRATCH, 1, this.#cachedTag);
    return true;
  }

  /**
   * Allocates a block under pressure, bypassing the sheaf; 0 if there is none. Throws NO_CONSTRUCTOR, and what a
   * constructor throws.
   */
  takeBypassingSheaf(kind: number, request: PageRequest): number {
    const scratch = this.areaWord + AreaWord.SCRATCH;
    const cache = this.#caches.record(kind);
    while (this.#barns.take(kind, cache, scratch, 1, this.#cachedTag, request) === 0) {
      if (!this.#caches.hasConstructorOrDestructor(kind) || !this.#slabs.grow(kind, request)) return 0;
    }
    const address = this.#memory.words[scratch] >>> 0;
    if (ASSERTIONS) this.#assertEntries(kind, scratch, 1);
    this.#memory.bytes[this.#pages.frames.tagBias + (address >>> GRANULE_SHIFT)] = this.#slot + 1;
    return address;
  }

  /** Empties the sheaf and the remote sheaf of a cache into its barn, or into its slabs while memory is short. */
  drain(kind: number): void {
    this.remoteSheaves.drain(kind);
    const { words } = this.#memory;
    const top = this.top(kind);
    const bottom = this.bottom(kind);
    if (top === bottom) return;
    this.#barns.put(kind, this.#caches.record(kind), bottom + 1, top - bottom, this.#cachedTag);
    words[this.areaWord + AreaWord.TOPS + kind] = bottom;
    if (ASSERTIONS) assert(words[bottom] === this.#emptySentinel, "a drained sheaf is empty");
  }

  /**
   * Closes the sheaves of all caches, so that the next operation on each takes the slow path. Any thread may call this,
   * under the sheaves lock, even while the slot's own thread works; that thread opens them again. A sheaf that the
   * slot's thread changes at the same time may stay open.
   */
  closeAll(): void {
    if (ASSERTIONS) assertHeaderLock(this.#barns.locks, Header.SHEAVES_LOCK, "the sheaves lock");
    for (const kind of this.#caches.kinds()) {
      this.#close(kind);
      this.remoteSheaves.close(kind);
    }
  }

  #close(kind: number): boolean {
    const { words } = this.#memory;
    const topWord = this.areaWord + AreaWord.TOPS + kind;
    const top = Atomics.load(words, topWord);
    if (top === this.#dummySheaf) return true;
    Atomics.store(words, this.areaWord + AreaWord.SAVED + kind, top);
    return Atomics.compareExchange(words, topWord, top, this.#dummySheaf) === top;
  }

  /** Opens a closed sheaf. Only for the slot's own thread; returns whether the sheaf was closed. */
  reopen(kind: number): boolean {
    const { words } = this.#memory;
    const topWord = this.areaWord + AreaWord.TOPS + kind;
    if (words[topWord] !== this.#dummySheaf) return false;
    const saved = Atomics.load(words, this.areaWord + AreaWord.SAVED + kind);
    if (saved === 0) return false;
    Atomics.store(words, topWord, saved);
    return true;
  }

  /**
   * True if the top is the one recorded by the last scan of this cache; else records it. All slots share the record, so
   * that after another slot's scan the answer is false.
   */
  checkIdle(kind: number): boolean {
    const { words } = this.#memory;
    const top = this.top(kind);
    const scanWord = this.#caches.record(kind) + CacheRecord.IDLE_SCAN_TOP;
    if (words[scanWord] === top) return true;
    words[scanWord] = top;
    return false;
  }

  /** Takes a cache's empty sheaf away: the kind's next use makes a new one. Same locking as {@link freeSheafPages}. */
  removeSheaf(kind: number): void {
    const { words } = this.#memory;
    words[this.areaWord + AreaWord.SAVED + kind] = 0;
    words[this.areaWord + AreaWord.TOPS + kind] = this.#dummySheaf;
  }

  /** Empties every sheaf and the pcp lists. */
  drainAll(): void {
    for (const kind of this.#caches.kinds()) this.drain(kind);
    this.#pages.drainCache();
  }

  /**
   * Frees the pages of empty remote sheaves and of named caches' empty sheaves, to be made again. Under the sheaves
   * lock, or when no other thread can reach the area any more.
   */
  freeSheafPages(): void {
    this.remoteSheaves.destroy();
    const { words } = this.#memory;
    for (let group = 0; group < NAMED_SHEAF_PAGE_COUNT; group++) {
      const page = words[this.areaWord + AreaWord.NAMED_SHEAF_PAGES + group] >>> 0;
      if (page === 0) continue;
      const firstKind = group << CACHES_PER_SHEAF_PAGE_SHIFT;
      for (let kind = firstKind; kind <= (firstKind | CACHES_PER_SHEAF_PAGE_MASK); kind++) {
        if (kind >= firstNamedKind) this.removeSheaf(kind);
      }
      words[this.areaWord + AreaWord.NAMED_SHEAF_PAGES + group] = 0;
      this.#pages.free(page >>> PAGE_SHIFT, 1, RunKind.SYSTEM);
    }
  }

  /** Frees the slot's private pages, which must be empty and no longer reachable for other threads. */
  destroy(): void {
    this.#pages.useCache(undefined);
    this.freeSheafPages();
    if (ASSERTIONS) for (const kind of this.#caches.kinds()) assert(this.count(kind) === 0, `sheaf ${kind} is empty`);
    const pageCount = areaPages(this.isLarge, this.#geometry);
    this.#pages.free(this.areaWord >>> (PAGE_SHIFT - WORD_SHIFT), pageCount, RunKind.SYSTEM);
  }

  /** Addresses in the sheaf of a cache, bottom first. */
  entries(kind: number): number[] {
    const { words } = this.#memory;
    const bottom = this.bottom(kind);
    return Array.from(words.subarray(bottom + 1, this.top(kind) + 1), (entry) => entry >>> 0);
  }

  /**
   * Returns the top of a cache's sheaf, and makes or opens it if needed; other threads may close it at any time. The
   * top of the dummy sheaf if no sheaf can be made.
   */
  #openTop(kind: number, request: PageRequest): number {
    for (;;) {
      const top = this.#memory.words[this.#tops + kind];
      if (top !== this.#dummySheaf || !this.#ensureSheaf(kind, request)) return top;
    }
  }

  /** False for a stale entry, left by two simultaneous frees: another slot holds the block. */
  #isCachedHere(entry: number): boolean {
    return this.#memory.bytes[this.#pages.frames.tagBias + (entry >>> GRANULE_SHIFT)] === this.#cachedTag;
  }

  /** In test builds: blocks that came into a sheaf of this slot have its tag. */
  #assertEntries(kind: number, firstWord: number, count: number): void {
    assertTagged(this.#pages.frames, { firstWord, count, kind, tag: this.#cachedTag });
  }

  #format(): void {
    const { words } = this.#memory;
    const closed = this.#dummySheaf;
    words.fill(0, this.areaWord, this.areaWord + FIRST_SHEAF_WORD);
    words[closed] = this.#emptySentinel;
    words[closed + 1] = FULL;
    words.fill(closed, this.areaWord + AreaWord.TOPS, this.areaWord + AreaWord.TOPS + KIND_COUNT);
    words.fill(closed, this.areaWord + AreaWord.REMOTE_TOPS, this.areaWord + AreaWord.REMOTE_TOPS + KIND_COUNT);
    let bottom: number = this.areaWord + FIRST_SHEAF_WORD;
    for (let index = 0; index < CLASS_COUNT; index++) {
      const kind = FrameKind.FIRST_CACHE + index;
      this.#formatSheaf(kind, bottom);
      bottom += this.capacity(kind) + SENTINEL_WORDS;
    }
  }

  #formatSheaf(kind: number, bottom: number): void {
    const { words } = this.#memory;
    const end = bottom + this.capacity(kind) + 1;
    words[bottom] = this.#emptySentinel;
    // The page may hold old data: no word between the sentinels may look like FULL.
    words.fill(0, bottom + 1, end);
    words[end] = FULL;
    words[this.areaWord + AreaWord.TOPS + kind] = bottom;
  }

  /** Makes the sheaf of a named cache when this slot first uses the cache. */
  #ensureSheaf(kind: number, request: PageRequest): boolean {
    const { words } = this.#memory;
    if (this.reopen(kind) || words[this.areaWord + AreaWord.TOPS + kind] !== this.#dummySheaf) return true;
    if (kind < firstNamedKind || !this.#caches.isUsed(kind)) return false;
    const groupWord = this.areaWord + AreaWord.NAMED_SHEAF_PAGES + (kind >>> CACHES_PER_SHEAF_PAGE_SHIFT);
    if (words[groupWord] === 0) {
      const frame = this.#pages.allocate(1, RunKind.SYSTEM, request);
      if (frame === NO_FRAME) return false;
      this.#memory.refresh();
      this.#memory.words[groupWord] = frame << PAGE_SHIFT;
    }
    const page = this.#memory.words[groupWord] >>> WORD_SHIFT;
    this.#formatSheaf(kind, page + ((kind & CACHES_PER_SHEAF_PAGE_MASK) << NAMED_SHEAF_SHIFT));
    return true;
  }
}

/** What the sheaves depend on. */
export interface SheafContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly slabs: Slabs;
  readonly barns: Barns;
  readonly createRemoteSheaves: CreateRemoteSheaves;
}
