import { describe, expect, it } from "vitest";
import { blockAt, blocksOf, checkHeap, dumpHeap, Heap, heapStats, loadDump } from "../../src/index.ts";
import { expectBytesAddUp, expectClean, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";

/** Of the pages that tables describe they take little more than a fifteenth. */
const TABLE_SHARE = 0.07;

describe.each([
  ["shared", true],
  ["unshared", false],
])("a heap in growing %s memory", (_name, shared) => {
  const grown = (): Heap => Heap.create({ sizeBytes: MIB, maximumBytes: 32 * MIB, shared });

  it("keeps blocks, contents and addresses when it grows", () => {
    const heap = grown();
    const small = heap.alloc(1000);
    fillPattern(new Uint8Array(heap.buffer), small, small + 1000, 1);
    const before = heapStats(heap);
    const large = heap.alloc(10 * MIB);
    const after = heapStats(heap);
    expect(after.generation).toBe(before.generation + 1);
    expect(after.endAddress).toBeGreaterThan(large + 10 * MIB - 1);
    expect(after.limitAddress).toBe(before.limitAddress);
    expect(patternFault(new Uint8Array(heap.buffer), small, small + 1000, 1)).toBe(-1);
    expectBytesAddUp(heap);
    heap.free(small);
    heap.free(large);
    expect(heapStats(heap).liveBlocks).toBe(0);
    expectClean(heap);
  });

  it("frees blocks after a growth, and finds double frees", () => {
    const heap = grown();
    const first = heap.alloc(100);
    heap.alloc(10 * MIB);
    heap.free(first);
    expect(blockAt(heap, first)?.live).toBe(false);
    expect(thrownBy(() => heap.free(first)).code).toBe("DOUBLE_FREE");
    const second = heap.alloc(100);
    heap.alloc(10 * MIB);
    expect(heap.tryAlloc(100)).not.toBe(second);
    heap.free(second);
    expect(blockAt(heap, second)?.live).toBe(false);
    expectClean(heap);
  });

  it("keeps working through functions that were taken off it before", () => {
    const heap = grown();
    const { alloc, free } = heap;
    const first = alloc(100);
    heap.alloc(10 * MIB);
    free(first);
    expect(blockAt(heap, first)?.live).toBe(false);
    const blocks = Array.from({ length: 1000 }, () => alloc(100));
    expect(new Set(blocks).size).toBe(1000);
    for (const block of blocks) free(block);
    expect(heapStats(heap).liveBlocks).toBe(1);
    expectClean(heap);
  });

  it("serves caches before, across and after a growth", () => {
    const heap = grown();
    const early = heap.createCache({ name: "early", sizeBytes: 100 });
    const used = heap.createCache({ name: "used", sizeBytes: 100 });
    const object = used.alloc();
    heap.alloc(10 * MIB);
    const late = heap.createCache({ name: "late", sizeBytes: 100 });
    used.free(object);
    expect(blockAt(heap, object)?.live).toBe(false);
    for (const cache of [early, used, late]) {
      const objects = Array.from({ length: 500 }, () => cache.alloc());
      expect(new Set(objects).size).toBe(500);
      expectClean(heap);
      // Half by each of the two ways.
      for (const [index, address] of objects.entries()) {
        if (index % 2 === 0) cache.free(address);
        else heap.free(address);
        expect(blockAt(heap, address)?.live).toBe(false);
      }
      expectClean(heap);
      cache.destroy();
    }
    expect(heapStats(heap).liveBlocks).toBe(1);
  });

  it("grows in the middle of every operation", () => {
    const heap = grown();
    const cache = heap.createCache({ name: "grower", sizeBytes: 4000 });
    const block = heap.alloc(300_000);
    const operations: [string, () => number][] = [
      ["alloc", () => heap.alloc(2000)],
      ["tryAlloc", () => heap.tryAlloc(2000)],
      ["large alloc", () => heap.alloc(100_000)],
      ["calloc", () => heap.calloc(100, 50)],
      ["alignedAlloc", () => heap.alignedAlloc(65_536, 50_000)],
      ["realloc", () => heap.realloc(heap.alloc(10), 30_000)],
      ["pages", () => heap.pages.tryAlloc(100)],
      ["cache", () => cache.alloc()],
    ];
    for (const [name, operate] of operations) {
      const { generation } = heapStats(heap);
      const seen = new Set<number>();
      for (let turn = 0; heapStats(heap).generation === generation && turn < 4000; turn++) {
        const address = operate();
        expect(address, name).toBeGreaterThan(0);
        expect(seen.has(address), name).toBe(false);
        seen.add(address);
        const last = new Uint8Array(heap.buffer)[address + 1900];
        expect(last, name).toBeDefined();
      }
      expect(heapStats(heap).generation, name).toBe(generation + 1);
      expectClean(heap);
      heap.free(heap.alloc(2000));
    }
    expect(heap.usableSize(block)).toBeGreaterThanOrEqual(300_000);
  });

  it("clears what calloc gives in new memory, and copies what realloc moves there", () => {
    const heap = grown();
    const block = heap.alloc(40_000);
    fillPattern(new Uint8Array(heap.buffer), block, block + 40_000, 5);
    const cleared = heap.calloc(6 * MIB, 1);
    expect(new Uint8Array(heap.buffer, cleared, 6 * MIB).every((byte) => byte === 0)).toBe(true);
    const moved = heap.realloc(block, 8 * MIB);
    expect(patternFault(new Uint8Array(heap.buffer), moved, moved + 40_000, 5)).toBe(-1);
    expectClean(heap);
  });

  it("changes nothing when it cannot grow far enough", () => {
    const heap = grown();
    const { generation, endAddress, zones } = heapStats(heap);
    expect(thrownBy(() => heap.alloc(64 * MIB)).code).toBe("OUT_OF_MEMORY");
    expect(heap.pages.tryAlloc(9000)).toBe(0);
    expect(heapStats(heap)).toMatchObject({ generation, endAddress, zones });
    expectClean(heap);
  });

  it("joins new pages with the free pages before them", () => {
    const heap = grown();
    const limitPages = (heapStats(heap).limitAddress - heapStats(heap).endAddress) / PAGE;
    const freePages = heapStats(heap).zones.reduce((sum, zone) => sum + zone.freePages, 0);
    // Nothing but the new pages and the free ones in front of them together can serve this, less tables that move.
    const tablePages = shared ? 0 : (heapStats(heap).limitAddress / PAGE) * TABLE_SHARE;
    const pages = heap.pages.alloc(limitPages + freePages - 60 - Math.ceil(tablePages), { reserve: true });
    expect(pages).toBeGreaterThan(0);
    expectClean(heap);
  });

  it("grows no further than its maximum and then says that it is out of memory", () => {
    const heap = grown();
    let blockCount = 0;
    while (heap.tryAlloc(100_000) !== 0) blockCount++;
    expect(blockCount).toBeGreaterThan(150);
    while (heap.tryAlloc(4096) !== 0) blockCount++;
    expect(heapStats(heap).endAddress).toBe(heapStats(heap).limitAddress);
    expect(heap.buffer.byteLength).toBe(32 * MIB);
    expect(thrownBy(() => heap.alloc(16)).code).toBe("OUT_OF_MEMORY");
    expectClean(heap);
  });

  it("hands a new buffer to views made after a growth", () => {
    const heap = grown();
    const block = heap.alloc(64);
    heap.u32(block)[0] = 7;
    heap.alloc(10 * MIB);
    expect(heap.u32(block).buffer).toBe(heap.buffer);
    expect(heap.u32(block)[0]).toBe(7);
  });

  it("dumps and loads what it has grown to", () => {
    const heap = grown();
    const block = heap.alloc(10 * MIB);
    fillPattern(new Uint8Array(heap.buffer), block + 10 * MIB - 500, block + 10 * MIB, 3);
    const copy = loadDump(dumpHeap(heap));
    expect([...blocksOf(copy)]).toEqual([...blocksOf(heap)]);
    expect(patternFault(new Uint8Array(copy.buffer), block + 10 * MIB - 500, block + 10 * MIB, 3)).toBe(-1);
    expectClean(copy);
  });
});

describe.each([
  ["shared", true],
  ["unshared", false],
])("two Heap objects over one growing %s memory", (_name, shared) => {
  const pair = (): [Heap, Heap] => {
    const one = Heap.create({ sizeBytes: MIB, maximumBytes: 32 * MIB, shared });
    return [one, Heap.attach(one.source)];
  };

  it("both notice that one has grown it", () => {
    const operations: [string, (heap: Heap, address: number) => unknown][] = [
      ["alloc", (heap) => heap.alloc(100)],
      ["large alloc", (heap) => heap.alloc(100_000)],
      ["huge alloc", (heap) => heap.alloc(15 * MIB)],
      ["calloc", (heap) => heap.calloc(2, 100)],
      ["free", (heap, address) => heap.free(address)],
      ["realloc", (heap, address) => heap.realloc(address, 5000)],
      ["alignedAlloc", (heap) => heap.alignedAlloc(8192, 5000)],
      ["usableSize", (heap, address) => heap.usableSize(address)],
      ["blockAt", (heap, address) => expect(blockAt(heap, address)?.live).toBe(true)],
      ["blocks", (heap) => expect([...blocksOf(heap)].length).toBe(2)],
      ["createCache", (heap) => heap.createCache({ name: "new", sizeBytes: 40 }).alloc()],
      ["stats", (heap) => expect(heapStats(heap).liveBlocks).toBe(2)],
      ["footprintBytes", (heap) => expect(heap.footprintBytes).toBeGreaterThan(10 * MIB)],
      ["check", (heap) => expect(checkHeap(heap).findings).toEqual([])],
      ["trim", (heap) => expect(heap.trim()).toBeGreaterThanOrEqual(0)],
      ["dump", (heap) => expect(heapStats(loadDump(dumpHeap(heap))).liveBlocks).toBe(2)],
      ["u8", (heap, address) => expect(heap.u8(address)[0]).toBe(9)],
      ["pages.alloc", (heap) => expect(heap.pages.tryAlloc(3)).toBeGreaterThan(0)],
      ["pages.stats", (heap) => expect(heap.pages.stats()[1]?.pages).toBeGreaterThan(2000)],
    ];
    for (const [name, operate] of operations) {
      const [one, two] = pair();
      const address = one.alloc(100);
      one.u8(address)[0] = 9;
      one.alloc(10 * MIB);
      try {
        operate(two, address);
      } catch (error) {
        throw new Error(`${name}: ${String(error)}`);
      }
      expectClean(one);
      expectClean(two);
    }
  });

  it("move and clear contents in memory that the other one grew", () => {
    const [one, two] = pair();
    const block = one.alloc(8 * MIB);
    fillPattern(new Uint8Array(one.buffer), block, block + 8 * MIB, 4);
    one.free(one.alloc(12 * MIB));
    const cleared = two.calloc(3 * MIB, 1);
    expect(new Uint8Array(one.buffer, cleared, 3 * MIB).every((byte) => byte === 0)).toBe(true);
    const moved = two.realloc(block, 9 * MIB);
    expect(patternFault(new Uint8Array(one.buffer), moved, moved + 8 * MIB, 4)).toBe(-1);
  });

  it("free each other's objects of caches made in the new part", () => {
    const [one, two] = pair();
    one.alloc(10 * MIB);
    const cache = one.createCache({ name: "far", sizeBytes: 100 });
    const objects = Array.from({ length: 300 }, () => cache.alloc());
    for (const object of objects) two.free(object);
    expect(heapStats(one).liveBlocks).toBe(1);
    expectClean(one);
    expectClean(two);
  });

  it("free, in memory that something else has grown, what is theirs and nothing else", () => {
    const [one] = pair();
    const address = one.alloc(100);
    (one.source as WebAssembly.Memory).grow(4);
    expect(thrownBy(() => one.free(address + 16)).code).toBe("INVALID_FREE");
    one.free(address);
    expect(heapStats(one).liveBlocks).toBe(0);
    expect(one.alloc(200_000)).toBeGreaterThan(0);
    expectClean(one);
  });
});
