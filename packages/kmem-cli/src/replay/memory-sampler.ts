import type { MemorySamples } from "./jobs.ts";
import type { MeasurableHeap, ReplayHeap } from "./replay-heap.ts";

/** Follows how the memory of a heap goes, part by part of a workload. */
export class MemorySampler {
  readonly #stats: (() => { readonly zones: readonly Zone[] }) | undefined;
  readonly #opsPerSample: number;
  readonly #liveBytes: number[] = [];
  readonly #footprintBytes: number[] = [];
  readonly #unusableIndexes: (readonly number[])[] = [];
  #opCount = 0;
  #mostLive = 0;
  #mostFootprint = 0;

  /** @param sampleCount parts that the operations are divided into, at most. */
  constructor(heap: ReplayHeap | MeasurableHeap, opCount: number, sampleCount: number) {
    this.#stats = "stats" in heap ? () => heap.stats!() : undefined;
    this.#opsPerSample = Math.max(1, Math.ceil(opCount / sampleCount));
  }

  /** Takes what there is after an operation. */
  take(liveBytes: number, footprintBytes: number): void {
    if (liveBytes > this.#mostLive) this.#mostLive = liveBytes;
    if (footprintBytes > this.#mostFootprint) this.#mostFootprint = footprintBytes;
    this.#opCount += 1;
    if (this.#opCount % this.#opsPerSample !== 0) return;
    this.#close();
    this.#mostLive = liveBytes;
    this.#mostFootprint = footprintBytes;
  }

  result(): MemorySamples {
    if (this.#opCount % this.#opsPerSample !== 0) this.#close();
    return {
      opsPerSample: this.#opsPerSample,
      liveBytes: this.#liveBytes,
      footprintBytes: this.#footprintBytes,
      ...(this.#stats === undefined ? {} : { unusableIndexes: this.#unusableIndexes }),
    };
  }

  #close(): void {
    this.#liveBytes.push(this.#mostLive);
    this.#footprintBytes.push(this.#mostFootprint);
    if (this.#stats !== undefined) this.#unusableIndexes.push(unusableIndexes(this.#stats().zones));
  }
}

interface Zone {
  readonly freeBlocksByOrder: readonly number[];
}

/**
 * The share of the free pages, 0 to 1, that an allocation of each order cannot use, since they lie in smaller blocks:
 * Linux's unusable free space index. Without free pages all of them are unusable.
 */
export function unusableIndexes(zones: readonly Zone[]): number[] {
  const orderCount = Math.max(0, ...zones.map(({ freeBlocksByOrder }) => freeBlocksByOrder.length));
  const pagesByOrder = Array.from({ length: orderCount }, (_, order) =>
    zones.reduce((sum, { freeBlocksByOrder }) => sum + (freeBlocksByOrder[order] ?? 0) * 2 ** order, 0),
  );
  const freePages = pagesByOrder.reduce((sum, pages) => sum + pages, 0);
  let unusablePages = 0;
  return pagesByOrder.map((pages) => {
    const index = freePages === 0 ? 1 : unusablePages / freePages;
    unusablePages += pages;
    return index;
  });
}
