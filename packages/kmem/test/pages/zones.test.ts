import { beforeEach, describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../src/index.ts";
import { expectBytesAddUp, expectClean, freePagesOf } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";

describe("a DMA zone", () => {
  let heap: Heap;
  let boundary: number;

  beforeEach(() => {
    heap = Heap.create({ sizeBytes: 8 * MIB, dmaBytes: MIB });
    boundary = new Peek(heap).firstPageFrame * PAGE + MIB;
  });

  it("has the pages it was given, at the low end", () => {
    const [dma, normal] = heap.pages.stats();
    expect(dma).toMatchObject({ name: "DMA", pages: 256, freePages: 256 });
    expect((dma?.pages ?? 0) + (normal?.pages ?? 0)).toBe(
      heapStats(heap).bytes.totalBytes / PAGE - new Peek(heap).firstPageFrame,
    );
    expectBytesAddUp(heap);
  });

  it("serves requests for DMA, and them alone", () => {
    const pages = Array.from({ length: 300 }, () => heap.pages.tryAlloc(1, { dma: true })).filter((page) => page > 0);
    for (const page of pages) expect(page).toBeLessThan(boundary);
    expect(pages.length).toBe(255);
    expect(heap.pages.tryAlloc(1, { dma: true })).toBe(0);
    expect(heap.pages.tryAlloc(1)).toBeGreaterThanOrEqual(boundary);
    expectClean(heap);
    for (const page of pages) heap.pages.free(page, 1);
    expect(heap.pages.stats()[0]).toMatchObject({ freePages: 256 });
    expectClean(heap);
  });

  it("is what other requests fall back to when the normal zone is empty", () => {
    let lastNormal = 0;
    let page = heap.pages.tryAlloc(1);
    for (; page >= boundary; page = heap.pages.tryAlloc(1)) lastNormal++;
    expect(lastNormal).toBe((heap.pages.stats()[1]?.pages ?? 0) - sheafPages(heap) - minOf(heap, 1));
    expect(page).toBeGreaterThan(0);
    expect(page).toBeLessThan(boundary);
    expect(heap.alloc(100_000)).toBeLessThan(boundary);
    expectClean(heap);
  });

  it("never merges with the zone above it", () => {
    const before = freePagesOf(heapStats(heap));
    const low = heap.pages.alloc(255, { dma: true });
    const high: number[] = [];
    for (let page = heap.pages.tryAlloc(1); page >= boundary; page = heap.pages.tryAlloc(1)) high.push(page);
    expectClean(heap);
    heap.pages.free(low, 255);
    for (const page of high) heap.pages.free(page, 1);
    expectClean(heap);
    const after = freePagesOf(heapStats(heap)) as { freePages: number }[];
    expect(after[1]).toEqual(before[1]);
    expect(after[0]?.freePages).toBeGreaterThanOrEqual(255);
  });

  it("may be larger than the memory, which then has no other", () => {
    heap = Heap.create({ sizeBytes: MIB, dmaBytes: 8 * MIB });
    expect(heap.pages.stats()[1]).toMatchObject({ pages: 0, freePages: 0 });
    expect(heap.alloc(1000)).toBeGreaterThan(0);
    expect(heap.pages.tryAlloc(3, { dma: true })).toBeGreaterThan(0);
    expectClean(heap);
  });

  it.each([1, 4095, 5000])("of %i bytes is rounded down to pages", (dmaBytes) => {
    heap = Heap.create({ sizeBytes: MIB, dmaBytes });
    expect(heap.pages.stats()[0]?.pages).toBe(Math.floor(dmaBytes / PAGE));
    expectClean(heap);
  });

  it("grows to its end first and the normal zone after it", () => {
    heap = Heap.create({ sizeBytes: MIB, maximumBytes: 8 * MIB, dmaBytes: 2 * MIB });
    expect(heap.pages.stats()[1]).toMatchObject({ pages: 0 });
    const blocks: number[] = [];
    for (let block = heap.tryAlloc(40_000); block !== 0; block = heap.tryAlloc(40_000)) blocks.push(block);
    expect(heap.pages.stats()[0]?.pages).toBe(512);
    expect(heap.pages.stats()[1]?.pages).toBeGreaterThan(1000);
    expectClean(heap);
    for (const block of blocks) heap.free(block);
    expectClean(heap);
  });
});

const minOf = (heap: Heap, zone: number): number => heap.pages.stats()[zone]?.watermarkPages.min ?? 0;
const sheafPages = (heap: Heap): number => heapStats(heap).bytes.slotBytes / PAGE;

describe("watermarks", () => {
  it.each([
    [MIB, 0],
    [4 * MIB, 3],
    [16 * MIB, 14],
    [64 * MIB, 59],
  ])("of a heap of %i bytes keep a reserve of a 256th", (sizeBytes, atLeast) => {
    const heap = Heap.create({ sizeBytes });
    const [, normal] = heap.pages.stats();
    const { min, low, high } = normal?.watermarkPages ?? { min: -1, low: -1, high: -1 };
    expect(min).toBe(Math.floor((normal?.pages ?? 0) / 256));
    expect(min).toBeGreaterThanOrEqual(atLeast);
    expect(low).toBe(min + Math.floor(min / 4));
    expect(high).toBe(min + Math.floor(min / 2));
  });

  it("keep no more than 1 MiB", () => {
    const heap = Heap.create({ memory: new SharedArrayBuffer(512 * MIB) });
    expect(minOf(heap, 1)).toBe(256);
  });

  it("hold for pages, blocks, runs and objects, and not for those with leave to use the reserve", () => {
    const heap = Heap.create({ sizeBytes: 16 * MIB });
    const cache = heap.createCache({ name: "objects", sizeBytes: 100 });
    heap.free(heap.alloc(16));
    const min = minOf(heap, 1);
    while (heap.pages.tryAlloc(1) !== 0);
    const free = (): number => heap.pages.stats()[1]?.freePages ?? 0;
    expect(free()).toBe(min);
    expect(() => heap.alloc(40_000)).toThrow("out of memory");
    expect(() => cache.alloc()).toThrow("out of memory");
    expect(() => heap.alignedAlloc(8192, 10)).toThrow("out of memory");
    expect(free()).toBe(min);
    expect(heap.tryAlloc(40_000)).toBeGreaterThan(0);
    expect(free()).toBe(min - 10);
    expect(heap.pages.tryAlloc(1)).toBe(0);
    expect(cache.tryAlloc()).toBeGreaterThan(0);
    while (heap.pages.tryAlloc(1, { reserve: true }) !== 0);
    expect(free()).toBe(0);
    expectClean(heap);
  });

  it("rise with growth, which does not stop short of what a request and the reserve need together", () => {
    const heap = Heap.create({ sizeBytes: MIB, maximumBytes: 64 * MIB });
    expect(minOf(heap, 1)).toBe(0);
    const pages = heap.pages.alloc(14_000);
    expect(pages).toBeGreaterThan(0);
    const [, normal] = heap.pages.stats();
    expect(normal?.watermarkPages.min).toBe(Math.floor((normal?.pages ?? 0) / 256));
    expect(normal?.freePages).toBeGreaterThanOrEqual(normal?.watermarkPages.min ?? 0);
    expectClean(heap);
  });

  it("refuse, with nothing changed, a request that growth to the limit could serve only from the reserve", () => {
    const heap = Heap.create({ sizeBytes: MIB, maximumBytes: 16 * MIB });
    const { limitAddress, zones, endAddress } = heapStats(heap);
    const most = (limitAddress - endAddress) / PAGE + (zones[1]?.freeBlocksByOrder[0] ?? 0);
    let count = Math.floor(most);
    const before = new Uint8Array(heap.buffer).slice();
    while (heap.pages.tryAlloc(count) === 0) {
      expect(Buffer.compare(before, new Uint8Array(heap.buffer))).toBe(0);
      count--;
    }
    expect(heap.pages.stats()[1]?.freePages).toBeGreaterThanOrEqual(minOf(heap, 1));
    expect(count).toBeGreaterThan(3000);
    expectClean(heap);
  });
});

describe("blocks above the largest class", () => {
  it("lengthen in place when the pages behind them are free", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    const block = heap.alloc(40_000);
    expect(heap.realloc(block, 100_000)).toBe(block);
    expect(heap.usableSize(block)).toBe(25 * PAGE);
    expectClean(heap);
  });

  it("lengthen in place down to the reserve and no further", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    const min = minOf(heap, 1);
    expect(min).toBe(3);
    const aligned = heap.pages.alloc(16, { alignmentBytes: 16 * PAGE });
    while (heap.pages.tryAlloc(1, { reserve: true }) !== 0);
    heap.pages.free(aligned, 16);
    const block = heap.tryAlloc(10 * PAGE);
    expect(block).toBe(aligned);
    expect(() => heap.realloc(block, 14 * PAGE)).toThrow("out of memory");
    expect(heap.realloc(block, 13 * PAGE)).toBe(block);
    expect(heap.pages.stats()[1]?.freePages).toBe(min);
    expectClean(heap);
  });

  it("shorten in place and give their tail back", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    const block = heap.alloc(400_000);
    const { freePageBytes } = heapStats(heap).bytes;
    expect(heap.realloc(block, 40_000)).toBe(block);
    expect(heap.usableSize(block)).toBe(10 * PAGE);
    expect(heapStats(heap).bytes.freePageBytes).toBe(freePageBytes + (98 - 10) * PAGE);
    expectClean(heap);
  });

  it("of few pages, because of their alignment, become as large as realloc says", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    for (const size of [20, 5000, 17_000, 20_483, 30_000, 32_768, 50_000]) {
      const block = heap.alignedAlloc(65_536, 10);
      expect(heap.usableSize(block)).toBe(PAGE);
      const moved = heap.realloc(block, size);
      expect(heap.usableSize(moved)).toBeGreaterThanOrEqual(size);
      heap.free(moved);
      expectClean(heap);
    }
  });
});
