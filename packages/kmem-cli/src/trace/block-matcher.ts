import { AddressTable, NOT_FOUND } from "./address-table.ts";
import { type FreeMatch, noFrees } from "./free-match.ts";
import { LiveBytes } from "./live-bytes.ts";
import { OP, type OpSink, type OpTotals } from "./op-stream.ts";
import { SlotPool } from "./slot-pool.ts";

/** What the blocks of a native trace came to. */
export interface BlockMatchCounts {
  readonly frees: FreeMatch;
  /** Allocations that answered null. */
  readonly failedAllocCount: number;
  /** Allocations at an address that was still live: its free was not traced. */
  readonly impliedFreeCount: number;
  /** Calls of realloc for a block that was never seen: they count as allocations. */
  readonly unknownReallocCount: number;
}

/** The largest size of a block that operations can name. */
export const MAX_BLOCK_BYTES: number = 2 ** 32 - 1;

const INITIAL_SLOTS = 1024;

/** Turns the calls of a program to malloc and free, by address, into operations on slots. */
export class BlockMatcher {
  readonly live: LiveBytes = new LiveBytes();
  readonly #sink: OpSink;
  readonly #slots = new SlotPool();
  readonly #table = new AddressTable();
  #sizes = new Uint32Array(INITIAL_SLOTS);
  readonly #frees = noFrees();
  #failedAllocCount = 0;
  #impliedFreeCount = 0;
  #unknownReallocCount = 0;

  constructor(sink: OpSink) {
    this.#sink = sink;
  }

  /** Live blocks. */
  get liveCount(): number {
    return this.live.liveBlockCount;
  }

  /** An allocation by one of OP.MALLOC, OP.CALLOC and OP.ALIGNED, of 0 to MAX_BLOCK_BYTES; null has failed. */
  alloc(code: number, high: number, low: number, sizeBytes: number, log2Align = 0): void {
    if ((high | low) === 0) {
      this.#failedAllocCount += 1;
      return;
    }
    const before = this.#table.find(high, low);
    if (before !== NOT_FOUND) {
      this.#impliedFreeCount += 1;
      this.#release(before);
    }
    const slot = this.#slots.take();
    this.#table.set(high, low, slot);
    this.#setSize(slot, sizeBytes);
    this.live.addBlock(sizeBytes);
    this.#sink.op(code, log2Align, slot, sizeBytes, 0);
  }

  free(high: number, low: number): void {
    if ((high | low) === 0) {
      this.#frees.nullFreeCount += 1;
      return;
    }
    this.#frees.freeCount += 1;
    const slot = this.#table.remove(high, low);
    if (slot === NOT_FOUND) {
      this.#frees.unknownCount += 1;
      return;
    }
    this.#frees.matchedCount += 1;
    this.#release(slot);
  }

  /** realloc: of null it is malloc, to size 0 with the answer null it is free, with the answer null it has failed. */
  realloc(oldHigh: number, oldLow: number, high: number, low: number, sizeBytes: number): void {
    if ((oldHigh | oldLow) === 0) {
      this.alloc(OP.MALLOC, high, low, sizeBytes);
      return;
    }
    if ((high | low) === 0) {
      if (sizeBytes === 0) this.free(oldHigh, oldLow);
      else this.#failedAllocCount += 1;
      return;
    }
    const slot = this.#table.remove(oldHigh, oldLow);
    if (slot === NOT_FOUND) {
      this.#unknownReallocCount += 1;
      this.alloc(OP.MALLOC, high, low, sizeBytes);
      return;
    }
    this.#place(slot, high, low, sizeBytes);
  }

  /**
   * A realloc that has begun: its block has no address until `endMove`, and its old one may be given out meanwhile.
   * Answers the block's slot, or NOT_FOUND.
   */
  beginMove(high: number, low: number): number {
    return this.#table.remove(high, low);
  }

  /** Ends a realloc that `beginMove` began: null has freed the block. */
  endMove(slot: number, high: number, low: number, sizeBytes: number): void {
    if (slot === NOT_FOUND) {
      this.#unknownReallocCount += 1;
      this.alloc(OP.MALLOC, high, low, sizeBytes);
    } else if ((high | low) === 0) this.#release(slot);
    else this.#place(slot, high, low, sizeBytes);
  }

  counts(): BlockMatchCounts {
    return {
      frees: { ...this.#frees },
      failedAllocCount: this.#failedAllocCount,
      impliedFreeCount: this.#impliedFreeCount,
      unknownReallocCount: this.#unknownReallocCount,
    };
  }

  /** What the header of the operation file says. */
  totals(): OpTotals {
    return {
      kind: "malloc",
      slotCount: this.#slots.slotCount,
      peakLiveBytes: this.live.peakLiveBytes,
      peakLiveBlockCount: this.live.peakLiveBlockCount,
      requestedBytes: this.live.requestedBytes,
    };
  }

  /** Gives a block that has no address another one, and another size. */
  #place(slot: number, high: number, low: number, sizeBytes: number): void {
    const there = this.#table.find(high, low);
    if (there !== NOT_FOUND) {
      this.#impliedFreeCount += 1;
      this.#release(there);
    }
    this.#table.set(high, low, slot);
    const oldBytes = this.#sizes[slot]!;
    this.#sizes[slot] = sizeBytes;
    this.live.resizeBlock(oldBytes, sizeBytes);
    this.#sink.op(OP.REALLOC, 0, slot, sizeBytes, oldBytes);
  }

  #release(slot: number): void {
    const sizeBytes = this.#sizes[slot]!;
    this.live.removeBlock(sizeBytes);
    this.#sink.op(OP.FREE, 0, slot, sizeBytes, 0);
    this.#slots.giveBack(slot);
  }

  #setSize(slot: number, sizeBytes: number): void {
    if (slot >= this.#sizes.length) {
      const sizes = new Uint32Array(Math.max(slot + 1, this.#sizes.length * 2));
      sizes.set(this.#sizes);
      this.#sizes = sizes;
    }
    this.#sizes[slot] = sizeBytes;
  }
}
