import { ASSERTIONS, assert } from "../memory/assert.ts";
import { clear } from "../memory/clear.ts";
import type { Geometry } from "../memory/header.ts";
import { PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { EngineContext } from "../pages/engine-lock.ts";
import { FrameKind, NO_FRAME } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import { PAGE_PRESENT, PAGE_TABLE_MASK, PAGE_TABLE_SHIFT, VMALLOC_RUN, VMALLOC_START, VmallocRoot } from "./layout.ts";

/** VMALLOC_START in pages. */
const START_PAGE: number = VMALLOC_START / PAGE_SIZE;

/** What {@link PageTable.translate} returns where nothing is mapped: no frame starts at 0. */
export const UNMAPPED = 0;

/**
 * The page table: virtual page number → frame, in two levels. Tables come with their first entry and go with their
 * last. It knows no areas and owns no frames. Mapping and unmapping are under the engine's lock; translating needs
 * none, since what is mapped stays where it is for as long as its area does. Linux's kernel page tables, in the format
 * of 32-bit x86.
 */
export class PageTable {
  readonly memory: LinearMemory;
  readonly #geometry: Geometry;
  readonly #pages: PageAllocator;
  readonly #root: number;
  readonly #directory: number;
  /** Virtual pages that the directory covers. */
  readonly pageCount: number;

  constructor({ memory, geometry, pages }: EngineContext, rootAddress: number) {
    this.memory = memory;
    this.#geometry = geometry;
    this.#pages = pages;
    this.#root = rootAddress >>> WORD_SHIFT;
    this.#directory = (memory.words[this.#root + VmallocRoot.DIRECTORY] >>> 0) >>> WORD_SHIFT;
    this.pageCount = (memory.words[this.#root + VmallocRoot.DIRECTORY_PAGES] << PAGE_TABLE_SHIFT) << PAGE_TABLE_SHIFT;
  }

  /** Address in the buffer of the byte at a virtual address, or UNMAPPED. Any value is allowed. O(1). */
  translate(address: number): number {
    if (typeof address !== "number") return UNMAPPED;
    const at = this.#lookUp(address);
    // Where another object has grown the memory, this one's views are too short or empty until they are replaced.
    if (at !== UNMAPPED && at < this.memory.bytes.length) return at;
    return this.#lookFurther(address, at);
  }

  /** Frame that a virtual page is mapped to, or NO_FRAME. O(1). */
  frameOf(page: number): number {
    const { words } = this.memory;
    const table = words[this.#directory + (page >>> PAGE_TABLE_SHIFT)];
    return table === 0 ? NO_FRAME : words[entryWord(table, page)] >>> PAGE_SHIFT;
  }

  /**
   * Maps a virtual page, which must be unmapped, to a frame. Returns false, with nothing changed, when there is no page
   * for the table; `reserve` says whether that may come from the reserve. O(1), and O(page) for a new table.
   */
  map(page: number, frame: number, reserve: boolean): boolean {
    const directoryWord = this.#directory + (page >>> PAGE_TABLE_SHIFT);
    if (this.memory.words[directoryWord] === 0 && !this.#addTable(directoryWord, reserve)) return false;
    const { words } = this.memory;
    const entry = entryWord(words[directoryWord], page);
    if (ASSERTIONS) assert(words[entry] === 0, `virtual page ${page} is not mapped yet`);
    if (ASSERTIONS)
      assert(this.#pages.frames.kind(frame) >= FrameKind.FIRST_RUN, `page ${frame} that is mapped is in use`);
    words[entry] = (frame << PAGE_SHIFT) | PAGE_PRESENT;
    words[directoryWord]++;
    words[this.#root + VmallocRoot.MAPPED_PAGES]++;
    return true;
  }

  /** Takes back the mapping of a mapped virtual page and returns its frame; a table without entries is freed. O(1). */
  unmap(page: number): number {
    const { words } = this.memory;
    const directoryWord = this.#directory + (page >>> PAGE_TABLE_SHIFT);
    const entry = entryWord(words[directoryWord], page);
    if (ASSERTIONS) assert((words[entry] & PAGE_PRESENT) !== 0, `virtual page ${page} is mapped`);
    const frame = words[entry] >>> PAGE_SHIFT;
    words[entry] = 0;
    if (ASSERTIONS) {
      assert((words[directoryWord] & PAGE_MASK) > 0, `the table of virtual page ${page} counts its entries`);
      assert(words[this.#root + VmallocRoot.MAPPED_PAGES] > 0, "a mapped page is counted before it is unmapped");
    }
    words[directoryWord]--;
    words[this.#root + VmallocRoot.MAPPED_PAGES]--;
    if ((words[directoryWord] & PAGE_MASK) === 0) {
      const table = words[directoryWord] >>> PAGE_SHIFT;
      words[directoryWord] = 0;
      words[this.#root + VmallocRoot.TABLE_PAGES]--;
      this.#pages.free(table, 1, VMALLOC_RUN);
    }
    return frame;
  }

  /** Looks an address up again with views as long as the memory is; `seen` is what was found in those before. */
  #lookFurther(address: number, seen: number): number {
    const length = this.memory.bytes.length;
    this.memory.refresh();
    this.memory.reach(this.#pages.frames.endFrame * PAGE_SIZE);
    return this.memory.bytes.length === length ? seen : this.#lookUp(address);
  }

  #lookUp(address: number): number {
    const { words } = this.memory;
    const addressPage = Math.floor(address / PAGE_SIZE);
    // Not `address % PAGE_SIZE`: the remainder of doubles is a slow call.
    const offset = address - addressPage * PAGE_SIZE;
    const page = addressPage - START_PAGE;
    if (!(page >= 0 && page < this.pageCount) || (offset & PAGE_MASK) !== offset) return UNMAPPED;
    const table = words[this.#directory + (page >>> PAGE_TABLE_SHIFT)];
    // Undefined where the view is too short.
    if (!table) return UNMAPPED;
    const entry = words[entryWord(table, page)];
    return entry ? ((entry & ~PAGE_MASK) >>> 0) + offset : UNMAPPED;
  }

  #addTable(directoryWord: number, reserve: boolean): boolean {
    const frame = this.#pages.allocate(1, VMALLOC_RUN, { reserve });
    if (frame === NO_FRAME) return false;
    clear(this.memory, this.#geometry, frame * PAGE_SIZE, PAGE_SIZE);
    const { words } = this.memory;
    words[directoryWord] = frame << PAGE_SHIFT;
    words[this.#root + VmallocRoot.TABLE_PAGES]++;
    return true;
  }
}

/** Index in `words` of the entry of a virtual page, from the word of the directory that names its table. */
function entryWord(table: number, page: number): number {
  return ((table >>> PAGE_SHIFT) << PAGE_TABLE_SHIFT) | (page & PAGE_TABLE_MASK);
}
