import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { BlockShapes, Geometry } from "../memory/header.ts";
import { PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind, NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import type { PageRequest } from "../pages/page-request.ts";
import { assertRoom } from "./assertions.ts";
import type { Barns } from "./barn.ts";
import type { CacheTable } from "./cache-table.ts";
import { AreaWord, FULL, REMOTE_CLASS_COUNT, SENTINEL_WORDS } from "./layout.ts";
import { classBytes, smallCapacity } from "./size-classes.ts";

/** What the remote sheaves depend on. */
export interface RemoteSheavesContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly barns: Barns;
}

/** A free takes no memory that is not there. */
const OPTIONAL_PAGES: PageRequest = { isOptional: true };

/** Start of each size class's remote sheaf, in words from the first one's EMPTY; then the end of the last one. */
function remoteSheafOffsets(shapes: BlockShapes): number[] {
  const offsets = [0];
  for (let index = 0; index < REMOTE_CLASS_COUNT; index++) {
    offsets.push(offsets[index] + smallCapacity(classBytes(index), shapes) + SENTINEL_WORDS);
  }
  return offsets;
}

/** Makes the remote sheaves of a slot whose private pages begin at `areaWord`. */
export type CreateRemoteSheaves = (context: RemoteSheavesContext, areaWord: number, cachedTag: number) => RemoteSheaves;

/**
 * The remote sheaves of one slot: one stack for each small size class, into which the slot puts blocks that other slots
 * allocated. A full remote sheaf goes to the barn as a whole. A slot thus does not at once reuse blocks beside another
 * slot's live ones (false sharing). The remote sheaves are made when the slot first frees such a block. Modelled on:
 * snmalloc's remote deallocation caches, which return blocks to their owner; these go to the barn.
 */
export class RemoteSheaves {
  readonly #memory: LinearMemory;
  readonly #pages: PageAllocator;
  readonly #caches: CacheTable;
  readonly #barns: Barns;
  readonly #areaWord: number;
  readonly #dummySheaf: number;
  readonly #emptySentinel: number;
  readonly #cachedTag: number;
  readonly #offsets: readonly number[];
  /** Words, and pages, of the remote sheaves of a slot. */
  readonly #wordCount: number;
  readonly #pageCount: number;

  constructor(context: RemoteSheavesContext, areaWord: number, cachedTag: number) {
    this.#memory = context.memory;
    this.#pages = context.pages;
    this.#caches = context.caches;
    this.#barns = context.barns;
    this.#areaWord = areaWord;
    this.#dummySheaf = areaWord + AreaWord.DUMMY_SHEAF;
    this.#emptySentinel = context.geometry.baseFrame << PAGE_SHIFT;
    this.#cachedTag = cachedTag;
    this.#offsets = remoteSheafOffsets(context.geometry);
    this.#wordCount = this.#offsets[REMOTE_CLASS_COUNT];
    this.#pageCount = Math.ceil((this.#wordCount * WORD_BYTES) / PAGE_SIZE);
  }

  /** Blocks that the remote sheaf of a kind has room for; the kind is of a size class that has remote sheaves. */
  #capacity(kind: number): number {
    const index = kind - FrameKind.FIRST_CACHE;
    return this.#offsets[index + 1] - this.#offsets[index] - SENTINEL_WORDS;
  }

  /** Whether a kind has remote sheaves. */
  hasSheafFor(kind: number): boolean {
    return kind >= FrameKind.FIRST_CACHE && kind < FrameKind.FIRST_CACHE + REMOTE_CLASS_COUNT;
  }

  /** Index in `words` of the EMPTY sentinel of a remote sheaf; 0 while the slot has no remote sheaves. */
  bottom(kind: number): number {
    const run = this.#memory.words[this.#areaWord + AreaWord.REMOTE_PAGES] >>> WORD_SHIFT;
    return run === 0 || !this.hasSheafFor(kind) ? 0 : run + this.#offsets[kind - FrameKind.FIRST_CACHE];
  }

  /** Index in `words` of a remote sheaf's top. That of a closed one is found by its entries: words above it are 0. */
  top(kind: number): number {
    const { words } = this.#memory;
    const top = words[this.#areaWord + AreaWord.REMOTE_TOPS + kind];
    const bottom = this.bottom(kind);
    if (top !== this.#dummySheaf || bottom === 0) return top;
    const end = bottom + this.#capacity(kind);
    let word = bottom;
    while (word < end && words[word + 1] !== 0 && words[word + 1] !== FULL) word++;
    return word;
  }

  /** Blocks in a remote sheaf: no more than there is room for, whatever its top says. */
  count(kind: number): number {
    const bottom = this.bottom(kind);
    return bottom === 0 ? 0 : Math.min(Math.max(this.top(kind) - bottom, 0), this.#capacity(kind));
  }

  /** Addresses in a remote sheaf. */
  entries(kind: number): number[] {
    const bottom = this.bottom(kind);
    return Array.from(this.#memory.words.subarray(bottom + 1, bottom + 1 + this.count(kind)), (entry) => entry >>> 0);
  }

  /** Makes room: creates the remote sheaves, reopens this one, or drains it. False for a kind without, or no pages. */
  makeRoom(kind: number): boolean {
    if (!this.hasSheafFor(kind) || !this.#ensure()) return false;
    const { words } = this.#memory;
    const top = this.top(kind);
    if (words[top + 1] === FULL) this.drain(kind);
    else words[this.#areaWord + AreaWord.REMOTE_TOPS + kind] = top;
    return true;
  }

  /** Empties a remote sheaf into the barn, or into the slabs while memory is short. */
  drain(kind: number): void {
    const count = this.count(kind);
    const bottom = this.bottom(kind);
    if (bottom === 0) return;
    const { words } = this.#memory;
    if (ASSERTIONS) {
      assertRoom(count, this.#capacity(kind), "a remote sheaf");
      assert(words[bottom] === this.#emptySentinel, `the remote sheaf of kind ${kind} begins with EMPTY`);
    }
    this.#barns.put(kind, this.#caches.record(kind), bottom + 1, count, this.#cachedTag);
    words.fill(0, bottom + 1, bottom + 1 + count);
    words[this.#areaWord + AreaWord.REMOTE_TOPS + kind] = bottom;
  }

  /** Closes a remote sheaf; see `Sheaves.closeAll`. Its top is found again by its entries. */
  close(kind: number): void {
    const { words } = this.#memory;
    const word = this.#areaWord + AreaWord.REMOTE_TOPS + kind;
    const top = Atomics.load(words, word);
    if (top !== this.#dummySheaf) Atomics.compareExchange(words, word, top, this.#dummySheaf);
  }

  /** Frees the pages of the empty remote sheaves; the next use makes them again. As `Sheaves.freeSheafPages`. */
  destroy(): void {
    const { words } = this.#memory;
    const run = words[this.#areaWord + AreaWord.REMOTE_PAGES] >>> 0;
    if (run === 0) return;
    if (ASSERTIONS) {
      for (let index = 0; index < REMOTE_CLASS_COUNT; index++) {
        const left = this.count(FrameKind.FIRST_CACHE + index);
        assert(left === 0, `the remote sheaf of size class ${index} is empty, with ${left} blocks in it`);
      }
    }
    words.fill(this.#dummySheaf, this.#areaWord + AreaWord.REMOTE_TOPS, this.#areaWord + AreaWord.DUMMY_SHEAF);
    words[this.#areaWord + AreaWord.REMOTE_PAGES] = 0;
    this.#pages.freeExclusive(run >>> PAGE_SHIFT, this.#pageCount);
  }

  #ensure(): boolean {
    if (this.#memory.words[this.#areaWord + AreaWord.REMOTE_PAGES] !== 0) return true;
    const frame = this.#pages.allocate(this.#pageCount, RunKind.SYSTEM, OPTIONAL_PAGES);
    if (frame === NO_FRAME) return false;
    this.#memory.refresh();
    this.#memory.waitForLength((frame + this.#pageCount) * PAGE_SIZE);
    const { words } = this.#memory;
    const run = frame << (PAGE_SHIFT - WORD_SHIFT);
    words.fill(0, run, run + this.#wordCount);
    for (let index = 0; index < REMOTE_CLASS_COUNT; index++) {
      words[run + this.#offsets[index]] = this.#emptySentinel;
      words[run + this.#offsets[index + 1] - 1] = FULL;
    }
    words[this.#areaWord + AreaWord.REMOTE_PAGES] = frame << PAGE_SHIFT;
    return true;
  }
}
