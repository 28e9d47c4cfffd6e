import type { Geometry } from "../memory/header.ts";
import { PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind, KIND_COUNT, NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator, PageRequest } from "../pages/page-allocator.ts";
import type { SlotTable } from "../sync/slot.ts";
import type { CacheTable } from "./cache-table.ts";
import {
  AreaWord,
  CACHES_PER_GROUP_MASK,
  CACHES_PER_GROUP_SHIFT,
  CacheRecord,
  FULL,
  GROUP_SHEAF_SHIFT,
  SENTINEL_WORDS,
} from "./layout.ts";
import { CLASS_COUNT, classBytes, SHEAF_CAPACITY_MAX, slabShape } from "./size-classes.ts";
import type { Slabs } from "./slab.ts";

const FIRST_HAND_MADE_KIND: number = FrameKind.FIRST_CACHE + CLASS_COUNT;

/** A slot's private pages: those that the sheaves of all size classes need. */
export function sheafPages(): number {
  let words: number = AreaWord.SHEAVES;
  for (let index = 0; index < CLASS_COUNT; index++) {
    words += slabShape(classBytes(index)).capacity + SENTINEL_WORDS;
  }
  return Math.ceil((words << WORD_SHIFT) / PAGE_SIZE);
}

/**
 * The sheaves of one slot: a stack of free blocks per cache, private to the slot, filled from the slabs and emptied
 * into them half a sheaf at a time. The fast paths that pop and push are in `fast-path.ts`.
 * Systems: Linux 7's sheaves, Bonwick's magazines.
 */
export class Sheaves {
  /** Index in `words` of the slot's area. */
  readonly areaWord: number;
  readonly #memory: LinearMemory;
  readonly #pages: PageAllocator;
  readonly #caches: CacheTable;
  readonly #slabs: Slabs;
  readonly #empty: number;

  private constructor(context: SheafContext, areaAddress: number) {
    this.#memory = context.memory;
    this.#pages = context.pages;
    this.#caches = context.caches;
    this.#slabs = context.slabs;
    this.#empty = context.geometry.baseFrame << PAGE_SHIFT;
    this.areaWord = areaAddress >>> WORD_SHIFT;
  }

  /** Opens the sheaves of a slot, with new private pages if it has none. Undefined when there are no pages for them. */
  static open(context: SheafContext, slots: SlotTable, slot: number): Sheaves | undefined {
    const area = slots.area(slot);
    if (area !== 0) return new Sheaves(context, area);
    const frame = context.pages.allocate(sheafPages(), RunKind.SYSTEM);
    if (frame === NO_FRAME) return undefined;
    const sheaves = new Sheaves(context, frame * PAGE_SIZE);
    sheaves.#format();
    slots.setArea(slot, frame * PAGE_SIZE);
    return sheaves;
  }

  /** Entries in the sheaf of a cache. */
  count(kind: number): number {
    return this.#memory.words[this.areaWord + AreaWord.TOPS + kind] - this.bottom(kind);
  }

  /** Index in `words` of the sheaf's EMPTY sentinel, found from its top; O(entries), on damaged memory too. */
  bottom(kind: number): number {
    const { words } = this.#memory;
    const top = words[this.areaWord + AreaWord.TOPS + kind];
    for (let word = top; word >= top - SHEAF_CAPACITY_MAX; word--) {
      if (words[word] === this.#empty) return word;
    }
    return top;
  }

  /**
   * Fills the empty sheaf of a cache to half its room; false when there is no memory, or no such cache. Half, so that
   * a thread that goes back and forth around a full or an empty sheaf does not come here each time.
   */
  refill(kind: number, request: PageRequest): boolean {
    const topWord = this.areaWord + AreaWord.TOPS + kind;
    if (!this.#ensureSheaf(kind, request)) return false;
    if (this.#caches.hasFunctions(kind) && !this.#slabs.prepare(kind, request)) return false;
    const top = this.#memory.words[topWord];
    // Not empty after all: the caller's views were older than the memory's growth.
    if (this.#memory.words[top] !== this.#empty) return true;
    const wanted = this.#caches.get(kind, CacheRecord.CAPACITY) >> 1;
    const taken = this.#slabs.take(kind, top + 1, wanted, request);
    this.#memory.words[topWord] = top + taken;
    return taken > 0;
  }

  /** Makes room in the full sheaf of a cache: the older half of it goes back to the slabs. False without a sheaf. */
  flush(kind: number): boolean {
    if (!this.#ensureSheaf(kind)) return false;
    const { words } = this.#memory;
    const topWord = this.areaWord + AreaWord.TOPS + kind;
    const top = words[topWord];
    const capacity = this.#caches.get(kind, CacheRecord.CAPACITY);
    if (words[top + 1] !== FULL) return true;
    const first = top - capacity + 1;
    const half = (capacity + 1) >> 1;
    this.#slabs.put(kind, first, half);
    words.copyWithin(first, first + half, top + 1);
    words[topWord] = top - half;
    return true;
  }

  /** Empties the sheaf of a cache into its slabs. */
  drain(kind: number): void {
    const { words } = this.#memory;
    const topWord = this.areaWord + AreaWord.TOPS + kind;
    const bottom = this.bottom(kind);
    this.#slabs.put(kind, bottom + 1, words[topWord] - bottom);
    words[topWord] = bottom;
  }

  /** Whether a sheaf has the same number of entries as when this was last asked. */
  isIdle(kind: number): boolean {
    const { words } = this.#memory;
    const top = words[this.areaWord + AreaWord.TOPS + kind];
    const seenWord = this.areaWord + AreaWord.SEEN + kind;
    if (words[seenWord] === top) return true;
    words[seenWord] = top;
    return false;
  }

  /** Forgets the sheaf of a cache that is destroyed; the cache's next life makes it anew. */
  close(kind: number): void {
    this.#memory.words[this.areaWord + AreaWord.TOPS + kind] = this.areaWord + AreaWord.CLOSED;
  }

  /** Addresses in the sheaf of a cache, bottom first. */
  entries(kind: number): number[] {
    const { words } = this.#memory;
    const top = words[this.areaWord + AreaWord.TOPS + kind];
    const bottom = this.bottom(kind);
    return Array.from(words.subarray(bottom + 1, top + 1), (entry) => entry >>> 0);
  }

  #format(): void {
    const { words } = this.#memory;
    const closed = this.areaWord + AreaWord.CLOSED;
    words[closed] = this.#empty;
    words[closed + 1] = FULL;
    words.fill(closed, this.areaWord + AreaWord.TOPS, this.areaWord + AreaWord.TOPS + KIND_COUNT);
    words.fill(0, this.areaWord + AreaWord.GROUPS, this.areaWord + AreaWord.CLOSED);
    let bottom: number = this.areaWord + AreaWord.SHEAVES;
    for (let index = 0; index < CLASS_COUNT; index++) {
      const kind = FrameKind.FIRST_CACHE + index;
      this.#formatSheaf(kind, bottom);
      bottom += this.#caches.get(kind, CacheRecord.CAPACITY) + SENTINEL_WORDS;
    }
  }

  #formatSheaf(kind: number, bottom: number): void {
    const { words } = this.#memory;
    const full = bottom + this.#caches.get(kind, CacheRecord.CAPACITY) + 1;
    words[bottom] = this.#empty;
    // Whatever the page held before, no word of the room may read as the end of it.
    words.fill(0, bottom + 1, full);
    words[full] = FULL;
    words[this.areaWord + AreaWord.TOPS + kind] = bottom;
  }

  /** Gives a cache made by hand its sheaf in this slot when it is first used here. */
  #ensureSheaf(kind: number, request: PageRequest = {}): boolean {
    const { words } = this.#memory;
    const topWord = this.areaWord + AreaWord.TOPS + kind;
    if (words[topWord] !== this.areaWord + AreaWord.CLOSED) return true;
    if (kind < FIRST_HAND_MADE_KIND || !this.#caches.isUsed(kind)) return false;
    const groupWord = this.areaWord + AreaWord.GROUPS + (kind >>> CACHES_PER_GROUP_SHIFT);
    if (words[groupWord] === 0) {
      const frame = this.#pages.allocate(1, RunKind.SYSTEM, request);
      if (frame === NO_FRAME) return false;
      this.#memory.words[groupWord] = frame << PAGE_SHIFT;
    }
    const page = this.#memory.words[groupWord] >>> WORD_SHIFT;
    this.#formatSheaf(kind, page + ((kind & CACHES_PER_GROUP_MASK) << GROUP_SHEAF_SHIFT));
    return true;
  }
}

/** What the sheaves stand on. */
export interface SheafContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly slabs: Slabs;
}
