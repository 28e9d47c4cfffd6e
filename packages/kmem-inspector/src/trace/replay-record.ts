import { PAGE_SIZE } from "kmem";
import { OP, OP_CODE_MASK, OPERATION, WORDS_PER_OP } from "kmem-cli/internal/trace/op-stream";
import { CHUNK_EVENTS } from "./trace-store.ts";

/** Events from one copy of all pages to the next at first, and the bytes of copies from which on there are half as many. */
const MARK_EVENTS = 4096;
const MARK_BYTES_MAX = 2 ** 26;

/** How full each page of an allocator's memory is after some event. */
export interface PageBytes {
  /** Bytes of live blocks, by page; nothing after the last page that has any. */
  readonly pages: Uint16Array;
  readonly liveBytes: number;
  readonly footprintBytes: number;
}

/** A copy of what was live after some events. */
interface Mark {
  readonly pages: Uint16Array;
  readonly liveBytes: number;
}

/**
 * Where an allocator put each block of a trace. It is written in the course of one replay; what is live in each page
 * after any event is then counted from the nearest copy on, without another replay.
 */
export class ReplayRecord {
  readonly #chunks: readonly Uint32Array[];
  /** By event: the address of its block, after it where it moves one. */
  readonly #addresses: Uint32Array[] = [];
  /** By event, for chunks that have any: the address that a block was moved from. */
  readonly #former: (Uint32Array | undefined)[] = [];
  #marks: Mark[] = [];
  #markEvents = MARK_EVENTS;
  #markBytes = 0;
  /** Events after which the footprint is another, and what it is then. */
  readonly #footprintEvents: number[] = [];
  readonly #footprints: number[] = [];
  #count = 0;
  #pages = new Uint16Array(PAGE_SIZE);
  #pageCount = 0;
  #liveBytes = 0;

  readonly #markBytesMax: number;

  /** @param chunks operations, `CHUNK_EVENTS` in each. @param markBytesMax bytes that copies may take. */
  constructor(chunks: readonly Uint32Array[], markBytesMax: number = MARK_BYTES_MAX) {
    this.#chunks = chunks;
    this.#markBytesMax = markBytesMax;
  }

  /** Notes the next event: where its block was before it and is after it, and what the allocator occupies. */
  note(former: number, address: number, footprintBytes: number): void {
    const event = this.#count;
    const at = event % CHUNK_EVENTS;
    if (at === 0) this.#addChunk();
    if (event % this.#markEvents === 0) this.#mark();
    this.#addresses.at(-1)![at] = address;
    this.#noteFormer(at, former, address);
    if (footprintBytes !== this.#footprints.at(-1)) {
      this.#footprintEvents.push(event + 1);
      this.#footprints.push(footprintBytes);
    }
    this.#count += 1;
    this.#apply(event, this.#change);
  }

  /** What is live in each page after so many events. O(events from one copy to the next, and pages). */
  at(event: number): PageBytes {
    const wanted = Math.max(0, Math.min(this.#count, event));
    const place = Math.min(Math.floor(wanted / this.#markEvents), this.#marks.length - 1);
    const { pages: marked, liveBytes: before } = this.#marks[place] ?? { pages: new Uint16Array(0), liveBytes: 0 };
    const pages = new Uint16Array(this.#pageCount);
    pages.set(marked);
    let liveBytes = before;
    for (let one = Math.max(0, place) * this.#markEvents; one < wanted; one++) {
      this.#apply(one, (address, bytes, sign) => {
        spread(pages, address, bytes, sign);
        liveBytes += sign * bytes;
      });
    }
    const last = pages.findLastIndex((bytes) => bytes !== 0);
    return { pages: pages.subarray(0, last + 1), liveBytes, footprintBytes: this.footprintAt(wanted) };
  }

  /** Bytes that the allocator occupied after so many events. O(log n). */
  footprintAt(event: number): number {
    let low = 0;
    let high = this.#footprintEvents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#footprintEvents[middle]! <= event) low = middle + 1;
      else high = middle;
    }
    return this.#footprints[Math.max(0, low - 1)] ?? 0;
  }

  /** The most bytes that it ever occupied. */
  get peakFootprintBytes(): number {
    return this.#footprints.reduce((most, bytes) => Math.max(most, bytes), 0);
  }

  #addChunk(): void {
    this.#addresses.push(new Uint32Array(CHUNK_EVENTS));
    this.#former.push(undefined);
  }

  #noteFormer(at: number, former: number, address: number): void {
    const chunk = this.#former.length - 1;
    let known = this.#former[chunk];
    if (known === undefined) {
      const code = this.#chunks[chunk]![at * WORDS_PER_OP + OPERATION.CODE]! & OP_CODE_MASK;
      if (code !== OP.REALLOC || former === address) return;
      // Up to here no block of the chunk was moved.
      known = this.#addresses[chunk]!.slice();
      this.#former[chunk] = known;
    }
    known[at] = former;
  }

  /** Copies what is live; where copies have become too many, every second goes. */
  #mark(): void {
    const pages = this.#pages.slice(0, this.#pageCount);
    this.#marks.push({ pages, liveBytes: this.#liveBytes });
    this.#markBytes += pages.byteLength;
    if (this.#markBytes <= this.#markBytesMax || this.#marks.length % 2 === 0) return;
    this.#marks = this.#marks.filter((_, place) => place % 2 === 0);
    this.#markEvents *= 2;
    this.#markBytes = this.#marks.reduce((sum, mark) => sum + mark.pages.byteLength, 0);
  }

  readonly #change = (address: number, bytes: number, sign: number): void => {
    const endPage = Math.ceil((address + bytes) / PAGE_SIZE);
    if (endPage > this.#pages.length) {
      const longer = new Uint16Array(Math.max(endPage, 2 * this.#pages.length));
      longer.set(this.#pages);
      this.#pages = longer;
    }
    if (endPage > this.#pageCount) this.#pageCount = endPage;
    spread(this.#pages, address, bytes, sign);
    this.#liveBytes += sign * bytes;
  };

  /** Hands on what an event changes: blocks that come, and blocks that go. Blocks of pages are no part of it. */
  #apply(event: number, change: (address: number, bytes: number, sign: number) => void): void {
    const chunk = Math.floor(event / CHUNK_EVENTS);
    const at = event % CHUNK_EVENTS;
    const words = this.#chunks[chunk]!;
    const word = at * WORDS_PER_OP;
    const address = this.#addresses[chunk]![at]!;
    const size = words[word + OPERATION.SIZE]!;
    switch (words[word + OPERATION.CODE]! & OP_CODE_MASK) {
      case OP.FREE:
      case OP.CACHE_FREE:
        if (address !== 0) change(address, size, -1);
        break;
      case OP.REALLOC: {
        const former = this.#formerAt(chunk, at, address);
        if (former !== 0) change(former, words[word + OPERATION.AUX]!, -1);
        if (address !== 0) change(address, size, 1);
        break;
      }
      case OP.PAGE_ALLOC:
      case OP.PAGE_FREE:
      case OP.PAGE_RUN:
        break;
      default:
        if (address !== 0) change(address, size, 1);
    }
  }

  #formerAt(chunk: number, at: number, address: number): number {
    return this.#former[chunk]?.[at] ?? address;
  }
}

/** Adds the bytes of a block to the pages that it lies in, or takes them away. */
function spread(pages: Uint16Array, address: number, bytes: number, sign: number): void {
  const end = address + bytes;
  for (let at = address; at < end; ) {
    const page = Math.floor(at / PAGE_SIZE);
    const pageEnd = Math.min(end, (page + 1) * PAGE_SIZE);
    pages[page]! += sign * (pageEnd - at);
    at = pageEnd;
  }
}
