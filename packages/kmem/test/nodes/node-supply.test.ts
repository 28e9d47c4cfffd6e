import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, type HeapOptions, heapStats, type ZoneStats } from "../../src/index.ts";
import { CacheRecord, FrameKind } from "../../src/layout.ts";
import { Supply } from "../../src/nodes/node-supply.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";

const supplyOf = (heap: Heap): Supply => new Supply(layersOf(heap).memory, layersOf(heap).geometry);
const zoneOf = (heap: Heap, index = 1): ZoneStats => heapStats(heap).zones[index] as ZoneStats;

/** A heap whose normal zone has this many free pages. */
function heapWithFreePages(freePages: number, options: HeapOptions = { sizeBytes: 16 * MIB }): Heap {
  const heap = Heap.create(options);
  for (let left = zoneOf(heap).freePages; left > freePages; left = zoneOf(heap).freePages) {
    const count = 2 ** Math.min(10, Math.floor(Math.log2(left - freePages)));
    expect(heap.pages.tryAlloc(count, { reserve: true })).not.toBe(0);
  }
  return heap;
}

describe("the supply of a node", () => {
  const { low } = zoneOf(Heap.create({ sizeBytes: 16 * MIB })).watermarkPages;

  it("is ample for runs as long as the low watermark is kept", () => {
    expect(low).toBeGreaterThan(10);
    const supply = supplyOf(heapWithFreePages(low + 10));
    expect(supply.isAmple(10 * PAGE)).toBe(true);
    expect(supply.isAmple(9 * PAGE + 1)).toBe(true);
    expect(supply.isAmple(10 * PAGE + 1)).toBe(false);
    expect(supply.isAmple(2 ** 32 - 1)).toBe(false);
  });

  it("is ample for small blocks while a slab can be made, or slabs of theirs have free blocks", () => {
    const heap = heapWithFreePages(low);
    const supply = supplyOf(heap);
    for (const size of [0, 1, 16, 100, 4096, 32_768]) expect(supply.isAmple(size)).toBe(false);
    // Two slabs, of which one goes back whole.
    const blocks = Array.from({ length: 300 }, () => heap.tryAlloc(16));
    for (const block of blocks) heap.free(block);
    layersOf(heap).sheaves.drain(FrameKind.FIRST_CACHE);
    expect(heapStats(heap).caches[0]?.freeBlocks).toBeGreaterThan(0);
    expect([supply.isAmple(0), supply.isAmple(16), supply.isAmple(17)]).toEqual([true, true, false]);
    expect(supplyOf(heapWithFreePages(low + 16)).isAmple(100)).toBe(true);
  });

  it("is ample while there are free blocks in the barn", () => {
    const heap = Heap.create({ sizeBytes: 16 * MIB });
    // Another object for the same memory is as good as another thread: it takes a slot of its own.
    const other = Heap.attach(heap.reserve());
    expect(other.slot).not.toBe(heap.slot);
    const supply = supplyOf(heap);
    const blocks = Array.from({ length: 3000 }, () => heap.alloc(16));
    // The first half sheaf that is too much goes there.
    while (heapStats(heap).bytes.barnBytes === 0) heap.free(blocks.pop() as number);
    for (let left = zoneOf(heap).freePages; left > low; left = zoneOf(heap).freePages) {
      expect(heap.pages.tryAlloc(2 ** Math.min(10, Math.floor(Math.log2(left - low))), { reserve: true })).not.toBe(0);
    }
    // Those that slabs have do not count here.
    const peek = new Peek(heap);
    const kind = FrameKind.FIRST_CACHE;
    const freeWord = peek.cacheWord(kind, CacheRecord.FREE_BLOCKS);
    const free = peek.words[freeWord];
    peek.words[freeWord] = 0;
    expect([supply.isAmple(16), supply.isAmple(17)]).toEqual([true, false]);
    peek.words[peek.cache(kind, CacheRecord.BARN)] *= -1;
    expect(supply.isAmple(16)).toBe(false);
    peek.words[peek.cache(kind, CacheRecord.BARN)] *= -1;
    peek.words[freeWord] = free;
    other.detach();
  });

  it("counts the DMA zone in, which the heap takes from when the normal one has nothing", () => {
    const heap = heapWithFreePages(low - 1, { sizeBytes: 16 * MIB, dmaBytes: 4 * MIB });
    const supply = supplyOf(heap);
    const dma = zoneOf(heap, 0);
    const spare = dma.freePages - dma.watermarkPages.low;
    expect(spare).toBeGreaterThan(9);
    expect([supply.isAmple(spare * PAGE), supply.isAmple((spare + 1) * PAGE)]).toEqual([true, false]);
  });

  it("is ample while memory can grow, and no longer", () => {
    const heap = Heap.create({ sizeBytes: MIB, maximumBytes: 2 * MIB });
    const supply = supplyOf(heap);
    const runBytes = 16 * PAGE;
    while (heapStats(heap).endAddress < heapStats(heap).limitAddress) {
      expect(supply.isAmple(runBytes)).toBe(true);
      heap.alloc(runBytes);
    }
    while (supply.isAmple(runBytes)) heap.alloc(runBytes);
    const { freePages, watermarkPages } = zoneOf(heap);
    expect(freePages - 16).toBeLessThan(watermarkPages.low);
  });
});
