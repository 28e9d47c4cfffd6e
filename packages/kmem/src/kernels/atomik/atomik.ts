import type { Heap } from "../../heap/heap.ts";
import { type Checks, reading, readOptions, requireFunction } from "../../memory/arguments.ts";
import { PAGE_SIZE, WORD_SHIFT } from "../../memory/layout.ts";
import { LinearMemory, type MemorySource } from "../../memory/memory.ts";
import { checkPages } from "../../pages/check.ts";
import { checkRegion } from "../../region/check.ts";
import { defaultConsole, type KernelConsole, requireConsole } from "../console.ts";
import { isCallersRange } from "./caller-range.ts";
import { AtomikKmalloc } from "./kmalloc.ts";
import { AtomikPages } from "./pages.ts";

export { PAGE_SIZE } from "../../memory/layout.ts";
export { type KernelConsole, LogRing } from "../console.ts";

/** One broken invariant, and the address that it is about. */
export interface AtomikFinding {
  /** Byte of the memory that it is about. */
  readonly address: number;
  /** What is wrong, in a sentence. */
  readonly problem: string;
}

/**
 * The functions of the Atomik pages, bound to one memory. Pointers are byte offsets in it, NULL is 0. Nothing throws:
 * what is refused prints its reason, changes no byte, and returns NULL or -1.
 */
export interface Atomik {
  /** Bytes in a page. */
  readonly PAGE_SIZE: number;

  /**
   * Prepares the bytes from `start` to `end`, both included, and returns the address of their `struct kas_hdr`: `start`
   * rounded up to 16 (16 for 0, which is NULL). The other functions take it as `hdr`. NULL for bounds that are no
   * addresses of the memory, reversed, too small (80 bytes), over a region made here that still exists (its magic
   * stands), over pages of a range that are not allocated, or, of a heap's bytes, not inside of one live block or run
   * of pages. O(1), O(pages) inside a range or a heap. Re-entrant, not thread-safe.
   */
  kmalloc_init(start: number, end: number): number;

  /**
   * Allocates `size` bytes, 0 to 2^32 - 1, from the largest free chunk of the region, the lowest of several, and
   * returns their address, a multiple of 16. Size 0 gets an address of its own. NULL, silently, when no chunk is large
   * enough; NULL and a message for what is no size, no header, a region whose pages were taken back, or words found
   * damaged: all that is read or written is verified first. O(log chunks). Re-entrant, not thread-safe: one thread at a
   * time in a region.
   */
  kmalloc(size: number, hdr: number): number;

  /** As {@link kmalloc}, from the first chunk that is large enough. */
  kmalloc_fast(size: number, hdr: number): number;

  /**
   * Frees what kmalloc or kmalloc_fast returned and merges it with free neighbours; NULL does nothing. The header,
   * range, alignment, canary, state, both neighbours, what lies after one that is merged, and the way through the
   * index are verified first: where one is wrong it prints which and leaves all as it was. O(log chunks). Not
   * thread-safe; re-entrant only where it has nothing to print.
   */
  kfree(ptr: number, hdr: number): void;

  /** Prints `B` or `F`, address, size in bytes, next and previous of every chunk, in one message. O(chunks). */
  kmalloc_chunk_debug(hdr: number): void;

  /**
   * Registers the whole pages between two bytes, both included, as a range for {@link page_alloc}, and returns the
   * address of its header. Its tables, 17 bytes a page, stand in its first pages. The same bounds again, here or in
   * another thread, open the range as it is: so a thread joins the list. NULL for bounds that are no addresses of the
   * memory, reversed, too small, over another range or a live region, or, of a heap's bytes, not inside of one live
   * block or run of pages. O(pages). Ranges are tried in the order of their registration. The first registration must
   * be over before another thread calls.
   */
  mm_register_region(start: number, end: number): number;

  /**
   * Allocates `pageno` neighbouring pages of one range, exactly that many, and returns the address of the first. NULL,
   * silently, when no range has such a stretch free; NULL and a message for what is no number of pages from 1.
   * O(orders) as a rule, O(pages) where only free blocks side by side can serve. Atomic: thread-safe, not re-entrant.
   */
  page_alloc(pageno: number): number;

  /**
   * Frees `pageno` pages from `start` on: an allocation or any part of one. Returns 0; -1 and a message where `start`
   * is not aligned, or the pages are not all of one allocation. A kmalloc region that loses pages is at its end.
   * O(pages of the allocation); O(bytes) where a region was made in the range. Atomic: thread-safe, not re-entrant.
   */
  page_free(start: number, pageno: number): number;

  /** Prints a line for each order of a range's free lists and returns its free pages, -1 for what is no range. */
  mm_region_debug(region: number): number;

  /**
   * Verifies every invariant of all ranges and of the regions made here, and lists what is broken. Reads only. Other
   * threads must be at rest. O(pages + chunks). Not in the document.
   */
  check(): readonly AtomikFinding[];

  /**
   * The number under which this binding is inside the critical section; 0 before its first registration. Another
   * thread's {@link AtomikOptions.isGone} is asked with it. Not in the document.
   */
  readonly owner: number;
}

/** What a binding knows of other threads. Not in the document. */
export interface AtomikOptions {
  /**
   * Says whether the thread whose binding had this {@link Atomik.owner} is gone, for certain, without waiting for
   * anything. Who finds it inside the critical section then repairs the ranges and goes in: what it was at is done or
   * not done, and pages that it was just given stay allocated. Without it a thread that is terminated inside keeps all
   * others out.
   */
  readonly isGone?: (owner: number) => boolean;
}

const ATOMIK_CHECKS: Checks<AtomikOptions> = { isGone: requireFunction };

/**
 * Binds the Atomik functions to a memory: a buffer, a WebAssembly.Memory, or the one that a heap lives in (regions and
 * ranges then go into live blocks and runs of pages of that heap, or into bytes that are not the heap's). Each thread
 * binds its own. Throws BAD_ARGUMENT for what is no memory. Messages go to `console`; the default keeps the last
 * thousand and echoes to the runtime's console.
 */
export function atomik(
  memory: MemorySource | Heap,
  console: KernelConsole = defaultConsole(),
  options: AtomikOptions = {},
): Atomik {
  const { isGone } = readOptions("options", options, ATOMIK_CHECKS);
  requireConsole(console);
  const heap = reading("memory", memory, () => (isHeap(memory) ? memory : undefined));
  const linear = new LinearMemory(reading("memory", memory, () => (isHeap(memory) ? memory.source : memory)));
  const print = (message: string): void => console.print(message);
  const isCallers = heap && ((start: number, end: number): boolean => isCallersRange(heap, start, end));
  const pages = new AtomikPages(linear, print, isGone);
  const regions = new AtomikKmalloc(linear, print, {
    pageWithoutOwner: (start, end) => pages.pageWithoutOwner(start, end),
    noteRegion: (start, end) => pages.noteRegion(start, end),
    isCallers,
  });
  const liveIn = (start: number, end: number): number => regions.liveIn(start, end);
  return {
    PAGE_SIZE,
    kmalloc_init: (start, end) => regions.init(start, end),
    kmalloc: (size, hdr) => regions.kmalloc(size, hdr),
    kmalloc_fast: (size, hdr) => regions.kmallocFast(size, hdr),
    kfree: (ptr, hdr) => regions.kfree(ptr, hdr),
    kmalloc_chunk_debug: (hdr) => regions.debugChunks(hdr),
    mm_register_region: (start, end) => pages.register(start, end, { liveIn, isCallers }),
    page_alloc: (pageno) => {
      const address = pages.alloc(pageno);
      // These pages were free a moment ago: a region that was once made in them exists no more.
      if (address !== 0) regions.end(address, address + pageno * PAGE_SIZE - 1);
      return address;
    },
    page_free: (start, pageno) => {
      const result = pages.free(start, pageno);
      if (result === 0) regions.end(start, start + pageno * PAGE_SIZE - 1);
      return result;
    },
    mm_region_debug: (region) => pages.debug(region),
    check: () => findingsOf(linear, regions, pages),
    get owner() {
      return pages.ranges.owner;
    },
  };
}

function isHeap(memory: MemorySource | Heap): memory is Heap {
  return typeof memory === "object" && memory !== null && "source" in memory;
}

function findingsOf(memory: LinearMemory, regions: AtomikKmalloc, pages: AtomikPages): AtomikFinding[] {
  const findings: AtomikFinding[] = [];
  const report = (address: number, problem: string): void => {
    findings.push({ address, problem });
  };
  for (const hdr of regions.liveHeaders()) checkRegion(memory.words, hdr >>> WORD_SHIFT, report);
  memory.refresh();
  const damaged = pages.ranges.damaged();
  if (damaged !== 0) report(damaged, "a range's header is damaged");
  for (let range = pages.ranges.next(); range !== undefined; range = pages.ranges.next(range)) {
    checkPages(range.pages, report);
  }
  return findings;
}
