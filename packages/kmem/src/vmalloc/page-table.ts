import { ASSERTIONS, assert } from "../memory/assert.ts";
import { clear } from "../memory/clear.ts";
import type { Geometry } from "../memory/header.ts";
import { PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { EngineContext } from "../pages/engine-lock.ts";
import { FrameKind, NO_FRAME } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import {
  PAGE_PRESENT,
  PAGE_TABLE_ENTRIES,
  PAGE_TABLE_MASK,
  PAGE_TABLE_SHIFT,
  VMALLOC_RUN,
  VMALLOC_START,
  VmallocRoot,
} from "./layout.ts";

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

  /** How many of the virtual pages from `page` on, at most `limit`, are mapped to frames in a row. O(pages). */
  stretch(page: number, limit: number): number {
    const first = this.frameOf(page);
    let count = 1;
    while (count < limit && this.frameOf(page + count) === first + count) count++;
    return count;
  }

  /**
   * Maps virtual pages in a row, which must be unmapped, to as many frames in a row, and returns how many it has
   * mapped: fewer where there is no page for a table; `mayUseReserve` says whether that may come from the reserve.
   * O(count), and O(page) for each new table.
   */
  map(page: number, frame: number, count: number, mayUseReserve: boolean): number {
    let done = 0;
    while (done < count) {
      const directoryWord = this.#directory + ((page + done) >>> PAGE_TABLE_SHIFT);
      if (this.memory.words[directoryWord] === 0 && !this.#addTable(directoryWord, mayUseReserve)) break;
      const { words } = this.memory;
      const part = Math.min(count - done, entriesLeft(page + done));
      const entry = entryWord(words[directoryWord], page + done);
      if (ASSERTIONS) this.#assertMappable(page + done, frame + done, part);
      let value = ((frame + done) << PAGE_SHIFT) | PAGE_PRESENT;
      for (let at = entry; at < entry + part; at++) {
        words[at] = value;
        value = (value + PAGE_SIZE) | 0;
      }
      words[directoryWord] += part;
      words[this.#root + VmallocRoot.MAPPED_PAGES] += part;
      done += part;
    }
    return done;
  }

  /** Takes back the mappings of virtual pages in a row, all mapped; a table without entries is freed. O(count). */
  unmap(page: number, count: number): void {
    const { words } = this.memory;
    for (let done = 0; done < count; ) {
      const directoryWord = this.#directory + ((page + done) >>> PAGE_TABLE_SHIFT);
      const part = Math.min(count - done, entriesLeft(page + done));
      const entry = entryWord(words[directoryWord], page + done);
      if (ASSERTIONS) this.#assertMapped(page + done, part);
      words.fill(0, entry, entry + part);
      words[directoryWord] -= part;
      words[this.#root + VmallocRoot.MAPPED_PAGES] -= part;
      done += part;
      if ((words[directoryWord] & PAGE_MASK) !== 0) continue;
      const table = words[directoryWord] >>> PAGE_SHIFT;
      words[directoryWord] = 0;
      words[this.#root + VmallocRoot.TABLE_PAGES]--;
      this.#pages.free(table, 1, VMALLOC_RUN);
    }
  }

  /** In test builds: virtual pages are not mapped yet, and the frames that they are to be mapped to are in use. */
  #assertMappable(page: number, frame: number, count: number): void {
    for (let index = 0; index < count; index++) {
      const kind = this.#pages.frames.kind(frame + index);
      assert(this.frameOf(page + index) === NO_FRAME, `virtual page ${page + index} is not mapped yet`);
      assert(kind >= FrameKind.FIRST_RUN, `page ${frame + index} that is mapped is in use`);
    }
  }

  /** In test builds: virtual pages of one table are mapped, and counted. */
  #assertMapped(page: number, count: number): void {
    const { words } = this.memory;
    const counted = words[this.#directory + (page >>> PAGE_TABLE_SHIFT)] & PAGE_MASK;
    assert(counted >= count, `the table of virtual page ${page} counts its entries`);
    assert(words[this.#root + VmallocRoot.MAPPED_PAGES] >= count, "mapped pages are counted before they are unmapped");
    for (let index = 0; index < count; index++) {
      assert(this.frameOf(page + index) !== NO_FRAME, `virtual page ${page + index} is mapped`);
    }
  }

  /** Looks an address up again with views as long as the memory is; `seen` is what was found in those before. */
  #lookFurther(address: number, seen: number): number {
    const length = this.memory.bytes.length;
    this.memory.refresh();
    this.memory.waitForLength(this.#pages.frames.endFrame * PAGE_SIZE);
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

  #addTable(directoryWord: number, mayUseReserve: boolean): boolean {
    const frame = this.#pages.allocate(1, VMALLOC_RUN, { mayUseReserve });
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

/** How many entries of its table there are from a virtual page on. */
function entriesLeft(page: number): number {
  return PAGE_TABLE_ENTRIES - (page & PAGE_TABLE_MASK);
}
