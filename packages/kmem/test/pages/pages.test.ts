import { beforeEach, describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../src/index.ts";
import { groupTableBytes, Header, MAX_ORDER, ORDER_COUNT } from "../../src/layout.ts";
import {
  expectBytesAddUp,
  expectClean,
  expectRefusal,
  freePagesOf,
  largestFreePages,
} from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";
import { Random } from "../support/random.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 16 * MIB });
});

const freePages = (): number => heap.pages.stats().reduce((sum, zone) => sum + zone.freePages, 0);
/** Takes the longest run there is, and then everything else. */
function takeAll(): { run: number; count: number } {
  const count = largestFreePages(heap);
  const run = heap.pages.tryAlloc(count, { reserve: true });
  while (heap.pages.tryAlloc(1, { reserve: true }) !== 0);
  expect(freePages()).toBe(0);
  return { run, count };
}

const freeBlocks = (): unknown => new Peek(heap).freeBlocks();

describe("stats of the pages", () => {
  it("give each zone with its free blocks by order", () => {
    const [dma, normal] = heap.pages.stats();
    expect(dma).toMatchObject({ name: "DMA", pages: 0, freePages: 0 });
    expect(normal?.name).toBe("Normal");
    expect(normal?.freeBlocksByOrder.length).toBe(ORDER_COUNT);
    const sum = normal?.freeBlocksByOrder.reduce((total, count, order) => total + count * 2 ** order, 0);
    expect(sum).toBe(normal?.freePages);
    expect(normal?.pages).toBeGreaterThan(normal?.freePages ?? 0);
  });

  it("show a young heap as few blocks, as large as they can be", () => {
    const counts = heap.pages.stats()[1]?.freeBlocksByOrder ?? [];
    expect(counts[MAX_ORDER]).toBeGreaterThanOrEqual(2);
    for (const count of counts.slice(0, MAX_ORDER)) expect(count).toBeLessThanOrEqual(2);
  });

  it("follow each split and each merge", () => {
    const before = heap.pages.stats()[1]?.freeBlocksByOrder as number[];
    const order = before.findIndex((count, at) => at > 2 && count > 0);
    const free = before.findIndex((count) => count > 0);
    const address = heap.pages.alloc(2 ** order);
    const after = heap.pages.stats()[1]?.freeBlocksByOrder as number[];
    expect(after).toEqual(before.map((count, at) => (at === order ? count - 1 : count)));
    heap.pages.free(address, 2 ** order);
    expect(heap.pages.stats()[1]?.freeBlocksByOrder).toEqual(before);
    expect(free).toBeLessThanOrEqual(order);
  });
});

describe("pages.alloc", () => {
  it.each(Array.from({ length: MAX_ORDER + 1 }, (_, order) => order))(
    "gives blocks of order %i, aligned to it",
    (order) => {
      const before = freeBlocks();
      const count = 2 ** order;
      const runs = [heap.pages.alloc(count), heap.pages.alloc(count)];
      for (const run of runs) expect(run % (count * PAGE)).toBe(0);
      expect(new Set(runs).size).toBe(2);
      expectClean(heap);
      for (const run of runs) heap.pages.free(run, count);
      expect(freeBlocks()).toEqual(before);
    },
  );

  it("takes exactly as many pages as asked for, whatever the number", () => {
    const before = freeBlocks();
    for (const count of [1, 2, 3, 5, 7, 9, 13, 31, 33, 100, 127, 129, 500, 1000, 1023, 1025, 1500, 2500]) {
      const free = freePages();
      const run = heap.pages.alloc(count);
      expect(run).toBeGreaterThan(0);
      expect(freePages()).toBe(free - count);
      expect(heapStats(heap).bytes.pageRunBytes).toBe(count * PAGE);
      expectClean(heap);
      expectBytesAddUp(heap);
      heap.pages.free(run, count);
      expect(freeBlocks()).toEqual(before);
    }
  });

  it("leaves the tail of a rounded block to others", () => {
    const frame = heap.pages.alloc(5) / PAGE;
    const tails = new Peek(heap).freeBlocks().filter((block) => block.frame > frame && block.frame < frame + 8);
    expect(tails).toEqual([
      { frame: frame + 5, order: 0 },
      { frame: frame + 6, order: 1 },
    ]);
  });

  it.each([1, 2, 8, 64, 256, 1024])("aligns runs to %i pages", (alignFrames) => {
    const before = freeBlocks();
    const alignmentBytes = alignFrames * PAGE;
    const runs: [number, number][] = [];
    for (const count of [1, 3, 8, 20]) {
      const run = heap.pages.tryAlloc(count, { alignmentBytes });
      if (run === 0) continue;
      expect(run % alignmentBytes).toBe(0);
      runs.push([run, count]);
    }
    expect(runs.length).toBeGreaterThan(1);
    expectClean(heap);
    for (const [run, count] of runs) heap.pages.free(run, count);
    expect(freeBlocks()).toEqual(before);
  });

  it("joins neighbouring blocks when no single one serves", () => {
    const { run: all, count } = takeAll();
    // Pages 1000 to 1029 of the run: blocks of several orders side by side, none of which has 30 pages.
    heap.pages.free(all + 1000 * PAGE, 30);
    const largest = Math.max(
      ...(heap.pages.stats()[1]?.freeBlocksByOrder ?? []).map((count, at) => (count > 0 ? at : 0)),
    );
    expect(2 ** largest).toBeLessThan(30);
    expect(heap.pages.tryAlloc(31, { reserve: true })).toBe(0);
    expect(heap.pages.alloc(30, { reserve: true })).toBe(all + 1000 * PAGE);
    expectClean(heap);
    heap.pages.free(all, 1000);
    expect(freePages()).toBe(1000);
    heap.pages.free(all + 1030 * PAGE, count - 1030);
    expect(freePages()).toBe(count - 30);
    expectClean(heap);
  });

  it("finds an aligned run within joined blocks", () => {
    const { run: all } = takeAll();
    const firstPage = Math.ceil(all / PAGE / 8) * 8 - all / PAGE;
    // 18 pages from the one before a multiple of 8: the only stretch of 17 that starts aligned is one page in.
    heap.pages.free(all + (firstPage + 7) * PAGE, 18);
    const run = heap.pages.alloc(17, { alignmentBytes: 8 * PAGE, reserve: true });
    expect(run).toBe(all + (firstPage + 8) * PAGE);
    expect(freePages()).toBe(1);
    expectClean(heap);
  });

  it("gives 0 for more than there is, and changes nothing", () => {
    // What a search notes of the free pages that it has seen is not what the heap holds.
    const contents = (): Uint8Array => {
      const bytes = new Uint8Array(heap.buffer).slice();
      const words = new Int32Array(heap.buffer);
      const groups = words[Header.GROUP_TABLE] as number;
      bytes.fill(0, groups, groups + groupTableBytes(words[Header.BASE_FRAME], words[Header.LIMIT_FRAME]));
      return bytes;
    };
    const before = contents();
    for (const count of [4000, 4097, 100_000, 2 ** 31, 2 ** 40]) expect(heap.pages.tryAlloc(count)).toBe(0);
    for (const alignmentBytes of [2 ** 32, 2 ** 44, 2 ** 60])
      expect(heap.pages.tryAlloc(1, { alignmentBytes })).toBe(0);
    expect(Buffer.compare(before, contents())).toBe(0);
  });

  it.each<[string, unknown, string]>([
    ["0", 0, "not 0"],
    ["-1", -1, "not -1"],
    ["1.5", 1.5, "not 1.5"],
    ["NaN", Number.NaN, "not NaN"],
    ["Infinity", Number.POSITIVE_INFINITY, "not Infinity"],
    ['"4"', "4", 'not "4"'],
    ["undefined", undefined, "not undefined"],
  ])("refuses a count of %s", (_name, count, text) => {
    const rule = "a run has a whole number of pages from 1";
    expectRefusal(heap, () => heap.pages.alloc(count as number), "BAD_SIZE", rule, text);
  });

  it.each([1, 16, 2048, 4095, 4097, 12_288, 0, -4096, Number.NaN, Number.POSITIVE_INFINITY])(
    "refuses an alignment of %i bytes",
    (alignmentBytes) => {
      const text = `pages are aligned to a power of two from 4096, not ${alignmentBytes}`;
      expectRefusal(heap, () => heap.pages.alloc(1, { alignmentBytes }), "BAD_ALIGNMENT", text);
    },
  );
});

describe("pages.free", () => {
  let run: number;
  const COUNT = 37;

  beforeEach(() => {
    run = heap.pages.alloc(COUNT);
  });

  it.each([
    ["the head", 0, 5],
    ["the tail", 30, 7],
    ["a part of the middle", 10, 9],
    ["one page of the middle", 20, 1],
    ["all but the head", 1, 36],
    ["all but the tail", 0, 36],
  ])("takes %s of a run, and later the rest", (_name, first, count) => {
    const free = freePages();
    heap.pages.free(run + first * PAGE, count);
    expect(freePages()).toBe(free + count);
    expect(heapStats(heap).bytes.pageRunBytes).toBe((COUNT - count) * PAGE);
    expectClean(heap);
    if (first > 0) heap.pages.free(run, first);
    expectClean(heap);
    const after = first + count;
    if (after < COUNT) heap.pages.free(run + after * PAGE, COUNT - after);
    expect(freePages()).toBe(free + COUNT);
    expectClean(heap);
  });

  it("takes a run page by page in any order and loses nothing", () => {
    heap.pages.free(run, COUNT);
    const before = freeBlocks();
    run = heap.pages.alloc(COUNT);
    for (const page of new Random(3).shuffled(Array.from({ length: COUNT }, (_, index) => index))) {
      heap.pages.free(run + page * PAGE, 1);
      expectClean(heap);
    }
    expect(freeBlocks()).toEqual(before);
  });

  const refused: [string, () => [number, number], string][] = [
    ["a run twice", () => [freed(), COUNT], "is already free"],
    ["half a page on", () => [run + 2048, 1], "it is no address of a page"],
    ["a byte on", () => [run + 1, 1], "it is no address of a page"],
    ["NaN", () => [Number.NaN, 1], "cannot free pages at NaN: it is no address of a page"],
    ["a negative address", () => [-4096, 1], "cannot free pages at -4096: it is no address of a page"],
    ["2^32", () => [2 ** 32, 1], "it is no address of a page"],
    ["undefined", () => [undefined as never, 1], "cannot free pages at undefined: it is no address of a page"],
    ["null", () => [0, 1], "cannot free 1 pages at 0x0: belongs to the header and the tables"],
    ["no pages", () => [run, 0], "0 is not a number of pages"],
    ["a negative count", () => [run, -1], "-1 is not a number of pages"],
    ["1.5 pages", () => [run, 1.5], "1.5 is not a number of pages"],
    ["NaN pages", () => [run, Number.NaN], "NaN is not a number of pages"],
    ["more pages than the run has", () => [run, COUNT + 1], "page 37 of the stretch is already free"],
    ["very many pages", () => [run, 2 ** 40], "page 37 of the stretch is already free"],
    ["a stretch with a hole", () => [holed(), COUNT], "page 10 of the stretch is already free"],
    ["two runs at once", () => [run, twoRuns()], "page 37 of the stretch is the start of another allocation"],
    ["pages beyond the end", () => [16 * MIB, 1], "lies outside of the managed memory"],
    ["pages far outside", () => [0xffff_f000, 1], "lies outside of the managed memory"],
    ["the tables", () => [4096, 1], "belongs to the header and the tables"],
    ["a free page", () => [16 * MIB - PAGE, 1], "is already free"],
    ["a slab", () => [Math.floor(heap.alloc(8) / PAGE) * PAGE, 1], "belongs to a slab"],
    ["a block of the heap", () => [heap.alloc(50_000), 13], "belongs to a block of the heap"],
    ["the middle of a block of the heap", () => [heap.alloc(50_000) + PAGE, 1], "belongs to a block of the heap"],
    ["a slot's private pages", () => [new Peek(heap).areaWord * 4, 1], "belongs to a slot"],
  ];

  it.each(refused)("refuses %s", (_name, arrange, text) => {
    const [address, count] = arrange();
    expectRefusal(heap, () => heap.pages.free(address, count), "INVALID_FREE", text);
    expectClean(heap);
  });

  function freed(): number {
    heap.pages.free(run, COUNT);
    return run;
  }

  function holed(): number {
    heap.pages.free(run + 10 * PAGE, 1);
    return run;
  }

  /** Puts a second run right behind the first. */
  function twoRuns(): number {
    heap.pages.free(run, COUNT);
    run = heap.pages.alloc(64);
    heap.pages.free(run + COUNT * PAGE, 64 - COUNT);
    const next = heap.pages.alloc(2, { alignmentBytes: PAGE });
    if (next !== run + COUNT * PAGE) {
      // The tail was merged elsewhere: take single pages until the one behind the run is there.
      let page = heap.pages.tryAlloc(1);
      while (page !== run + COUNT * PAGE) page = heap.pages.tryAlloc(1);
    }
    return COUNT + 1;
  }
});

describe("64 single pages of a region of 1,000", () => {
  it.each([1, 2, 3, 4])("freed in random order lose nothing (seed %i)", (seed) => {
    const random = new Random(seed);
    let sizeBytes = 1010 * PAGE;
    while (heapStats(Heap.create({ sizeBytes })).bytes.freePageBytes < 1000 * PAGE) sizeBytes += PAGE;
    heap = Heap.create({ sizeBytes });
    expect(freePages()).toBe(1000);
    const before = freeBlocks();
    const stats = freePagesOf(heapStats(heap));
    const pages = Array.from({ length: 64 }, () => heap.pages.alloc(1));
    expect(new Set(pages).size).toBe(64);
    expect(freePages()).toBe(936);
    for (const page of random.shuffled(pages)) {
      heap.pages.free(page, 1);
      expectClean(heap);
    }
    expect(freePages()).toBe(1000);
    expect(freePagesOf(heapStats(heap))).toEqual(stats);
    expect(freeBlocks()).toEqual(before);
    expect(heap.pages.tryAlloc(900)).toBeGreaterThan(0);
  });
});
