import { describeValue } from "../../memory/arguments.ts";
import { hex } from "../../memory/errors.ts";
import { ADDRESS_SPACE_BYTES, PAGE_MASK, PAGE_SIZE } from "../../memory/layout.ts";
import type { LinearMemory } from "../../memory/memory.ts";
import { FrameRecord, NO_FRAME, ORDER_COUNT, RunKind, Zone } from "../../pages/layout.ts";
import type { PageAllocator } from "../../pages/page-allocator.ts";
import { endRegionsIn } from "../../region/region.ts";
import type { IsGone } from "../../sync/lock.ts";
import { RangeHeader } from "./layout.ts";
import { Range } from "./range.ts";
import { RangeList, type RangeRefusal } from "./range-list.ts";

const NULL = 0;
const OK = 0;
const ERROR = -1;

/** The most pages that there can be. */
const MAX_PAGES: number = ADDRESS_SPACE_BYTES / PAGE_SIZE;

/** Every page of a range may be allocated: the document knows no reserve. */
const WITH_RESERVE = { mayUseReserve: true } as const;

const REFUSALS: Readonly<Record<RangeRefusal, string>> = {
  small: "it leaves no page behind its tables",
  overlap: "it overlaps a range that is registered",
  foreign: "it is registered in another list",
  entered: "the critical section is entered already",
  damaged: "the list of ranges is damaged",
};

function isAddress(value: unknown): value is number {
  return typeof value === "number" && value >>> 0 === value;
}

function isPageCount(value: unknown): value is number {
  return typeof value === "number" && value >>> 0 === value && value > 0;
}

/** What a range must not lie over. Bytes are from a first to a last one, both included. */
export interface RangeGround {
  liveIn(start: number, end: number): number;
  readonly isCallers: ((start: number, end: number) => boolean) | undefined;
}

/**
 * The page functions of the Atomik page over one memory: they work on the list of ranges, inside its critical section,
 * and print when they are outside again.
 */
export class AtomikPages {
  readonly #memory: LinearMemory;
  readonly #print: (message: string) => void;
  readonly ranges: RangeList;

  constructor(memory: LinearMemory, print: (message: string) => void, isGone?: IsGone) {
    this.#memory = memory;
    this.#print = print;
    this.ranges = new RangeList(memory, isGone);
  }

  /**
   * `liveIn` gives the header of a kmalloc region that lies in these bytes, or 0; `isCallers` says whether a heap
   * leaves them to the caller.
   */
  register(start: number, end: number, { liveIn, isCallers }: RangeGround): number {
    this.#memory.refresh();
    const { byteLength } = this.#memory;
    const name = "mm_register_region";
    if (!isAddress(start) || !isAddress(end)) {
      return this.#refuse(`${name}: ${describeValue(start)} and ${describeValue(end)} are no two addresses`, NULL);
    }
    const text = `${name}: invalid range ${hex(start)}-${hex(end)}`;
    if (end < start) return this.#refuse(`${text}: it is reversed`, NULL);
    if (end >= byteLength) return this.#refuse(`${text}: the memory has ${byteLength} bytes`, NULL);
    const live = liveIn(start, end);
    if (live !== NULL) return this.#refuse(`${text}: it overlaps the kmalloc region at ${hex(live)}`, NULL);
    if (isCallers?.(start, end) === false)
      return this.#refuse(`${text}: it is not inside of one live block or run of pages of the heap`, NULL);
    const range = this.ranges.register(start, end);
    return range instanceof Range ? range.address : this.#refuse(`${text}: ${REFUSALS[range]}`, NULL);
  }

  alloc(pageno: number): number {
    if (!isPageCount(pageno))
      return this.#refuse(`page_alloc: invalid number of pages: ${describeValue(pageno)}`, NULL);
    if (pageno > MAX_PAGES || this.ranges.isEmpty) return NULL;
    if (!this.ranges.enter()) return this.#refuse(reentered("page_alloc"), NULL);
    let frame: number = NO_FRAME;
    let damaged = 0;
    try {
      for (let range = this.ranges.next(); range !== undefined && frame === NO_FRAME; range = this.ranges.next(range)) {
        frame = range.pages.allocate(pageno, RunKind.PAGES, WITH_RESERVE);
      }
      if (frame === NO_FRAME) damaged = this.ranges.damaged();
    } finally {
      this.ranges.leave();
    }
    if (damaged !== 0) this.#refuse(`page_alloc: the range at ${hex(damaged)} is damaged`, NULL);
    return frame === NO_FRAME ? NULL : frame * PAGE_SIZE;
  }

  free(start: number, pageno: number): number {
    const text = `invalid range passed: ${isAddress(start) ? hex(start) : describeValue(start)} `;
    const passed = `${text}(up to ${describeValue(pageno)} pages)`;
    if (!isPageCount(pageno)) return this.#refuse(`${passed}: not a number of pages`, ERROR);
    if (!isAddress(start)) return this.#refuse(passed, ERROR);
    if ((start & PAGE_MASK) !== 0) return this.#refuse(`${passed}: not aligned to ${PAGE_SIZE}`, ERROR);
    if (!this.ranges.enter()) return this.#refuse(reentered("page_free"), ERROR);
    let problem: string | undefined;
    try {
      problem = this.#freeInside(start, pageno);
    } finally {
      this.ranges.leave();
    }
    return problem === undefined ? OK : this.#refuse(`${passed}${problem}`, ERROR);
  }

  /** Frees, or says why not; "" where the original has no words but those that it always prints. */
  #freeInside(start: number, pageno: number): string | undefined {
    const range = this.ranges.holding(start);
    if (range === undefined) {
      const damaged = this.ranges.damaged();
      return damaged === 0 ? "" : `: the range at ${hex(damaged)} is damaged`;
    }
    const frame = Range.frameOf(start);
    const reason = range.pages.reasonNotFreeable(frame, pageno, RunKind.PAGES);
    if (reason !== undefined) return `: ${reason}`;
    if (range.get(RangeHeader.HAS_REGIONS) !== 0) this.#endRegions(range, frame, pageno);
    range.pages.free(frame, pageno, RunKind.PAGES);
    return undefined;
  }

  /**
   * Ends the regions that are about to lose pages, those of other owners too: in the allocation as far as it is freed.
   */
  #endRegions({ pages }: Range, frame: number, pageno: number): void {
    const head = pages.frames.headOfRun(frame, RunKind.PAGES);
    const first = frame * PAGE_SIZE;
    endRegionsIn(this.#memory.words, head * PAGE_SIZE, first, first + pageno * PAGE_SIZE);
  }

  /** Notes that a kmalloc region was made in these bytes. O(ranges). */
  noteRegion(start: number, end: number): void {
    for (let range = this.ranges.next(); range !== undefined; range = this.ranges.next(range)) {
      if (range.overlaps(start, end)) range.set(RangeHeader.HAS_REGIONS, 1);
    }
  }

  /** Prints the free lists of a range and returns its free pages; -1 for what is no range. */
  debug(region: number): number {
    if (!this.ranges.enter()) return this.#refuse(reentered("mm_region_debug"), ERROR);
    let lines: string[] | undefined;
    let freePages = 0;
    try {
      let range = this.ranges.next();
      while (range !== undefined && range.address !== region) range = this.ranges.next(range);
      lines = range === undefined ? undefined : freeListLines(this.#memory, range.pages);
      freePages = range === undefined ? 0 : range.pages.freeBytes / PAGE_SIZE;
    } finally {
      this.ranges.leave();
    }
    if (lines === undefined) {
      const what = isAddress(region) ? hex(region) : describeValue(region);
      return this.#refuse(`mm_region_debug: ${what} is no registered range`, ERROR);
    }
    for (const line of lines) this.#print(line);
    return freePages;
  }

  /**
   * The address of a page that has one of these bytes and that nobody has allocated, 0 for none. O(pages). It enters no
   * critical section: what the caller has allocated does not change under it.
   */
  pageWithoutOwner(start: number, end: number): number {
    for (let range = this.ranges.next(); range !== undefined; range = this.ranges.next(range)) {
      if (!range.overlaps(start, end)) continue;
      const last = Range.frameOf(Math.min(end, range.end));
      for (let frame = Range.frameOf(Math.max(start, range.address)); frame <= last; frame++) {
        const kind = range.pages.frames.kind(frame);
        if (kind !== RunKind.PAGES && kind !== RunKind.PAGES + 1) return frame * PAGE_SIZE;
      }
    }
    return NULL;
  }

  #refuse<Result>(message: string, result: Result): Result {
    this.#print(message);
    return result;
  }
}

function reentered(name: string): string {
  return `${name}: the critical section is entered already`;
}

/** A line for each order: the addresses of its free blocks, lowest first. */
function freeListLines(memory: LinearMemory, pages: PageAllocator): string[] {
  const zone = pages.zones[Zone.NORMAL];
  return Array.from({ length: ORDER_COUNT }, (_, order) => {
    const blocks: number[] = [];
    for (let frame = zone.head(order); frame !== NO_FRAME; ) {
      blocks.push(frame);
      frame = memory.words[pages.frames.record(frame) + FrameRecord.NEXT];
    }
    const addresses = blocks.sort((a, b) => a - b).map((frame) => ` ${hex(frame * PAGE_SIZE)}`);
    return `Order ${order} freelist:${addresses.join("")}`;
  });
}
