import type { Heap } from "kmem";
import { fillPattern, patternFault } from "../../support/pattern.ts";
import { Random } from "../../support/random.ts";
import type { Board } from "./board.ts";

/** The first words of each block, for the thread that frees it: who made it, and how large it was asked for. */
const Word = { MAKER: 0, SIZE_BYTES: 1, PAGE_COUNT: 2 } as const;
const HEADER_BYTES = 16;
const PAGE_BYTES = 4096;

/** One allocation in this many is a run of pages. */
const PAGE_RUN_SHARE = 8;
const PAGE_RUN_LIMIT = 9;

/** What a thread has to say of its part. */
export interface BarterResult {
  readonly slot: number;
  readonly allocations: number;
  /** Blocks freed that another thread had made. */
  readonly foreignFrees: number;
  /** Blocks whose contents were not what their maker had written. */
  readonly faults: readonly string[];
}

/**
 * A thread's part in a test of many: it makes blocks and runs of pages, fills them, leaves them on the board, takes
 * what others left there, verifies and frees it. Most blocks are thus freed by a thread that did not make them.
 */
export class Barter {
  readonly #heap: Heap;
  readonly #board: Board;
  readonly #thread: number;
  readonly #limitBytes: number;
  readonly #random: Random;
  readonly #faults: string[] = [];
  #allocations = 0;
  #foreignFrees = 0;

  /** `thread` is a number from 0; `limitBytes` is the largest block that it makes. */
  constructor(heap: Heap, board: Board, thread: number, limitBytes: number) {
    this.#heap = heap;
    this.#board = board;
    this.#thread = thread;
    this.#limitBytes = limitBytes;
    this.#random = new Random(thread + 1);
  }

  get result(): BarterResult {
    return {
      slot: this.#heap.slot,
      allocations: this.#allocations,
      foreignFrees: this.#foreignFrees,
      faults: this.#faults,
    };
  }

  /** Makes `count` blocks, each for what lies in some cell of the board. */
  trade(count: number): void {
    for (let round = 0; round < count; round++) {
      const taken = this.#board.exchange(this.#random.below(this.#board.cellCount), this.#make());
      if (taken !== 0) this.#verifyAndFree(taken);
    }
    this.#board.report(this.#thread, this.#foreignFrees);
  }

  /** Frees all that is left on the board. */
  clearBoard(): void {
    for (let cell = 0; cell < this.#board.cellCount; cell++) {
      const taken = this.#board.exchange(cell, 0);
      if (taken !== 0) this.#verifyAndFree(taken);
    }
  }

  #make(): number {
    this.#allocations += 1;
    const isRun = this.#random.below(PAGE_RUN_SHARE) === 0;
    const pageCount = isRun ? 1 + this.#random.below(PAGE_RUN_LIMIT) : 0;
    const sizeBytes = isRun
      ? pageCount * PAGE_BYTES
      : HEADER_BYTES + this.#random.size(this.#limitBytes - HEADER_BYTES);
    const address = isRun ? this.#heap.pages.tryAlloc(pageCount) : this.#heap.alloc(sizeBytes);
    const header = this.#words(address);
    header[Word.MAKER] = this.#thread;
    header[Word.SIZE_BYTES] = sizeBytes;
    header[Word.PAGE_COUNT] = pageCount;
    fillPattern(this.#bytes(address, sizeBytes), HEADER_BYTES, sizeBytes, address + this.#thread);
    return address;
  }

  #verifyAndFree(address: number): void {
    const [maker = 0, sizeBytes = 0, pageCount = 0] = this.#words(address);
    const fault = patternFault(this.#bytes(address, sizeBytes), HEADER_BYTES, sizeBytes, address + maker);
    if (fault >= 0) this.#faults.push(`byte ${fault} of the ${sizeBytes} that thread ${maker} made at ${address}`);
    if (maker !== this.#thread) this.#foreignFrees += 1;
    if (pageCount > 0) this.#heap.pages.free(address, pageCount);
    else this.#heap.free(address);
  }

  // The buffer is asked for each time: growing memory has another one after each growth.
  #words(address: number): Uint32Array {
    return new Uint32Array(this.#heap.buffer, address, HEADER_BYTES / Uint32Array.BYTES_PER_ELEMENT);
  }

  #bytes(address: number, sizeBytes: number): Uint8Array {
    return new Uint8Array(this.#heap.buffer, address, sizeBytes);
  }
}
