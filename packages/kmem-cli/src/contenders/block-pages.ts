import type { ReplayPages } from "../replay/replay-heap.ts";
import { PAGE_BYTES } from "../trace/op-stream.ts";

/** Blocks that begin at a page; `alloc` answers 0 when there is no memory. */
export interface PageBlocks {
  alloc(sizeBytes: number): number;
  free(address: number): void;
}

/** Pages out of an allocator that takes back whole blocks only: a block goes back with the last of its pages. */
export class BlockPages implements ReplayPages {
  readonly #blocks: PageBlocks;
  /** By page: how many of the block that begins there have not been given back. */
  readonly #heldCounts: Uint32Array;

  constructor(pageCount: number, blocks: PageBlocks) {
    this.#blocks = blocks;
    this.#heldCounts = new Uint32Array(Math.ceil(pageCount));
  }

  tryAlloc(pageCount: number): number {
    const address = this.#blocks.alloc(pageCount * PAGE_BYTES);
    if (address !== 0) this.#heldCounts[address / PAGE_BYTES] = pageCount;
    return address;
  }

  free(address: number, pageCount: number): void {
    let page = address / PAGE_BYTES;
    while (this.#heldCounts[page] === 0) page -= 1;
    const heldCount = this.#heldCounts[page]! - pageCount;
    this.#heldCounts[page] = heldCount;
    if (heldCount === 0) this.#blocks.free(page * PAGE_BYTES);
  }
}
