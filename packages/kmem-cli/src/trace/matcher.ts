import { type CacheObserver, CacheRegistry } from "./cache-registry.ts";
import type { KernelEventSink } from "./kernel-events.ts";
import { LiveBytes } from "./live-bytes.ts";
import { type ObjectMatchCounts, ObjectMatcher } from "./object-matcher.ts";
import type { OpSink, OpTotals } from "./op-stream.ts";
import { type PageMatchCounts, PageMatcher } from "./page-matcher.ts";
import { SlotPool } from "./slot-pool.ts";

/**
 * Turns the events of a kernel trace, which speak of addresses and page frames, into operations on slots. Objects
 * and pages share the slots and nothing else: an address is never compared with a page frame.
 */
export class Matcher implements KernelEventSink {
  readonly registry: CacheRegistry;
  /** All blocks together, as a replay holds them. */
  readonly total: LiveBytes = new LiveBytes();
  readonly #slots = new SlotPool();
  readonly #objects: ObjectMatcher;
  readonly #pages: PageMatcher;

  constructor(sink: OpSink, observer?: CacheObserver) {
    this.registry = new CacheRegistry(observer);
    this.#objects = new ObjectMatcher(sink, this.#slots, this.registry, this.total);
    this.#pages = new PageMatcher(sink, this.#slots, this.total);
  }

  kmalloc(high: number, low: number, requestedBytes: number, allocatedBytes: number): void {
    this.#objects.kmalloc(high, low, requestedBytes, allocatedBytes);
  }

  kfree(high: number, low: number): void {
    this.#objects.kfree(high, low);
  }

  cacheAlloc(high: number, low: number, nameId: number, requestedBytes: number, allocatedBytes: number): void {
    this.#objects.cacheAlloc(high, low, nameId, requestedBytes, allocatedBytes);
  }

  cacheFree(high: number, low: number, nameId: number): void {
    this.#objects.cacheFree(high, low, nameId);
  }

  pageAlloc(pageFrame: number, order: number): void {
    this.#pages.alloc(pageFrame, order);
  }

  pageFree(pageFrame: number, order: number): void {
    this.#pages.free(pageFrame, order);
  }

  /** Live bytes and counts of the objects alone. */
  get liveObjects(): LiveBytes {
    return this.#objects.live;
  }

  /** Live bytes and counts of the pages alone. */
  get livePages(): LiveBytes {
    return this.#pages.live;
  }

  objectCounts(): ObjectMatchCounts {
    return this.#objects.counts();
  }

  pageCounts(): PageMatchCounts {
    return this.#pages.counts();
  }

  /** What the header of the operation file says. */
  totals(): OpTotals {
    return {
      kind: "kernel",
      slotCount: this.#slots.slotCount,
      peakLiveBytes: this.total.peakLiveBytes,
      peakLiveBlockCount: this.total.peakLiveBlockCount,
      requestedBytes: this.total.requestedBytes,
    };
  }
}
