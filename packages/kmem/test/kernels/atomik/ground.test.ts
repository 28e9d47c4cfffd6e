// What a region or a range may lie on: pages that are allocated, and of a heap what is the caller's.
import { checkHeap, Heap } from "kmem";
import { type Atomik, atomik, LogRing, PAGE_SIZE } from "kmem/atomik";
import { DebugHeap } from "kmem/debug";
import { beforeEach, describe, expect, it } from "vitest";
import { RegionHeader } from "../../../src/region/layout.ts";
import { firstDifference } from "../../support/expectations.ts";

const hex = (address: number): string => `0x${address.toString(16)}`;

/** Asserts that the call prints this and nothing else, returns NULL or nothing, and changes no byte. */
function expectRefused(log: LogRing, bytes: Uint8Array, call: () => unknown, message: string): void {
  const before = bytes.slice();
  log.clear();
  expect(call() ?? 0).toBe(0);
  expect(log.messages()).toEqual([message]);
  expect(firstDifference(before, bytes)).toBe(-1);
}

describe("a region in pages that page_free takes back", () => {
  const FIRST = 2 * PAGE_SIZE;
  const LAST = 64 * PAGE_SIZE - 1;
  let memory: SharedArrayBuffer;
  let bytes: Uint8Array;
  let log: LogRing;
  let kernel: Atomik;
  let other: Atomik;

  beforeEach(() => {
    memory = new SharedArrayBuffer(64 * PAGE_SIZE);
    bytes = new Uint8Array(memory);
    log = new LogRing();
    kernel = atomik(memory, log);
    other = atomik(memory, log);
    for (const binding of [kernel, other]) binding.mm_register_region(FIRST, LAST);
  });

  function expectGone(hdr: number, block: number): void {
    for (const binding of [kernel, other]) {
      const message = `la region ${hex(hdr)} ha perdido sus paginas, ya no esta alojada`;
      expectRefused(log, bytes, () => binding.kmalloc(8, hdr), `kmalloc: ${message}`);
      expectRefused(log, bytes, () => binding.kmalloc_fast(8, hdr), `kmalloc_fast: ${message}`);
      expectRefused(log, bytes, () => binding.kfree(block, hdr), `kfree: ${message}`);
      expectRefused(log, bytes, () => binding.kmalloc_chunk_debug(hdr), `kmalloc_chunk_debug: ${message}`);
    }
  }

  const parts: readonly [string, number, number][] = [
    ["all of them", 0, 4],
    ["the first one", 0, 1],
    ["the last one", 3, 1],
    ["the middle", 1, 2],
  ];
  describe.each(["this binding", "another binding"])("freed by %s", (who) => {
    it.each(parts)("000-07 says so in every call: %s", (_what, skipped, count) => {
      const page = kernel.page_alloc(4);
      const hdr = kernel.kmalloc_init(page + 16, page + 4 * PAGE_SIZE - 1);
      const block = kernel.kmalloc(100, hdr);
      expect(block).toBeGreaterThan(hdr);
      const freed = page + skipped * PAGE_SIZE;
      expect((who === "this binding" ? kernel : other).page_free(freed, count)).toBe(0);
      expectGone(hdr, block);
      // Whoever has the pages now.
      for (const binding of [other, kernel]) while (binding.page_alloc(1) !== 0);
      expectGone(hdr, block);
      expect(kernel.check()).toEqual([]);
    });
  });

  it("lives on where other pages are freed, and can be made anew in pages that are allocated again", () => {
    const [page, next] = [kernel.page_alloc(2), kernel.page_alloc(2)];
    const hdr = kernel.kmalloc_init(page, page + 2 * PAGE_SIZE - 1);
    const neighbour = kernel.kmalloc_init(next, next + PAGE_SIZE - 1);
    expect(kernel.page_free(next + PAGE_SIZE, 1)).toBe(0);
    expect(kernel.kmalloc(8, neighbour)).toBeGreaterThan(neighbour);
    expect(kernel.page_free(next, 1)).toBe(0);
    expect(kernel.kmalloc(8, hdr)).toBeGreaterThan(hdr);
    expect(kernel.kmalloc(8, neighbour)).toBe(0);
    expect(kernel.page_alloc(2)).toBe(next);
    const again = kernel.kmalloc_init(next, next + PAGE_SIZE - 1);
    expect(again).toBe(neighbour);
    expect(kernel.kmalloc(8, again)).toBeGreaterThan(again);
    expect(kernel.check()).toEqual([]);
  });

  it("is not made over a region whose header is damaged: there are blocks in it", () => {
    const hdr = kernel.kmalloc_init(PAGE_SIZE, PAGE_SIZE + 1023);
    new Int32Array(memory)[hdr / 4 + RegionHeader.END] = 7;
    const message = "la region 0x1000-0x13ff se solapa con la region 0x1000-0x13ff!";
    expectRefused(log, bytes, () => kernel.kmalloc_init(PAGE_SIZE, PAGE_SIZE + 1023), `kmalloc_init: ${message}`);
    expect(kernel.check()).toEqual([{ address: hdr, problem: "the region's header is damaged" }]);
  });
});

describe.each([
  ["a heap", () => Heap.create({ sizeBytes: 1 << 20 })],
  ["a debugged heap", () => DebugHeap.create({ sizeBytes: 1 << 20 })],
])("over %s", (_name, create) => {
  let heap: Heap;
  let log: LogRing;
  let kernel: Atomik;
  let bytes: Uint8Array;

  beforeEach(() => {
    heap = create();
    log = new LogRing();
    kernel = atomik(heap, log);
    bytes = new Uint8Array(heap.buffer);
  });

  function expectNoRegion(start: number, end: number): void {
    const message =
      `kmalloc_init: la region ${hex(start)}-${hex(end)} no esta dentro de un solo bloque o trecho de paginas ` +
      "alojado del heap!";
    expectRefused(log, bytes, () => kernel.kmalloc_init(start, end), message);
  }

  function expectNoRange(start: number, end: number): void {
    const message =
      `mm_register_region: invalid range ${hex(start)}-${hex(end)}: it is not inside of one live block or run of ` +
      "pages of the heap";
    expectRefused(log, bytes, () => kernel.mm_register_region(start, end), message);
  }

  it("000-07 neither lies over its tables, its free memory, or over more than one block of it", () => {
    const [one, two] = [heap.alloc(5000), heap.alloc(5000)];
    const page = heap.pages.alloc(2);
    const behind = heap.pages.alloc(1);
    const freed = heap.alloc(20_000);
    heap.free(freed);
    heap.trim();
    const last = bytes.length - 1;
    const ranges: [number, number][] = [
      [0, last],
      [0, 4095],
      [Math.min(one, two), Math.max(one, two) + 4999],
      [one + 16, one + 5000 + 400],
      [one - 32, one + 4000],
      [Math.min(page, behind), Math.max(page + 2 * PAGE_SIZE, behind + PAGE_SIZE) - 1],
      [page - 16, page + 4095],
      [freed, freed + 19_999],
      [last - 8191, last],
    ];
    for (const [start, end] of ranges) {
      expectNoRegion(start, end);
      expectNoRange(start, end);
    }
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("both lie inside of one live block or run of pages; when that is freed, the region says so", () => {
    const block = heap.alloc(5000);
    const hdr = kernel.kmalloc_init(block, block + 4999);
    expect(hdr).toBe(Math.ceil(block / 16) * 16);
    const inner = kernel.kmalloc(100, hdr);
    expect(inner).toBeGreaterThan(hdr);
    const pages = heap.pages.alloc(40);
    const range = kernel.mm_register_region(pages, pages + 32 * PAGE_SIZE - 1);
    expect(range).toBe(pages);
    expect(kernel.page_alloc(3)).toBeGreaterThan(range);
    const tail = pages + 32 * PAGE_SIZE;
    const inPages = kernel.kmalloc_init(tail, tail + 8 * PAGE_SIZE - 1);
    expect(kernel.kmalloc(30_000, inPages)).toBeGreaterThan(inPages);
    expect(checkHeap(heap).findings).toEqual([]);
    expect(kernel.check()).toEqual([]);
    heap.pages.free(tail + PAGE_SIZE, 7);
    heap.free(block);
    for (const gone of [hdr, inPages]) {
      // A debugged heap has poisoned the header.
      const isPoisoned = new Uint32Array(heap.buffer)[gone / 4] === 0x6b6b6b6b;
      const message = isPoisoned
        ? `cabecera corrupta en ${hex(gone)} (numero magico 0x6b6b6b6b)`
        : `la region ${hex(gone)} ha perdido sus paginas, ya no esta alojada`;
      expectRefused(log, bytes, () => kernel.kmalloc(8, gone), `kmalloc: ${message}`);
    }
  });

  it("takes pages that the program has added to a memory as its own", () => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 64, shared: true });
    const growing = Heap.create({ memory });
    const own = memory.grow(4) * 65_536;
    const beside = atomik(growing, log);
    expect(beside.kmalloc_init(own, own + 65_535)).toBe(own);
    while (growing.tryAlloc(100_000) !== 0);
    expect(beside.kmalloc(1000, own)).toBe(own + 64);
    expect(beside.kmalloc_init(own + 65_536, own + 4 * 65_536 - 1)).toBe(own + 65_536);
    expect(checkHeap(growing).findings).toEqual([]);
    expect(beside.check()).toEqual([]);
    expect(beside.kmalloc_init(own + 2 * 65_536, own + 6 * 65_536)).toBe(0);
  });

  it("takes bytes that are not the heap's, and goes on when the heap object is detached", () => {
    const memory = new SharedArrayBuffer(1 << 20);
    const small = Heap.create({ memory, start: 256 * 1024 });
    const beside = atomik(small, log);
    expect(beside.kmalloc_init(64, 256 * 1024 - 1)).toBe(64);
    expect(beside.kmalloc(1000, 64)).toBe(128);
    expect(beside.kmalloc_init(128 * 1024, 256 * 1024)).toBe(0);
    const block = heap.alloc(5000);
    const hdr = kernel.kmalloc_init(block, block + 4999);
    heap.detach();
    expect(() => kernel.kmalloc(8, hdr)).not.toThrow();
    expect(() => kernel.kmalloc_init(0, 4095)).not.toThrow();
  });
});
