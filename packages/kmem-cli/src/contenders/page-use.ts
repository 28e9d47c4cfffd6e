import { PAGE_BYTES } from "../trace/op-stream.ts";

/** Counts the pages of a memory that hold a byte of something that is in use. */
export class PageUse {
  /** By page: how many things lie in it. */
  readonly #counts: Uint32Array;
  #usedCount = 0;

  constructor(byteLength: number) {
    this.#counts = new Uint32Array(Math.ceil(byteLength / PAGE_BYTES));
  }

  get usedBytes(): number {
    return this.#usedCount * PAGE_BYTES;
  }

  /** The bytes from `start` to before `end` come into use. */
  add(start: number, end: number): void {
    const endPage = this.#endPage(end);
    for (let page = Math.floor(start / PAGE_BYTES); page < endPage; page += 1) {
      if (this.#counts[page] === 0) this.#usedCount += 1;
      this.#counts[page]! += 1;
    }
  }

  /** Bytes that came into use together are no longer in use. */
  remove(start: number, end: number): void {
    const endPage = this.#endPage(end);
    for (let page = Math.floor(start / PAGE_BYTES); page < endPage; page += 1) {
      this.#counts[page]! -= 1;
      if (this.#counts[page] === 0) this.#usedCount -= 1;
    }
  }

  #endPage(end: number): number {
    return Math.min(this.#counts.length, Math.ceil(end / PAGE_BYTES));
  }
}
