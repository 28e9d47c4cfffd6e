import type { Layers } from "./kmalloc/layers.ts";
import { hex, KmemError } from "./memory/errors.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "./memory/layout.ts";
import { describeValue } from "./memory/memory.ts";
import { NO_FRAME, RunKind } from "./pages/layout.ts";
import type { PageAllocator } from "./pages/page-allocator.ts";
import type { ZoneStats } from "./pages/zone.ts";

/** How pages are wanted. */
export interface PageOptions {
  /** The first page lies at a multiple of this power of two, in bytes. Default: a page. */
  readonly alignmentBytes?: number;
  /** Take them from the DMA zone. */
  readonly dma?: boolean;
  /** May use the reserve below the lowest watermark. */
  readonly reserve?: boolean;
}

/**
 * Pages: runs of 4 KiB pages by address. From Atomik's `page_alloc`/`page_free` and Linux's `__get_free_pages`. A run
 * is no block: `heap.free` does not take it.
 */
export class Pages {
  readonly #layers: Layers;

  constructor(layers: Layers) {
    this.#layers = layers;
  }

  /**
   * Allocates `count` neighbouring pages and returns the address of the first; 0 when no such stretch is free. Exactly
   * `count` pages are used. O(orders); O(pages) when only neighbouring free blocks together can serve.
   */
  alloc(count: number, options: PageOptions = {}): number {
    const { alignmentBytes = PAGE_SIZE, dma = false, reserve = false } = options;
    if (!(Number.isInteger(count) && count > 0)) {
      throw new KmemError("BAD_SIZE", `a run has a whole number of pages from 1, not ${describeValue(count)}`, {
        count,
      });
    }
    if (!(alignmentBytes >= PAGE_SIZE && Math.log2(alignmentBytes) % 1 === 0)) {
      throw new KmemError(
        "BAD_ALIGNMENT",
        `pages are aligned to a power of two from ${PAGE_SIZE}, not ${alignmentBytes}`,
      );
    }
    const request = { alignFrames: alignmentBytes / PAGE_SIZE, dma, reserve };
    const frame = this.#current().allocate(count, RunKind.PAGES, request);
    return frame === NO_FRAME ? 0 : frame * PAGE_SIZE;
  }

  /**
   * Frees `count` pages from `address` on: a whole run or any page-aligned part of one. Throws INVALID_FREE, with
   * nothing changed, unless every one of them is allocated and of the same run. O(count).
   */
  free(address: number, count: number): void {
    if (address >>> 0 !== address || address % PAGE_SIZE !== 0) {
      throw new KmemError("INVALID_FREE", `cannot free pages at ${hex(address)}: it is no address of a page`, {
        address,
      });
    }
    this.#current().free(address >>> PAGE_SHIFT, count, RunKind.PAGES);
  }

  /** Each zone with its free blocks by order and its watermarks. */
  stats(): readonly ZoneStats[] {
    return this.#current().stats();
  }

  /** The page allocator with views of the memory as it is now, which others may have grown. */
  #current(): PageAllocator {
    this.#layers.memory.refresh();
    return this.#layers.pages;
  }
}
