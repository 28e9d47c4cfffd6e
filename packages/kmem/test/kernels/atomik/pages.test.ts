import { type Atomik, atomik, LogRing, PAGE_SIZE } from "kmem/atomik";
import { describe, expect, it } from "vitest";
import { checkHeap, Heap } from "../../../src/index.ts";
import { RangeHeader } from "../../../src/kernels/atomik/layout.ts";
import { firstDifference } from "../../support/expectations.ts";
import { Random } from "../../support/random.ts";

// Each test names the sentence of the document that it shows: docs/sentences/atomik.md numbers them.

interface Setup {
  readonly kernel: Atomik;
  readonly log: LogRing;
  readonly bytes: Uint8Array;
  /** Free pages and free lists of a range, without a trace in `log`. */
  lists(range: number): { free: number; lines: string[] };
}

function setUp(pages: number, memory: ArrayBuffer | SharedArrayBuffer = new SharedArrayBuffer(pages * 4096)): Setup {
  const log = new LogRing();
  const kernel = atomik(memory, log);
  const lists = (range: number): { free: number; lines: string[] } => {
    log.clear();
    const free = kernel.mm_region_debug(range);
    const lines = log.messages();
    log.clear();
    return { free, lines };
  };
  return { kernel, log, bytes: new Uint8Array(memory), lists };
}

/** A range with 1024 free pages from page 1024 on, as the test vectors want it: its tables take the five before. */
function with1024(): Setup & { range: number } {
  const setup = setUp(2048);
  const range = setup.kernel.mm_register_region(1019 * PAGE_SIZE, 2048 * PAGE_SIZE - 1);
  return { ...setup, range };
}

/** Takes single pages until there are no more. */
function exhaust(kernel: Atomik): number[] {
  const pages: number[] = [];
  for (let page = kernel.page_alloc(1); page !== 0; page = kernel.page_alloc(1)) pages.push(page);
  return pages;
}

describe("the buddy allocator of the Atomik page", () => {
  it("002-01 002-02 002-03 serves contiguous pages of the memory that it is given, and takes them back", () => {
    const { kernel, bytes } = setUp(64);
    kernel.mm_register_region(0, 64 * PAGE_SIZE - 1);
    const page = kernel.page_alloc(7);
    bytes.fill(0xff, page, page + 7 * PAGE_SIZE);
    expect(kernel.check()).toEqual([]);
    expect(kernel.page_free(page, 7)).toBe(0);
    expect(kernel.page_alloc(7)).toBe(page);
  });

  it("002-04 keeps a list of all ranges: each is used, however many there are and of whatever size", () => {
    const { kernel, lists } = setUp(512);
    const bounds = [
      [1, 8],
      [10, 110],
      [111, 113],
      [200, 511],
    ] as const;
    const ranges = bounds.map(([first, end]) => kernel.mm_register_region(first * PAGE_SIZE, end * PAGE_SIZE - 1));
    const free = ranges.map((range) => lists(range).free);
    expect(ranges).toEqual(bounds.map(([first]) => first * PAGE_SIZE));
    // A page of tables, and one more for each 240 pages.
    expect(free).toEqual([6, 99, 1, 309]);
    const pages = exhaust(kernel);
    expect(pages).toHaveLength(6 + 99 + 1 + 309);
    for (const [index, [first, end]] of bounds.entries()) {
      const inside = pages.filter((page) => page >= first * PAGE_SIZE && page < end * PAGE_SIZE);
      expect(inside).toHaveLength(free[index] as number);
    }
    for (const page of new Random(1).shuffled(pages)) expect(kernel.page_free(page, 1)).toBe(0);
    expect(ranges.map((range) => lists(range).free)).toEqual(free);
  });

  it("002-04 tries every range, in the order of their registration", () => {
    const { kernel } = setUp(256);
    const small = kernel.mm_register_region(20 * PAGE_SIZE, 30 * PAGE_SIZE - 1);
    const large = kernel.mm_register_region(100 * PAGE_SIZE, 256 * PAGE_SIZE - 1);
    expect(kernel.page_alloc(10)).toBeGreaterThan(large);
    expect(kernel.page_alloc(9)).toBeLessThan(large);
    expect(kernel.page_alloc(1)).toBeGreaterThan(large);
    expect(small).toBe(20 * PAGE_SIZE);
  });

  it("002-04 002-06 keeps for each range lists of blocks of power-of-two free pages", () => {
    const { lists, range } = with1024();
    const { free, lines } = lists(range);
    expect(free).toBe(1024);
    expect(lines).toHaveLength(11);
    expect(lines.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, order) => `Order ${order} freelist:`));
    expect(lines[10]).toBe("Order 10 freelist: 0x400000");
  });

  it("002-05 puts the pages left over into the lists of their orders, and merges them again", () => {
    const { kernel, lists, range } = with1024();
    const initial = lists(range);
    const page = kernel.page_alloc(5);
    expect(page).toBe(0x400000);
    expect(lists(range)).toEqual({
      free: 1019,
      lines: [
        "Order 0 freelist: 0x405000",
        "Order 1 freelist: 0x406000",
        "Order 2 freelist:",
        ...[3, 4, 5, 6, 7, 8, 9].map(
          (order) => `Order ${order} freelist: 0x${(0x400000 + 4096 * 2 ** order).toString(16)}`,
        ),
        "Order 10 freelist:",
      ],
    });
    kernel.page_free(page, 5);
    expect(lists(range)).toEqual(initial);
  });

  it.each([1000, 1024, 37, 3000])("002-05 loses no page, whatever the order of frees: a range of %i pages", (pages) => {
    const { kernel, lists, bytes } = setUp(pages + 40);
    const range = kernel.mm_register_region(17 * PAGE_SIZE, (17 + pages) * PAGE_SIZE - 1);
    const initial = lists(range);
    const random = new Random(pages);
    for (let round = 0; round < 8; round++) {
      const count = Math.min(64, initial.free);
      const parts: [number, number][] = [];
      for (let index = 0; index < count; index++) {
        const wanted = round === 0 ? 1 : 1 + random.below(1 + Math.floor(initial.free / 40));
        const page = kernel.page_alloc(wanted);
        if (page === 0) continue;
        bytes.fill(index, page, page + wanted * PAGE_SIZE);
        const cut = random.below(wanted + 1);
        if (cut > 0) parts.push([page, cut]);
        if (cut < wanted) parts.push([page + cut * PAGE_SIZE, wanted - cut]);
      }
      expect(lists(range).free).toBe(initial.free - parts.reduce((sum, [, wanted]) => sum + wanted, 0));
      for (const [page, wanted] of random.shuffled(parts)) expect(kernel.page_free(page, wanted)).toBe(0);
      expect(lists(range)).toEqual(initial);
      expect(kernel.check()).toEqual([]);
    }
  });

  it("002-07 002-08 002-09 002-19 gives the two functions, and PAGE_SIZE, by the names of the document", () => {
    const { kernel } = setUp(1);
    expect([kernel.page_alloc.length, kernel.page_free.length]).toEqual([1, 2]);
    expect(kernel.PAGE_SIZE).toBe(PAGE_SIZE);
  });

  it("002-10 takes exactly pageno pages, neighbours of each other and of nobody else", () => {
    const { kernel, lists, range } = with1024();
    let free = 1024;
    const owners = new Map<number, number>();
    for (let pageno = 1; pageno <= 30; pageno++) {
      const page = kernel.page_alloc(pageno);
      free -= pageno;
      expect(lists(range).free).toBe(free);
      for (let index = 0; index < pageno; index++) {
        expect(owners.has(page + index * PAGE_SIZE)).toBe(false);
        owners.set(page + index * PAGE_SIZE, pageno);
      }
    }
    expect(Math.min(...owners.keys())).toBeGreaterThanOrEqual(0x400000);
    expect(Math.max(...owners.keys())).toBeLessThan(0x800000);
  });

  it("002-11 002-12 002-13 returns addresses that are mapped 1:1: each is the index of its byte", () => {
    const memory = new SharedArrayBuffer(64 * PAGE_SIZE);
    const { kernel, bytes } = setUp(64, memory);
    kernel.mm_register_region(0, 64 * PAGE_SIZE - 1);
    const page = kernel.page_alloc(2);
    new DataView(memory).setUint8(page + PAGE_SIZE, 0x5a);
    expect(bytes.indexOf(0x5a, PAGE_SIZE * 2)).toBe(page + PAGE_SIZE);
  });

  it("002-14 returns the first page, aligned to PAGE_SIZE, from ranges whose bounds are not", () => {
    const { kernel, bytes, lists } = setUp(64);
    bytes.fill(0xa5);
    const range = kernel.mm_register_region(PAGE_SIZE * 3 + 1, PAGE_SIZE * 20 - 2);
    expect(range).toBe(PAGE_SIZE * 4);
    expect(lists(range).free).toBe(14);
    for (const page of exhaust(kernel)) {
      expect(page % PAGE_SIZE).toBe(0);
      bytes.fill(0x11, page, page + PAGE_SIZE);
    }
    expect(bytes.findIndex((byte, at) => byte !== 0xa5 && (at < PAGE_SIZE * 4 || at >= PAGE_SIZE * 19))).toBe(-1);
  });

  it("002-14 returns NULL when nothing contiguous is left, and then changes nothing and prints nothing", () => {
    const { kernel, bytes, log } = setUp(64);
    kernel.mm_register_region(0, 64 * PAGE_SIZE - 1);
    const pages = exhaust(kernel);
    for (const page of pages.filter((_, index) => index % 2 === 0)) kernel.page_free(page, 1);
    const before = bytes.slice();
    for (const pageno of [2, 3, 64, 2 ** 20, 2 ** 20 + 1, 2 ** 32 - 1]) expect(kernel.page_alloc(pageno)).toBe(0);
    expect(firstDifference(before, bytes)).toBe(-1);
    expect(log.messages()).toEqual([]);
    expect(kernel.page_alloc(1)).toBeGreaterThan(0);
  });

  it("002-14 returns NULL only then: free pages side by side serve though no block of theirs does", () => {
    const { kernel } = with1024();
    const pages = exhaust(kernel).sort((a, b) => a - b);
    for (const page of pages.slice(3, 10)) kernel.page_free(page, 1);
    expect(kernel.page_alloc(8)).toBe(0);
    expect(kernel.page_alloc(7)).toBe(pages[3]);
  });

  it("002-14 returns NULL when no range is registered", () => {
    const { kernel, log } = setUp(4);
    expect(kernel.page_alloc(1)).toBe(0);
    expect(log.messages()).toEqual([]);
  });

  it("002-16 002-25 serves in the middle of anything: from the console of a call that is being refused", () => {
    const memory = new SharedArrayBuffer(64 * PAGE_SIZE);
    const other = atomik(memory, new LogRing());
    const inner: number[] = [];
    const kernel: Atomik = atomik(memory, {
      print: () => {
        const page = kernel.page_alloc(2);
        inner.push(page, kernel.page_free(page, 1), other.page_alloc(1));
      },
    });
    const range = kernel.mm_register_region(0, 64 * PAGE_SIZE - 1);
    expect(other.mm_register_region(0, 64 * PAGE_SIZE - 1)).toBe(range);
    expect(kernel.page_free(range, 1)).toBe(-1);
    expect(kernel.page_alloc(0)).toBe(0);
    expect(inner).toEqual([expect.any(Number), 0, expect.any(Number), expect.any(Number), 0, expect.any(Number)]);
    expect(inner.filter((value) => value === 0)).toHaveLength(2);
    expect(kernel.check()).toEqual([]);
  });

  it("002-20 returns the pages to the list of free pages, and 0", () => {
    const { kernel, lists, range } = with1024();
    const page = kernel.page_alloc(100);
    expect(lists(range).free).toBe(924);
    expect(kernel.page_free(page, 100)).toBe(0);
    expect(lists(range).free).toBe(1024);
  });

  it("002-21 002-22 frees any part of an allocation: head, tail, middle, page by page", () => {
    for (const parts of [
      [
        [0, 7],
        [7, 9],
      ],
      [
        [9, 7],
        [0, 9],
      ],
      [
        [5, 3],
        [0, 5],
        [8, 8],
      ],
      [
        [3, 1],
        [12, 1],
        [4, 8],
        [13, 3],
        [0, 3],
      ],
      Array.from({ length: 16 }, (_, index) => [(index * 7) % 16, 1]),
    ] as [number, number][][]) {
      const { kernel, lists, range } = with1024();
      const initial = lists(range);
      const neighbours = [kernel.page_alloc(1)];
      const page = kernel.page_alloc(16);
      neighbours.push(kernel.page_alloc(1));
      let free = 1024 - 18;
      for (const [offset, count] of parts) {
        expect(kernel.page_free(page + offset * PAGE_SIZE, count)).toBe(0);
        free += count;
        expect(lists(range).free).toBe(free);
        expect(kernel.check()).toEqual([]);
      }
      for (const neighbour of neighbours) expect(kernel.page_free(neighbour, 1)).toBe(0);
      expect(lists(range)).toEqual(initial);
    }
  });

  it("002-23 runs the document's example: five pages, the last three freed, later the first two", () => {
    const { kernel, lists, range } = with1024();
    const initial = lists(range);
    const page = kernel.page_alloc(5);
    expect(lists(range).free).toBe(1019);
    expect(kernel.page_free(page + 2 * PAGE_SIZE, 3)).toBe(0);
    expect(lists(range).free).toBe(1022);
    expect(kernel.page_free(page + 0 * PAGE_SIZE, 2)).toBe(0);
    expect(lists(range)).toEqual(initial);
    expect(initial.lines[10]).toBe("Order 10 freelist: 0x400000");
  });
});

describe("ranges of pages", () => {
  it("lie in any kind of memory, at any height", () => {
    const heap = Heap.create({ sizeBytes: 4 * 1024 * 1024 });
    const run = heap.pages.alloc(64);
    const top = new SharedArrayBuffer(2 ** 32);
    for (const [memory, start] of [
      [new ArrayBuffer(64 * PAGE_SIZE), 0],
      [new WebAssembly.Memory({ initial: 4 }), 0],
      [heap, run],
      [top, 2 ** 31 - 32 * PAGE_SIZE],
      [top, 2 ** 32 - 64 * PAGE_SIZE],
    ] as const) {
      const log = new LogRing();
      const kernel = atomik(memory, log);
      const end = start + 64 * PAGE_SIZE - 1;
      expect(kernel.mm_register_region(start, end)).toBe(Math.max(start, PAGE_SIZE));
      const page = kernel.page_alloc(20);
      expect(kernel.page_free(page + 5 * PAGE_SIZE, 15)).toBe(0);
      expect(kernel.page_free(page, 5)).toBe(0);
      expect(log.messages()).toEqual([]);
      expect(kernel.check()).toEqual([]);
    }
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("stay where they are when a WebAssembly.Memory grows, and a new range can use what came", () => {
    for (const shared of [false, true]) {
      const memory = new WebAssembly.Memory({ initial: 2, maximum: 4, shared });
      const kernel = atomik(memory, new LogRing());
      kernel.mm_register_region(0, 131_071);
      const hdr = kernel.kmalloc_init(kernel.page_alloc(1), PAGE_SIZE * 3 - 1);
      memory.grow(2);
      const high = kernel.mm_register_region(131_072, 262_143);
      expect(high).toBe(131_072);
      expect(exhaust(kernel).some((page) => page > high)).toBe(true);
      expect(kernel.kmalloc(100, hdr)).toBeGreaterThan(hdr);
      expect(kernel.check()).toEqual([]);
    }
  });

  it("may be a single page and its table", () => {
    const { kernel, lists } = setUp(8);
    const range = kernel.mm_register_region(PAGE_SIZE, PAGE_SIZE * 3 - 1);
    expect(lists(range).free).toBe(1);
    expect(kernel.page_alloc(2)).toBe(0);
    expect(kernel.page_alloc(1)).toBe(PAGE_SIZE * 2);
  });

  it("are found again by another binding, which joins the list by any of them", () => {
    const memory = new SharedArrayBuffer(64 * PAGE_SIZE);
    const first = setUp(64, memory);
    const bounds = [
      [PAGE_SIZE, 16 * PAGE_SIZE - 1],
      [20 * PAGE_SIZE, 30 * PAGE_SIZE - 1],
    ] as const;
    const ranges = bounds.map(([start, end]) => first.kernel.mm_register_region(start, end));
    const page = first.kernel.page_alloc(3);
    const second = setUp(64, memory);
    expect(second.kernel.mm_register_region(...bounds[1])).toBe(ranges[1]);
    expect(second.kernel.page_free(page, 3)).toBe(0);
    // And it sees what the first one registers later.
    const third = first.kernel.mm_register_region(40 * PAGE_SIZE, 50 * PAGE_SIZE - 1);
    expect(second.lists(third).free).toBe(9);
    expect(new Int32Array(memory)[(ranges[0] as number) / 4 + RangeHeader.OWNERS]).toBe(2);
  });
});
