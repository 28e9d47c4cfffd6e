import type { KmallocSlowPath } from "../kmalloc/kmalloc.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { type MemoryWait, WAIT_CHECKS, type WaitOptions } from "../kmalloc/memory-wait.ts";
import {
  anyValue,
  type Checks,
  describeValue,
  isPowerOfTwoFrom,
  isUint32,
  readOptions,
  requireBoolean,
  requireFunction,
  signedHint,
} from "../memory/arguments.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { NO_FRAME, RunKind } from "../pages/layout.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import type { PageRequest } from "../pages/page-request.ts";
import type { ZoneStats } from "../pages/zone.ts";

/** How pages are wanted. */
export interface PageOptions {
  /** The first page lies at a multiple of this power of two, in bytes. Default: a page. */
  readonly alignmentBytes?: number;
  /** Take them from the DMA zone. */
  readonly dma?: boolean;
  /** May use the reserve below the lowest watermark. */
  readonly reserve?: boolean;
}

/** How pages are wanted, and how long to wait for them. */
export interface PageWaitOptions extends PageOptions, WaitOptions {}

const PAGE_CHECKS: Checks<PageOptions> = { alignmentBytes: anyValue, dma: requireBoolean, reserve: requireBoolean };
const PAGE_WAIT_CHECKS: Checks<PageWaitOptions> = { ...PAGE_CHECKS, ...WAIT_CHECKS };
const NO_OPTIONS: PageWaitOptions = {};
const ANY_PAGES: PageRequest = { alignFrames: 1, dma: false, mayUseReserve: false };

/**
 * Pages: runs of 4 KiB pages by address. From Atomik's `page_alloc`/`page_free` and Linux's `__get_free_pages`. A run
 * is no block: `heap.free` does not take it.
 */
export class Pages {
  /** The layers with views of the memory as it is now; throws when the heap was detached. */
  readonly #layers: () => Layers;
  readonly #kmalloc: KmallocSlowPath;
  readonly #waits: MemoryWait;

  /** @internal */
  constructor(layers: () => Layers, kmalloc: KmallocSlowPath, waits: MemoryWait) {
    requireFunction("layers", layers);
    this.#layers = layers;
    this.#kmalloc = kmalloc;
    this.#waits = waits;
  }

  /**
   * Allocates `count` neighbouring pages and returns the address of the first. Exactly `count` pages are used. Throws
   * `OutOfMemoryError` when no such stretch is free, at once for more pages than the heap can ever have; BAD_SIZE
   * for what is no count, BAD_ALIGNMENT, BAD_ARGUMENT. Idle memory of the heap may have been reclaimed by then, which
   * changes no block. O(orders); O(pages) when only neighbouring free blocks together can serve.
   */
  alloc(count: number, options: PageOptions = NO_OPTIONS): number {
    requireCount(count);
    const request = options === NO_OPTIONS ? ANY_PAGES : requestFor(readOptions("options", options, PAGE_CHECKS));
    this.#current();
    const frame = this.#kmalloc.allocatePages(count, RunKind.PAGES, request);
    if (frame === NO_FRAME) throw outOfMemory(this.#current(), count * PAGE_SIZE);
    return frame * PAGE_SIZE;
  }

  /** As {@link alloc}, but returns 0 when no such stretch is free. */
  tryAlloc(count: number, options: PageOptions = NO_OPTIONS): number {
    requireCount(count);
    const request = options === NO_OPTIONS ? ANY_PAGES : requestFor(readOptions("options", options, PAGE_CHECKS));
    this.#current();
    return this.#take(count, request);
  }

  /**
   * As {@link alloc}, and where there is no such stretch waits until other threads have freed one, as `heap.allocWait`
   * does. Throws `OutOfMemoryError` at the timeout, and at once where no other thread is attached; the signal's
   * reason; MUST_NOT_BLOCK where the thread may not sleep.
   */
  allocWait(count: number, options: PageWaitOptions = NO_OPTIONS): number {
    requireCount(count);
    const { timeoutMs, signal, ...wanted } = readOptions("options", options, PAGE_WAIT_CHECKS);
    const request = requestFor(wanted);
    this.#current();
    const isSatisfiable = this.#kmalloc.isSatisfiable(count, request);
    const address = this.#waits.wait(() => this.#take(count, request), { timeoutMs, signal }, isSatisfiable);
    if (address === 0) throw outOfMemory(this.#current(), count * PAGE_SIZE);
    return address;
  }

  /**
   * Frees `count` pages from `address` on: a whole run or any page-aligned part of one. Throws INVALID_FREE, with
   * nothing changed, unless every one of them is allocated and of the same run. O(count).
   */
  free(address: number, count: number): void {
    if (!isUint32(address) || address % PAGE_SIZE !== 0) {
      const hint = signedHint("address", address);
      throw new KmemError("INVALID_FREE", `cannot free pages at ${hex(address)}: it is no address of a page${hint}`, {
        address,
      });
    }
    this.#current().free(address >>> PAGE_SHIFT, count, RunKind.PAGES);
  }

  /** Each zone with its free blocks by order and its watermarks. */
  stats(): readonly ZoneStats[] {
    return this.#current().stats();
  }

  /** Address of the first of so many pages, 0 where there is no such stretch. */
  #take(count: number, request: PageRequest): number {
    const frame = this.#kmalloc.allocatePages(count, RunKind.PAGES, request);
    return frame === NO_FRAME ? 0 : frame * PAGE_SIZE;
  }

  #current(): PageAllocator {
    return this.#layers().pages;
  }
}

/** Throws BAD_SIZE unless it is a whole number of pages from 1; a heap may well have fewer. */
function requireCount(count: number): void {
  if (Number.isInteger(count) && count > 0) return;
  const text = `a run has a whole number of pages from 1, not ${describeValue(count)}`;
  throw new KmemError("BAD_SIZE", text, { count });
}

/** Throws BAD_ALIGNMENT. */
function requestFor({ alignmentBytes = PAGE_SIZE, dma = false, reserve = false }: PageOptions): PageRequest {
  if (isPowerOfTwoFrom(alignmentBytes, PAGE_SIZE))
    return { alignFrames: alignmentBytes / PAGE_SIZE, dma, mayUseReserve: reserve };
  const text = `pages are aligned to a power of two from ${PAGE_SIZE}, not ${describeValue(alignmentBytes)}`;
  throw new KmemError("BAD_ALIGNMENT", text, { alignmentBytes });
}
