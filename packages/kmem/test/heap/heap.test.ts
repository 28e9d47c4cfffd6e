import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, blocksOf, Heap, heapStats } from "../../src/index.ts";
import { expectBytesAddUp, expectClean } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 8 * MIB });
});

describe("blockAt", () => {
  it("gives the block around any address in it, live or free", () => {
    const block = heap.alloc(100);
    const run = heap.alloc(50_000);
    const live = { address: block, usableBytes: 112, cache: "kmalloc-112", live: true, slot: 0 };
    for (const offset of [0, 1, 50, 111, 0.5]) expect(blockAt(heap, block + offset)).toEqual(live);
    expect(blockAt(heap, run + 40_000)).toEqual({
      address: run,
      usableBytes: 53_248,
      cache: "pages",
      live: true,
      slot: 0,
    });
    heap.free(block);
    expect(blockAt(heap, block + 60)).toEqual({ ...live, live: false, slot: undefined });
    heap.free(run);
    expect(blockAt(heap, run)).toBeUndefined();
  });

  it("gives undefined where there is no block, whatever is asked", () => {
    const pages = heap.pages.alloc(2);
    for (const address of [
      0,
      16,
      4096,
      pages,
      pages + 5000,
      8 * MIB,
      2 ** 32,
      -1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]) {
      expect(blockAt(heap, address)).toBeUndefined();
    }
    expect(blockAt(heap, "x" as never)).toBeUndefined();
  });
});

describe("blocks", () => {
  it("lists all live blocks in address order", () => {
    const cache = heap.createCache({ name: "objects", sizeBytes: 50 });
    const addresses = [
      heap.alloc(10),
      heap.alloc(1000),
      heap.alloc(100_000),
      cache.alloc(),
      heap.alloc(40_000),
      cache.alloc(),
    ];
    heap.free(heap.alloc(10));
    heap.pages.alloc(3);
    const listed = [...blocksOf(heap)];
    expect(listed.map(({ address }) => address)).toEqual([...addresses].sort((a, b) => a - b));
    for (const info of listed) expect(info).toEqual(blockAt(heap, info.address));
    for (const { address } of listed) heap.free(address);
    expect([...blocksOf(heap)]).toEqual([]);
  });

  it("is lazy and can be left early", () => {
    for (let count = 0; count < 100; count++) heap.alloc(64);
    const [first] = blocksOf(heap);
    expect(first?.live).toBe(true);
  });
});

describe("stats", () => {
  it("account for every byte, whatever there is", () => {
    expectBytesAddUp(heap);
    const cache = heap.createCache({ name: "objects", sizeBytes: 700 });
    const blocks = Array.from({ length: 300 }, (_, index) => heap.alloc(index * 37));
    blocks.push(heap.alloc(200_000), cache.alloc());
    heap.pages.alloc(11);
    for (const block of blocks.slice(0, 150)) heap.free(block);
    expectBytesAddUp(heap);
    const { bytes, liveBlocks, caches } = heapStats(heap);
    expect(liveBlocks).toBe(152);
    expect(bytes.pageRunBytes).toBe(11 * PAGE);
    expect(bytes.blockRunBytes).toBe(49 * PAGE);
    expect(caches.find(({ name }) => name === "objects")).toMatchObject({
      objectBytes: 700,
      blockBytes: 704,
      liveBlocks: 1,
    });
    const usable = [...blocksOf(heap)].reduce((sum, block) => sum + block.usableBytes, 0);
    expect(bytes.liveSlabBytes + bytes.blockRunBytes).toBe(usable);
    for (const part of Object.values(bytes)) expect(part).toBeGreaterThanOrEqual(0);
  });

  it("give the footprint: it grows and shrinks with what is in use, and trim brings it back", () => {
    const young = heap.footprintBytes;
    expect(young).toBeLessThan(72 * 1024);
    expect(heapStats(heap).footprintBytes).toBe(young);
    const blocks = Array.from({ length: 1000 }, () => heap.alloc(1000));
    const full = heap.footprintBytes;
    expect(full).toBeGreaterThan(1_000_000);
    expect(full).toBeLessThan(1_250_000);
    for (const block of blocks) heap.free(block);
    expect(heap.trim()).toBeGreaterThan(0);
    expect(heap.footprintBytes).toBe(young);
    expect(heap.trim()).toBe(0);
  });
});

describe("realloc", () => {
  it("stays in place for as long as the class fits", () => {
    const block = heap.alloc(1000);
    for (const size of [1001, 1024, 600, 512]) expect(heap.realloc(block, size)).toBe(block);
    expect(heap.realloc(block, 1025)).not.toBe(block);
  });

  it("moves to a smaller class once half of the block is unused", () => {
    const block = heap.alloc(1000);
    const moved = heap.realloc(block, 100);
    expect(heap.usableSize(moved)).toBe(112);
    expect(blockAt(heap, block)?.live).toBe(false);
  });

  it("to 0 bytes keeps a block", () => {
    const block = heap.realloc(heap.alloc(1000), 0);
    expect(heap.usableSize(block)).toBe(16);
    expect(heapStats(heap).liveBlocks).toBe(1);
  });
});

describe("alignedAlloc", () => {
  it.each([1, 2, 8, 16, 32, 64, 256, 1024, 4096, 8192, 65_536, MIB, 2 * MIB, 4 * MIB])(
    "aligns to %i bytes",
    (alignment) => {
      heap = Heap.create({ sizeBytes: 24 * MIB });
      for (const size of [0, 1, 17, 100, 1000, 4096, 30_000, 33_000, 100_000]) {
        const block = heap.alignedAlloc(alignment, size);
        expect(block % alignment).toBe(0);
        expect(heap.usableSize(block)).toBeGreaterThanOrEqual(size);
        heap.free(block);
      }
      expectClean(heap);
      heap.trim();
      expect(heapStats(heap).liveBlocks).toBe(0);
    },
  );

  it("spends no more on a small block than the alignment asks for", () => {
    expect(heap.usableSize(heap.alignedAlloc(64, 100))).toBe(128);
    expect(heap.usableSize(heap.alignedAlloc(16, 100))).toBe(112);
    expect(heap.usableSize(heap.alignedAlloc(4096, 100))).toBe(4096);
    expect(heap.usableSize(heap.alignedAlloc(256, 700))).toBe(768);
  });
});

describe("two heaps", () => {
  it("in one buffer keep out of each other's way", () => {
    const memory = new SharedArrayBuffer(4 * MIB);
    const heaps = [Heap.create({ memory, end: 2 * MIB }), Heap.create({ memory, start: 2 * MIB })];
    for (let count = 0; count < 1000; count++) {
      for (const [index, one] of heaps.entries()) {
        const block = one.alloc(count);
        expect(block < 2 * MIB).toBe(index === 0);
        new Uint8Array(memory).fill(0xff, block, block + one.usableSize(block));
      }
    }
    for (const one of heaps) expectClean(one);
  });
});
