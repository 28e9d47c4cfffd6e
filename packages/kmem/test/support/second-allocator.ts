import type { Random } from "./random.ts";

const WASM_PAGE = 65_536;
const ALIGNMENT = 16;

/** A stretch of bytes, the end excluded. */
export interface Extent {
  readonly first: number;
  readonly end: number;
}

/**
 * A second allocator in the memory of a heap, as a program has that was linked from two languages: first fit in pages
 * that it adds by memory.grow, one at a time or a few, and never gives back. Its list of free stretches is kept here.
 */
export class SecondAllocator {
  readonly #memory: WebAssembly.Memory;
  readonly #maximumPages: number;
  readonly #random: Random;
  #free: Extent[] = [];
  /** The pages that it has added. */
  readonly pages: Extent[] = [];

  constructor(memory: WebAssembly.Memory, maximumPages: number, random: Random) {
    this.#memory = memory;
    this.#maximumPages = maximumPages;
    this.#random = random;
  }

  /** A block, or undefined where the memory cannot grow. */
  allocate(sizeBytes: number): Extent | undefined {
    const bytes = Math.max(ALIGNMENT, Math.ceil(sizeBytes / ALIGNMENT) * ALIGNMENT);
    const place = this.#find(bytes) ?? (this.#grow(bytes) ? this.#find(bytes) : undefined);
    if (place === undefined) return undefined;
    const block = { first: place.first, end: place.first + bytes };
    this.#free = this.#free.filter((one) => one !== place);
    if (block.end < place.end) this.#free.push({ first: block.end, end: place.end });
    return block;
  }

  free(block: Extent): void {
    const before = this.#free.find(({ end }) => end === block.first);
    const after = this.#free.find(({ first }) => first === block.end);
    this.#free = this.#free.filter((one) => one !== before && one !== after);
    this.#free.push({ first: before?.first ?? block.first, end: after?.end ?? block.end });
  }

  #find(bytes: number): Extent | undefined {
    return this.#free.find(({ first, end }) => end - first >= bytes);
  }

  #grow(bytes: number): boolean {
    const pageCount = Math.ceil(bytes / WASM_PAGE) + this.#random.below(2);
    if (this.#memory.buffer.byteLength / WASM_PAGE + pageCount > this.#maximumPages) return false;
    const first = this.#memory.grow(pageCount) * WASM_PAGE;
    const added = { first, end: first + pageCount * WASM_PAGE };
    this.pages.push(added);
    this.free(added);
    return true;
  }
}
