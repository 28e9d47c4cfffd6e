import { AddressTable, NOT_FOUND } from "./address-table.ts";
import type { PageFreeMatch } from "./free-match.ts";
import { LiveBytes } from "./live-bytes.ts";
import { OP, type OpSink, PAGE_BYTES } from "./op-stream.ts";
import type { SlotPool } from "./slot-pool.ts";

/** What the page allocator's events of a kernel trace came to. */
export interface PageMatchCounts {
  readonly pageFree: PageFreeMatch;
  readonly failedAllocCount: number;
  /** Allocations of pages of which some were still live: their free was not traced. */
  readonly impliedFreeCount: number;
}

const INITIAL_SLOTS = 1024;
const TWO_TO_32 = 2 ** 32;

/**
 * Turns allocations and frees by page frame number into operations on slots. Each live page is in the table by
 * itself, so a block may come back whole, in pieces of any size and order, or together with its neighbours.
 */
export class PageMatcher {
  readonly live: LiveBytes = new LiveBytes();
  readonly #sink: OpSink;
  readonly #slots: SlotPool;
  readonly #total: LiveBytes;
  /** Slot of each live page, by page frame number. */
  readonly #table = new AddressTable();
  /** By slot: page frame number of the block's first page. */
  #heads = new Float64Array(INITIAL_SLOTS);
  /** By slot: pages the block was allocated with. */
  #pageCounts = new Uint32Array(INITIAL_SLOTS);
  /** By slot: pages that are still live. */
  #livePageCounts = new Uint32Array(INITIAL_SLOTS);

  #freeCount = 0;
  #matchedCount = 0;
  #insideCount = 0;
  #pieceCount = 0;
  #unknownCount = 0;
  #failedAllocCount = 0;
  #impliedFreeCount = 0;

  constructor(sink: OpSink, slots: SlotPool, total: LiveBytes) {
    this.#sink = sink;
    this.#slots = slots;
    this.#total = total;
  }

  /** A block of 2^order pages; page frame 0 stands for a failed allocation. */
  alloc(pageFrame: number, order: number): void {
    if (pageFrame === 0) {
      this.#failedAllocCount += 1;
      return;
    }
    const pageCount = 2 ** order;
    if (this.#releaseRange(pageFrame, pageCount)) this.#impliedFreeCount += 1;

    const slot = this.#slots.take();
    if (slot >= this.#heads.length) this.#growTo(slot + 1);
    this.#heads[slot] = pageFrame;
    this.#pageCounts[slot] = pageCount;
    this.#livePageCounts[slot] = pageCount;
    for (let i = 0; i < pageCount; i += 1) this.#setPage(pageFrame + i, slot);
    this.live.addBlock(pageCount * PAGE_BYTES);
    this.#total.addBlock(pageCount * PAGE_BYTES);
    this.#sink.op(OP.PAGE_ALLOC, 0, slot, order, 0);
  }

  /** Gives back 2^order pages: a block, a piece of one, or whatever of them is live. */
  free(pageFrame: number, order: number): void {
    this.#freeCount += 1;
    const pageCount = 2 ** order;
    const slot = this.#findPage(pageFrame);
    const isHead = slot !== NOT_FOUND && this.#heads[slot] === pageFrame;
    if (slot !== NOT_FOUND && pageCount < this.#pageCounts[slot]!) this.#pieceCount += 1;
    const found = this.#releaseRange(pageFrame, pageCount);
    if (isHead) this.#matchedCount += 1;
    else if (found) this.#insideCount += 1;
    else this.#unknownCount += 1;
  }

  counts(): PageMatchCounts {
    return {
      pageFree: {
        freeCount: this.#freeCount,
        nullFreeCount: 0,
        matchedCount: this.#matchedCount,
        insideCount: this.#insideCount,
        pieceCount: this.#pieceCount,
        unknownCount: this.#unknownCount,
      },
      failedAllocCount: this.#failedAllocCount,
      impliedFreeCount: this.#impliedFreeCount,
    };
  }

  /** Frees what is live in a range, one operation for each run of pages of one block. Answers whether any was. */
  #releaseRange(pageFrame: number, pageCount: number): boolean {
    let found = false;
    let index = 0;
    while (index < pageCount) {
      const slot = this.#removePage(pageFrame + index);
      const runStart = index;
      index += 1;
      if (slot === NOT_FOUND) continue;
      while (index < pageCount && this.#findPage(pageFrame + index) === slot) {
        this.#removePage(pageFrame + index);
        index += 1;
      }
      this.#releaseRun(slot, pageFrame + runStart, index - runStart);
      found = true;
    }
    return found;
  }

  #releaseRun(slot: number, pageFrame: number, pageCount: number): void {
    this.#sink.op(OP.PAGE_FREE, 0, slot, pageCount, pageFrame - this.#heads[slot]!);
    this.#livePageCounts[slot]! -= pageCount;
    const sizeBytes = pageCount * PAGE_BYTES;
    if (this.#livePageCounts[slot] === 0) {
      this.live.removeBlock(sizeBytes);
      this.#total.removeBlock(sizeBytes);
      this.#slots.giveBack(slot);
    } else {
      this.live.shrinkBlock(sizeBytes);
      this.#total.shrinkBlock(sizeBytes);
    }
  }

  #findPage(pageFrame: number): number {
    return this.#table.find(Math.floor(pageFrame / TWO_TO_32), pageFrame);
  }

  #setPage(pageFrame: number, slot: number): void {
    this.#table.set(Math.floor(pageFrame / TWO_TO_32), pageFrame, slot);
  }

  #removePage(pageFrame: number): number {
    return this.#table.remove(Math.floor(pageFrame / TWO_TO_32), pageFrame);
  }

  #growTo(slotCount: number): void {
    const length = Math.max(slotCount, this.#heads.length * 2);
    const heads = new Float64Array(length);
    heads.set(this.#heads);
    this.#heads = heads;
    const pageCounts = new Uint32Array(length);
    pageCounts.set(this.#pageCounts);
    this.#pageCounts = pageCounts;
    const livePageCounts = new Uint32Array(length);
    livePageCounts.set(this.#livePageCounts);
    this.#livePageCounts = livePageCounts;
  }
}
