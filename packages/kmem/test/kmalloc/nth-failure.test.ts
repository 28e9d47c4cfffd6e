import { describe, expect, it } from "vitest";
import { blockAt, blocksOf, type Cache, dumpHeap, Heap, heapStats, loadDump } from "../../src/index.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";

/** A heap with a few blocks in it, and full but for `freePages` pages at its end. */
interface Scene {
  readonly heap: Heap;
  readonly cache: Cache;
  readonly small: number;
  readonly large: number;
}

const SMALL_BYTES = 100;
const LARGE_BYTES = 50_000;

function makeScene(freePages: number): Scene {
  const heap = Heap.create({ sizeBytes: MIB });
  const cache = heap.createCache({ name: "objects", sizeBytes: 3000 });
  const small = heap.alloc(SMALL_BYTES);
  const large = heap.alloc(LARGE_BYTES);
  const bytes = new Uint8Array(heap.buffer);
  fillPattern(bytes, small, small + SMALL_BYTES, 1);
  fillPattern(bytes, large, large + LARGE_BYTES, 2);
  // Nothing lies idle in sheaves and slabs, so that what is free is in pages and there alone.
  while (
    heap.tryAlloc(SMALL_BYTES) !== 0 &&
    heapStats(heap).bytes.freeSlabBytes + heapStats(heap).bytes.sheafBytes > 0
  );
  const filler: number[] = [];
  for (
    let page = heap.pages.tryAlloc(1, { reserve: true });
    page !== 0;
    page = heap.pages.tryAlloc(1, { reserve: true })
  ) {
    filler.push(page);
  }
  filler.sort((a, b) => a - b);
  for (const page of filler.slice(filler.length - freePages)) heap.pages.free(page, 1);
  return { heap, cache, small, large };
}

const OPERATIONS: readonly [string, (scene: Scene) => unknown][] = [
  ["alloc of 16 bytes", ({ heap }) => heap.alloc(16)],
  ["alloc of 2,000 bytes", ({ heap }) => heap.alloc(2000)],
  ["alloc of 30,000 bytes", ({ heap }) => heap.alloc(30_000)],
  ["alloc of 70,000 bytes", ({ heap }) => heap.alloc(70_000)],
  ["tryAlloc of 30,000 bytes", ({ heap }) => heap.tryAlloc(30_000)],
  ["calloc of 20,000 bytes", ({ heap }) => heap.calloc(100, 200)],
  ["realloc of null", ({ heap }) => heap.realloc(0, 5000)],
  ["realloc of a small block", ({ heap, small }) => heap.realloc(small, 9000)],
  ["realloc of a small block to a run", ({ heap, small }) => heap.realloc(small, 40_000)],
  ["realloc of a run", ({ heap, large }) => heap.realloc(large, 120_000)],
  ["alignedAlloc within a page", ({ heap }) => heap.alignedAlloc(2048, 6000)],
  ["alignedAlloc beyond a page", ({ heap }) => heap.alignedAlloc(16_384, 9000)],
  ["pages", ({ heap }) => heap.pages.tryAlloc(9)],
  ["the first object of a cache", ({ cache }) => cache.alloc()],
  ["tryAlloc of a cache", ({ cache }) => cache.tryAlloc()],
  ["attach", ({ heap }) => void Heap.attach(heap.source)],
  ["dump and load", ({ heap }) => void loadDump(dumpHeap(heap))],
  ["createCache", ({ heap }) => void heap.createCache({ name: "new", sizeBytes: 9 })],
  ["trim", ({ heap }) => void heap.trim()],
];

/** What a failed operation must not change. */
function observed({ heap }: Scene): unknown {
  const { liveBlocks, bytes, endAddress } = heapStats(heap);
  return { liveBlocks, liveBytes: bytes.liveSlabBytes + bytes.blockRunBytes, endAddress, blocks: [...blocksOf(heap)] };
}

function expectIntact({ heap, small, large }: Scene): void {
  const bytes = new Uint8Array(heap.buffer);
  expect(patternFault(bytes, small, small + SMALL_BYTES, 1)).toBe(-1);
  expect(patternFault(bytes, large, large + LARGE_BYTES, 2)).toBe(-1);
  expectClean(heap);
}

describe("with ever more free pages, from none", () => {
  it.each(OPERATIONS)("%s fails cleanly until it succeeds", (name, operate) => {
    let failureCount = 0;
    for (let freePages = 0; ; freePages++) {
      expect(freePages).toBeLessThan(80);
      const scene = makeScene(freePages);
      const before = observed(scene);
      let address: unknown = 0;
      try {
        address = operate(scene);
      } catch {
        expect(thrownBy(() => operate(scene)).code).toBe("OUT_OF_MEMORY");
      }
      if (address !== 0) {
        expectClean(scene.heap);
        break;
      }
      failureCount++;
      expectIntact(scene);
      expect(observed(scene), `${name} with ${freePages} pages`).toEqual(before);
    }
    const needsPages = !/attach|load|createCache|trim/.test(name);
    expect(failureCount > 0).toBe(needsPages);
  });

  it.each(OPERATIONS.slice(0, 15))("%s can be had again when a failure is followed by a free", (_name, operate) => {
    const scene = makeScene(0);
    const before = heapStats(scene.heap).bytes.freePageBytes;
    expect(before).toBe(0);
    try {
      expect(operate(scene)).toBe(0);
    } catch {
      // As it should be.
    }
    const pages = heapStats(scene.heap).bytes.pageRunBytes / PAGE;
    expect(pages).toBeGreaterThan(100);
    freeEveryPage(scene.heap);
    expect(operate(scene)).toBeGreaterThan(0);
    expectIntact({ ...scene, ...relocated(scene) });
  });
});

/** Frees all runs of pages: each page of the heap in turn, where it is one. */
function freeEveryPage(heap: Heap): void {
  const { startAddress, endAddress } = heapStats(heap);
  for (let address = startAddress; address < endAddress; address += PAGE) {
    try {
      heap.pages.free(address, 1);
    } catch {
      // No page of a run.
    }
  }
  expect(heapStats(heap).bytes.pageRunBytes).toBe(0);
}

/** Where the two blocks are, if an operation has moved them: their contents moved with them. */
function relocated({ heap, small, large }: Scene): { small: number; large: number } {
  const bytes = new Uint8Array(heap.buffer);
  const find = (address: number, sizeBytes: number, seed: number): number => {
    if (blockAt(heap, address)?.live === true) return address;
    const moved = [...blocksOf(heap)].find((block) => {
      return patternFault(bytes, block.address, block.address + sizeBytes, seed) < 0;
    });
    return moved?.address ?? 0;
  };
  return { small: find(small, SMALL_BYTES, 1), large: find(large, LARGE_BYTES, 2) };
}
