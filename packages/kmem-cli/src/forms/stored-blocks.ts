import { LiveBytes } from "../trace/live-bytes.ts";
import { OP, type OpSink, PAGE_BYTES } from "../trace/op-stream.ts";
import { PAGE_FREE_PART, PAGES_MAX, SLOTS_MAX } from "./stored-layout.ts";

/** What is in a slot. */
const STATE = { FREE: 0, BLOCK: 1, OBJECT: 2, PAGES: 3 } as const;
const INITIAL_SLOTS = 1024;
/** The order of the largest block of pages. */
const ORDER_MAX = 20;

/** Why an event of a file cannot be, of a fixed set. */
const NOT_LIVE = "an event of a block that is not live, or of another kind";
const IS_LIVE = "an allocation in a slot that is live";

/** Follows what is live in a file of kmem's own format, and hands on what can be. */
export class StoredBlocks {
  readonly total: LiveBytes = new LiveBytes();
  readonly objects: LiveBytes = new LiveBytes();
  readonly pages: LiveBytes = new LiveBytes();
  readonly #sink: OpSink;
  #states = new Uint8Array(INITIAL_SLOTS);
  /** Bytes of a block or an object; pages that are left of a block of pages. */
  #sizes = new Uint32Array(INITIAL_SLOTS);
  /** Cache of an object; pages that the block had. */
  #auxes = new Uint32Array(INITIAL_SLOTS);
  /** Of blocks of pages of which some are gone: 1 for each that is left. */
  readonly #left = new Map<number, Uint8Array>();
  #slotCount = 0;

  constructor(sink: OpSink) {
    this.#sink = sink;
  }

  get slotCount(): number {
    return this.#slotCount;
  }

  /** An allocation in a slot, by an operation that has been verified; answers why it cannot be, if so. */
  alloc(code: number, log2Align: number, slot: number, size: number, aux: number): string | undefined {
    if (slot >= this.#slotCount) {
      // A slot that has not been seen is the next one, or one of those before the first section that was read.
      if (slot >= SLOTS_MAX || slot > this.#slotCount) return "a slot that is not the next one";
      this.#grow(slot + 1);
    }
    if (this.#states[slot] !== STATE.FREE) return IS_LIVE;
    if (code === OP.PAGE_ALLOC || code === OP.PAGE_RUN) {
      const count = code === OP.PAGE_ALLOC ? 2 ** size : size;
      this.#states[slot] = STATE.PAGES;
      this.#sizes[slot] = count;
      this.#auxes[slot] = count;
      this.pages.addBlock(count * PAGE_BYTES);
      this.total.addBlock(count * PAGE_BYTES);
    } else {
      this.#states[slot] = code === OP.CACHE_ALLOC || code === OP.CACHE_BUILD ? STATE.OBJECT : STATE.BLOCK;
      this.#sizes[slot] = size;
      this.#auxes[slot] = aux;
      this.objects.addBlock(size);
      this.total.addBlock(size);
    }
    this.#sink.op(code, log2Align, slot, size, aux);
    return undefined;
  }

  free(code: number, slot: number): string | undefined {
    const state = code === OP.FREE ? STATE.BLOCK : STATE.OBJECT;
    if (slot >= this.#slotCount || this.#states[slot] !== state) return NOT_LIVE;
    const size = this.#sizes[slot]!;
    this.#states[slot] = STATE.FREE;
    this.objects.removeBlock(size);
    this.total.removeBlock(size);
    this.#sink.op(code, 0, slot, size, code === OP.FREE ? 0 : this.#auxes[slot]!);
    return undefined;
  }

  realloc(slot: number, size: number): string | undefined {
    if (slot >= this.#slotCount || this.#states[slot] !== STATE.BLOCK) return NOT_LIVE;
    const before = this.#sizes[slot]!;
    this.#sizes[slot] = size;
    this.objects.resizeBlock(before, size);
    this.total.resizeBlock(before, size);
    this.#sink.op(OP.REALLOC, 0, slot, size, before);
    return undefined;
  }

  /** Frees pages of a block; `isLast` when none are left of it then. */
  freePages(slot: number, count: number, first: number, isLast: boolean): string | undefined {
    if (slot >= this.#slotCount || this.#states[slot] !== STATE.PAGES) return NOT_LIVE;
    const rest = this.#sizes[slot]! - count;
    if (first + count > this.#auxes[slot]! || rest < 0 || isLast !== (rest === 0)) return NOT_LIVE;
    if (rest > 0 || this.#left.has(slot)) {
      const left = this.#left.get(slot) ?? new Uint8Array(this.#auxes[slot]!).fill(1);
      if (left.subarray(first, first + count).includes(0)) return NOT_LIVE;
      left.fill(0, first, first + count);
      if (rest > 0) this.#left.set(slot, left);
      else this.#left.delete(slot);
    }
    this.#sizes[slot] = rest;
    const bytes = count * PAGE_BYTES;
    for (const live of [this.pages, this.total]) {
      if (rest === 0) live.removeBlock(bytes);
      else live.shrinkBlock(bytes);
    }
    if (rest === 0) this.#states[slot] = STATE.FREE;
    this.#sink.op(OP.PAGE_FREE, 0, slot, count, first);
    return undefined;
  }

  #grow(slotCount: number): void {
    this.#slotCount = slotCount;
    if (slotCount <= this.#states.length) return;
    const length = Math.max(slotCount, this.#states.length * 2);
    const states = new Uint8Array(length);
    states.set(this.#states);
    this.#states = states;
    const sizes = new Uint32Array(length);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
    const auxes = new Uint32Array(length);
    auxes.set(this.#auxes);
    this.#auxes = auxes;
  }
}

/** Why an operation of a class cannot be, whatever its block; undefined where it can. */
export function classFault(
  code: number,
  log2Align: number,
  size: number,
  aux: number,
  cacheCount: number,
): string | undefined {
  const isWord = size <= 0xffff_ffff && aux <= 0xffff_ffff && log2Align < 32;
  if (!isWord) return "a number has more than 32 bits";
  switch (code) {
    case OP.CACHE_ALLOC:
    case OP.CACHE_BUILD:
      return aux < cacheCount ? undefined : "a cache that is not in the tables";
    case OP.PAGE_ALLOC:
      return size <= ORDER_MAX ? undefined : "an order that there is not";
    case OP.PAGE_RUN:
    case OP.PAGE_FREE:
    case PAGE_FREE_PART:
      return size > 0 && size <= PAGES_MAX ? undefined : "a number of pages that there is not";
    default:
      return code <= OP.ALIGNED || code === OP.CACHE_FREE ? undefined : "an operation that is not known";
  }
}
