import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, Heap, heapStats, OutOfMemoryError } from "../../src/index.ts";
import { PAGE_SIZE } from "../../src/layout.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";
import { Peek } from "../support/peek.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 2 * MIB });
});

/** Free pages counted from the kinds of the frames: all of them, and those of the longest stretch. */
function countedFreePages(): { all: number; longest: number } {
  const peek = new Peek(heap);
  let all = 0;
  let longest = 0;
  let length = 0;
  for (let frame = peek.firstPageFrame; frame < peek.endFrame; frame++) {
    length = peek.kind(frame) === 2 || peek.kind(frame) === 3 ? length + 1 : 0;
    if (length > 0) all++;
    longest = Math.max(longest, length);
  }
  return { all, longest };
}

function outOfMemory(action: () => unknown): OutOfMemoryError {
  const error = thrownBy(action);
  expect(error).toBeInstanceOf(OutOfMemoryError);
  return error as OutOfMemoryError;
}

/** Takes pages until none are left, those of the reserve too. */
function fill(): number[] {
  const addresses: number[] = [];
  for (;;) {
    const address = heap.pages.tryAlloc(1, { reserve: true });
    if (address === 0) return addresses.sort((a, b) => a - b);
    addresses.push(address);
  }
}

describe("out of memory", () => {
  it("is an error of its own with the three figures, in fields and in words", () => {
    const { all, longest } = countedFreePages();
    const error = outOfMemory(() => heap.alloc(3 * MIB));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.name).toBe("OutOfMemoryError");
    expect(error.askedBytes).toBe(3 * MIB);
    expect(error.freeBytes).toBe(all * PAGE_SIZE);
    expect(error.largestFreeRunBytes).toBe(longest * PAGE_SIZE);
    const { freeBytes, largestFreeRunBytes } = error;
    expect(error.message).toBe(
      `out of memory: asked for 3145728 bytes, ${freeBytes} bytes are in free pages, ` +
        `the largest free run has ${largestFreeRunBytes} bytes`,
    );
    expect(error.details).toEqual({ askedBytes: 3 * MIB, freeBytes, largestFreeRunBytes });
  });

  it("tells a torn memory from a full one", () => {
    const pages = fill();
    for (const [index, address] of pages.entries()) if (index % 3 === 0) heap.pages.free(address, 1);
    const next = pages.find((address, index) => index % 3 === 1 && address === (pages[index - 1] ?? 0) + PAGE_SIZE);
    heap.pages.free(next as number, 1);
    const error = outOfMemory(() => heap.alloc(40_000));
    const { all, longest } = countedFreePages();
    expect(longest).toBe(2);
    expect(error.freeBytes).toBe(all * PAGE_SIZE);
    expect(error.largestFreeRunBytes).toBe(2 * PAGE_SIZE);
  });

  it("says 0 when nothing is left at all", () => {
    fill();
    const error = outOfMemory(() => heap.alloc(0));
    expect(error).toMatchObject({ askedBytes: 0, freeBytes: 0, largestFreeRunBytes: 0 });
  });

  it.each<[string, (subject: Heap) => unknown, number]>([
    ["alloc of a small block", (subject) => subject.alloc(100), 100],
    ["alloc of a large block", (subject) => subject.alloc(100_000), 100_000],
    ["alloc of all there is", (subject) => subject.alloc(2 ** 32 - 1), 2 ** 32 - 1],
    ["calloc", (subject) => subject.calloc(10, 30), 300],
    ["realloc of null", (subject) => subject.realloc(0, 64), 64],
    ["alignedAlloc", (subject) => subject.alignedAlloc(128, 200), 200],
    ["alignedAlloc beyond a page", (subject) => subject.alignedAlloc(8192, 200), 200],
  ])("is what %s throws when memory is full", (_name, action, askedBytes) => {
    fill();
    const before = heapStats(heap);
    expect(outOfMemory(() => action(heap)).askedBytes).toBe(askedBytes);
    expect(heapStats(heap)).toEqual(before);
    expectClean(heap);
  });

  it("is 0 from tryAlloc, from pages and from a cache's tryAlloc", () => {
    const cache = heap.createCache({ name: "objects", sizeBytes: 300 });
    fill();
    expect(heap.tryAlloc(100)).toBe(0);
    expect(heap.tryAlloc(100_000)).toBe(0);
    expect(heap.pages.tryAlloc(1)).toBe(0);
    expect(cache.tryAlloc()).toBe(0);
    expect(outOfMemory(() => cache.alloc()).askedBytes).toBe(300);
    expectClean(heap);
  });

  it("leaves the old block of a failed realloc alive, whole and in place", () => {
    for (const size of [100, 10_000, 100_000]) {
      const block = heap.alloc(size);
      fillPattern(new Uint8Array(heap.buffer), block, block + size, 6);
      const error = outOfMemory(() => heap.realloc(block, 4 * MIB));
      expect(error.askedBytes).toBe(4 * MIB);
      expect(blockAt(heap, block)).toMatchObject({ address: block, live: true });
      expect(patternFault(new Uint8Array(heap.buffer), block, block + size, 6)).toBe(-1);
    }
    expectClean(heap);
  });

  it("is over once something is freed", () => {
    const pages = fill();
    expect(heap.tryAlloc(100)).toBe(0);
    heap.pages.free(pages[100] as number, 1);
    expect(heap.tryAlloc(100)).toBeGreaterThan(0);
    expectClean(heap);
  });

  it("comes only after free blocks that lie in sheaves and empty slabs were taken back", () => {
    const blocks: number[] = [];
    for (let size = 16; size <= 32_768; size += 496) blocks.push(heap.tryAlloc(size));
    for (const block of blocks) heap.free(block);
    const { bytes, zones } = heapStats(heap);
    expect(bytes.sheafBytes + bytes.freeSlabBytes).toBeGreaterThan(200_000);
    const free = zones.reduce((sum, zone) => sum + zone.freePages, 0);
    const large = heap.alloc((free + 20) * PAGE_SIZE);
    expect(large).toBeGreaterThan(0);
    expectClean(heap);
  });

  it("leaves the reserve to those who ask for it", () => {
    heap = Heap.create({ sizeBytes: 4 * MIB });
    const min = heapStats(heap).zones[1]?.watermarkPages.min ?? 0;
    expect(min).toBeGreaterThan(1);
    while (heap.pages.tryAlloc(1) !== 0);
    expect(heapStats(heap).zones[1]?.freePages).toBe(min);
    expect(outOfMemory(() => heap.alloc(100)).freeBytes).toBe(min * PAGE_SIZE);
    expect(heap.tryAlloc(100)).toBeGreaterThan(0);
    expect(heapStats(heap).zones[1]?.freePages).toBe(min - 1);
    expectClean(heap);
  });
});
