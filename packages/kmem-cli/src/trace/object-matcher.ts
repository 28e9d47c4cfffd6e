import { AddressTable, NOT_FOUND } from "./address-table.ts";
import type { CacheRegistry } from "./cache-registry.ts";
import { type FreeMatch, type FreeMatchCounter, noFrees } from "./free-match.ts";
import { LiveBytes } from "./live-bytes.ts";
import { OP, type OpSink } from "./op-stream.ts";
import type { SlotPool } from "./slot-pool.ts";

/** What the objects (kmalloc and slab caches) of a kernel trace came to. */
export interface ObjectMatchCounts {
  readonly kfree: FreeMatch;
  readonly cacheFree: FreeMatch;
  /** Frees by kfree of an object from a slab cache, and by kmem_cache_free of one from kmalloc. */
  readonly crossFreeCount: number;
  /** Allocations that answered null. */
  readonly failedAllocCount: number;
  /** Allocations at an address that was still live: its free was not traced. */
  readonly impliedFreeCount: number;
  /** Second reports of one and the same large kmalloc; no allocations, so they are not replayed. */
  readonly repeatedReportCount: number;
  /** Allocations by kmalloc of more than the largest slab class: their pages are mm_page_alloc events as well. */
  readonly largeKmallocCount: number;
  readonly largeKmallocBytes: number;
  /** Sum of what the traced kernel set aside for the objects, rounding included. */
  readonly allocatedBytes: number;
}

/** A kmalloc above this comes straight from the page allocator (KMALLOC_MAX_CACHE_SIZE, two pages). */
const LARGE_KMALLOC_BYTES = 8192;

/**
 * A large kmalloc is reported by two functions of the kernel, one calling the other, within an instant. On another
 * processor a few events may come in between.
 */
const REPEAT_WINDOW_EVENTS = 8;

/** What stands in the table of kinds for an object that kmalloc made; a slab cache's object has its cache id. */
const FROM_KMALLOC = -1;

const INITIAL_SLOTS = 1024;

/** Turns allocations and frees by address into operations on slots. */
export class ObjectMatcher {
  readonly live: LiveBytes = new LiveBytes();
  readonly #sink: OpSink;
  readonly #slots: SlotPool;
  readonly #registry: CacheRegistry;
  readonly #total: LiveBytes;
  readonly #table = new AddressTable();
  /** By slot: FROM_KMALLOC or a cache id. */
  #origins = new Int32Array(INITIAL_SLOTS);
  /** By slot: bytes requested. */
  #sizes = new Uint32Array(INITIAL_SLOTS);

  readonly #kfree = noFrees();
  readonly #cacheFree = noFrees();
  #crossFreeCount = 0;
  #failedAllocCount = 0;
  #impliedFreeCount = 0;
  #repeatedReportCount = 0;
  #largeKmallocCount = 0;
  #largeKmallocBytes = 0;
  #allocatedBytes = 0;

  #eventCount = 0;
  readonly #lastLarge = { high: 0, low: 0, requestedBytes: 0, allocatedBytes: 0, eventCount: Number.NEGATIVE_INFINITY };

  constructor(sink: OpSink, slots: SlotPool, registry: CacheRegistry, total: LiveBytes) {
    this.#sink = sink;
    this.#slots = slots;
    this.#registry = registry;
    this.#total = total;
  }

  kmalloc(high: number, low: number, requestedBytes: number, allocatedBytes: number): void {
    this.#eventCount += 1;
    if (this.#isFailure(high, low)) return;
    if (allocatedBytes > LARGE_KMALLOC_BYTES) {
      if (this.#repeatsLastLarge(high, low, requestedBytes, allocatedBytes)) return;
      this.#largeKmallocCount += 1;
      this.#largeKmallocBytes += allocatedBytes;
    }
    const slot = this.#place(high, low, requestedBytes, allocatedBytes);
    this.#origins[slot] = FROM_KMALLOC;
    this.#sink.op(OP.MALLOC, 0, slot, requestedBytes, 0);
  }

  cacheAlloc(high: number, low: number, nameId: number, requestedBytes: number, allocatedBytes: number): void {
    this.#eventCount += 1;
    if (this.#isFailure(high, low)) return;
    const cacheId = this.#registry.allocFrom(nameId, requestedBytes, allocatedBytes);
    const slot = this.#place(high, low, requestedBytes, allocatedBytes);
    this.#origins[slot] = cacheId;
    this.#sink.op(OP.CACHE_ALLOC, 0, slot, requestedBytes, cacheId);
  }

  kfree(high: number, low: number): void {
    this.#eventCount += 1;
    const slot = this.#match(high, low, this.#kfree);
    if (slot === NOT_FOUND) return;
    if (this.#origins[slot] !== FROM_KMALLOC) this.#crossFreeCount += 1;
    this.#release(slot);
  }

  cacheFree(high: number, low: number, nameId: number): void {
    this.#eventCount += 1;
    const slot = this.#match(high, low, this.#cacheFree);
    if (slot === NOT_FOUND) return;
    const origin = this.#origins[slot]!;
    if (origin === FROM_KMALLOC) this.#crossFreeCount += 1;
    else this.#registry.addAlias(origin, nameId);
    this.#release(slot);
  }

  counts(): ObjectMatchCounts {
    return {
      kfree: { ...this.#kfree },
      cacheFree: { ...this.#cacheFree },
      crossFreeCount: this.#crossFreeCount,
      failedAllocCount: this.#failedAllocCount,
      impliedFreeCount: this.#impliedFreeCount,
      repeatedReportCount: this.#repeatedReportCount,
      largeKmallocCount: this.#largeKmallocCount,
      largeKmallocBytes: this.#largeKmallocBytes,
      allocatedBytes: this.#allocatedBytes,
    };
  }

  #isFailure(high: number, low: number): boolean {
    if ((high | low) !== 0) return false;
    this.#failedAllocCount += 1;
    return true;
  }

  #repeatsLastLarge(high: number, low: number, requestedBytes: number, allocatedBytes: number): boolean {
    const last = this.#lastLarge;
    const repeats =
      this.#eventCount - last.eventCount <= REPEAT_WINDOW_EVENTS &&
      last.high === high &&
      last.low === low &&
      last.requestedBytes === requestedBytes &&
      last.allocatedBytes === allocatedBytes &&
      this.#table.find(high, low) !== NOT_FOUND;
    if (repeats) {
      this.#repeatedReportCount += 1;
      last.eventCount = Number.NEGATIVE_INFINITY;
      return true;
    }
    last.high = high;
    last.low = low;
    last.requestedBytes = requestedBytes;
    last.allocatedBytes = allocatedBytes;
    last.eventCount = this.#eventCount;
    return false;
  }

  /** Gives a new object its slot; what was live at its address is freed first. */
  #place(high: number, low: number, requestedBytes: number, allocatedBytes: number): number {
    const before = this.#table.find(high, low);
    if (before !== NOT_FOUND) {
      this.#impliedFreeCount += 1;
      this.#release(before);
    }
    const slot = this.#slots.take();
    if (slot >= this.#sizes.length) this.#growTo(slot + 1);
    this.#table.set(high, low, slot);
    this.#sizes[slot] = requestedBytes;
    this.#allocatedBytes += allocatedBytes;
    this.live.addBlock(requestedBytes);
    this.#total.addBlock(requestedBytes);
    return slot;
  }

  #match(high: number, low: number, match: FreeMatchCounter): number {
    if ((high | low) === 0) {
      match.nullFreeCount += 1;
      return NOT_FOUND;
    }
    match.freeCount += 1;
    const slot = this.#table.remove(high, low);
    if (slot === NOT_FOUND) match.unknownCount += 1;
    else match.matchedCount += 1;
    return slot;
  }

  /** Emits the free that fits what the object is, whichever call freed it. */
  #release(slot: number): void {
    const sizeBytes = this.#sizes[slot]!;
    const origin = this.#origins[slot]!;
    if (origin === FROM_KMALLOC) this.#sink.op(OP.FREE, 0, slot, sizeBytes, 0);
    else this.#sink.op(OP.CACHE_FREE, 0, slot, sizeBytes, origin);
    this.live.removeBlock(sizeBytes);
    this.#total.removeBlock(sizeBytes);
    this.#slots.giveBack(slot);
  }

  #growTo(slotCount: number): void {
    const length = Math.max(slotCount, this.#sizes.length * 2);
    const origins = new Int32Array(length);
    origins.set(this.#origins);
    this.#origins = origins;
    const sizes = new Uint32Array(length);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
  }
}
