import { PAGE_BYTES } from "../trace/op-stream.ts";
import type { ReplayCache, ReplayHeap, ReplayPages } from "./replay-heap.ts";

/** A vmalloc: virtual addresses are multiples of the page size, also above 2^32. */
export interface AreaCalls {
  /** 0 when there is no memory. */
  vmalloc(sizeBytes: number): number;
  vfree(address: number): void;
  /** The struct page of the page behind a virtual address. */
  vmalloc_to_page(address: number): number;
  /** The page's address. */
  page_address(page: number): number;
}

/** What the areas are made of. */
interface PageHeap {
  readonly footprintBytes: number;
  readonly pages: ReplayPages;
  readonly buffer: ArrayBufferLike;
  trim(): number;
}

/**
 * vmalloc and vfree as the `alloc` and `free` of a replay, which keeps 32 bits of an address: here the number of the
 * virtual page. A load of areas asks for nothing else.
 */
export class AreaHeap implements ReplayHeap {
  readonly pages: ReplayPages;
  readonly #heap: PageHeap;
  readonly #calls: AreaCalls;
  #lastBytes = 0;

  constructor(heap: PageHeap, calls: AreaCalls) {
    this.pages = heap.pages;
    this.#heap = heap;
    this.#calls = calls;
  }

  get footprintBytes(): number {
    return this.#heap.footprintBytes;
  }

  get buffer(): ArrayBufferLike {
    return this.#heap.buffer;
  }

  trim(): number {
    return this.#heap.trim();
  }

  /** Writes a byte to every page of an area, wherever they are. */
  touch(page: number, sizeBytes: number): void {
    const bytes = new Uint8Array(this.#heap.buffer);
    const end = page + Math.ceil(sizeBytes / PAGE_BYTES);
    const { vmalloc_to_page, page_address } = this.#calls;
    for (let at = page; at < end; at += 1) bytes[page_address(vmalloc_to_page(at * PAGE_BYTES))] = 1;
  }

  alloc(sizeBytes: number): number {
    const page = this.#calls.vmalloc(sizeBytes) / PAGE_BYTES;
    if (page === 0) throw Object.assign(new Error("out of memory"), { code: "OUT_OF_MEMORY" });
    this.#lastBytes = sizeBytes;
    return page;
  }

  free(page: number): void {
    this.#calls.vfree(page * PAGE_BYTES);
  }

  /** Of the area allocated last, which is the one that a replay asks about. */
  usableSize(): number {
    return Math.ceil(this.#lastBytes / PAGE_BYTES) * PAGE_BYTES;
  }

  calloc(): number {
    return refuse();
  }

  realloc(): number {
    return refuse();
  }

  alignedAlloc(): number {
    return refuse();
  }

  createCache(): ReplayCache {
    return refuse();
  }
}

function refuse(): never {
  throw new Error("a load of areas has vmalloc and vfree only");
}
