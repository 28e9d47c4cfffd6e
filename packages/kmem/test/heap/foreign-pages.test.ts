import { describe, expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { openHeap } from "../../src/debug/open-heap.ts";
import { layersOf } from "../../src/heap/access.ts";
import { blockAt, blocksOf, checkHeap, dumpHeap, Heap, heapStats, ownerOf, repairHeap } from "../../src/index.ts";
import { tablePages } from "../../src/pages/moving-tables.ts";
import { expectBytesAddUp, expectClean, firstDifference, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

const WASM_PAGE = 65_536;

/** Adds pages as a program does, by memory.grow or its sbrk, and fills them; returns their first byte and their end. */
function addProgramPages(heap: Heap, pageCount: number, byte = 0xa5): [first: number, end: number] {
  const first = (heap.source as WebAssembly.Memory).grow(pageCount) * WASM_PAGE;
  const end = first + pageCount * WASM_PAGE;
  new Uint8Array(heap.buffer).fill(byte, first, end);
  return [first, end];
}

const isFilled = (heap: Heap, [first, end]: [number, number], byte = 0xa5): boolean =>
  new Uint8Array(heap.buffer, first, end - first).every((found) => found === byte);

/** Grows the heap once, by a block that its free pages cannot serve. */
function grow(heap: Heap): number {
  const block = heap.alloc(Math.ceil(heapStats(heap).bytes.freePageBytes / PAGE) * PAGE + PAGE);
  expect(heapStats(heap).endAddress).toBeGreaterThan(block);
  return block;
}

describe.each([
  ["shared", true],
  ["unshared", false],
])("pages that a program adds to the %s memory of a heap", (_name, shared) => {
  const made = (dmaBytes = 0): Heap => Heap.create({ sizeBytes: MIB, maximumBytes: 8 * MIB, shared, dmaBytes });

  it("are never the heap's: not one by one, not all at once", () => {
    const heap = made();
    const added = [3, 1, 7].map((pageCount) => {
      const range = addProgramPages(heap, pageCount);
      grow(heap);
      return range;
    });
    const blocks: [number, number][] = [];
    for (let block = heap.tryAlloc(200_000); block !== 0; block = heap.tryAlloc(200_000)) blocks.push([block, 200_000]);
    for (let page = heap.pages.tryAlloc(1); page !== 0; page = heap.pages.tryAlloc(1)) blocks.push([page, PAGE]);
    for (const [first, end] of added) {
      expect(blocks.filter(([block, bytes]) => block < end && block + bytes > first)).toEqual([]);
    }
    for (const [block, bytes] of blocks) new Uint8Array(heap.buffer).fill(1, block, block + bytes);
    for (const range of added) expect(isFilled(heap, range)).toBe(true);
    expect(heapStats(heap).foreignBytes).toBe(11 * WASM_PAGE);
    expectBytesAddUp(heap);
    expectClean(heap);
  });

  it("are told apart in figures and messages", () => {
    const heap = made();
    const [first] = addProgramPages(heap, 2);
    const before = heapStats(heap);
    expect(before.foreignBytes).toBe(0);
    grow(heap);
    const { bytes, zones, foreignBytes, startAddress, endAddress } = heapStats(heap);
    expect(foreignBytes).toBe(2 * WASM_PAGE);
    expect(bytes.totalBytes + foreignBytes).toBe(endAddress - startAddress);
    // Tables that move lie among the pages.
    const tableBytes = tablePages(layersOf(heap).geometry) * PAGE;
    const pageBytes = bytes.totalBytes - bytes.metadataBytes + tableBytes;
    expect(zones.reduce((sum, { pages }) => sum + pages * PAGE, 0)).toBe(pageBytes);
    expect(blockAt(heap, first)).toBeUndefined();
    expect(thrownBy(() => heap.free(first)).message).toContain("is not the heap's");
    expect(thrownBy(() => heap.pages.free(first, 1)).message).toContain("is not the heap's");
    expect(ownerOf(heap, first)).toBeUndefined();
    expect([...blocksOf(heap)].length).toBe(1);
  });

  it("stay apart where the zones meet among them, before them and behind them", () => {
    for (const dmaKilobytes of [700, 900, 1000, 1100, 1300, 2000]) {
      const heap = made(dmaKilobytes * 1024);
      const range = addProgramPages(heap, 4);
      grow(heap);
      const second = addProgramPages(heap, 3);
      grow(heap);
      expectClean(heap);
      expectBytesAddUp(heap);
      expect(heapStats(heap).foreignBytes).toBe(7 * WASM_PAGE);
      while (heap.pages.tryAlloc(1, { dma: true }) !== 0);
      while (heap.pages.tryAlloc(1, { reserve: true }) !== 0);
      expectClean(heap);
      expect(isFilled(heap, range) && isFilled(heap, second)).toBe(true);
    }
  });

  it("leave the heap out of memory when they have used up its limit", () => {
    const heap = made();
    addProgramPages(heap, (8 * MIB - heap.buffer.byteLength) / WASM_PAGE);
    const { generation } = heapStats(heap);
    while (heap.tryAlloc(50_000) !== 0);
    expect(thrownBy(() => heap.alloc(MIB)).code).toBe("OUT_OF_MEMORY");
    expect(heap.pages.tryAlloc(100)).toBe(0);
    expect(heapStats(heap).generation).toBe(generation);
    expectClean(heap);
  });

  it("survive a repair, and are not in a dump, which loads and grows no more into them", () => {
    const heap = made();
    const range = addProgramPages(heap, 2);
    const block = grow(heap);
    expect(repairHeap(heap)).toMatchObject({ isRepaired: true, steps: [] });
    expect(heapStats(heap).foreignBytes).toBe(2 * WASM_PAGE);
    expect(isFilled(heap, range)).toBe(true);
    const copy = openHeap(dumpHeap(heap));
    expect(isFilled(copy, range, 0)).toBe(true);
    expect(heapStats(copy)).toMatchObject({ foreignBytes: 2 * WASM_PAGE, bytes: heapStats(heap).bytes });
    expectClean(copy);
    copy.free(block);
    for (let page = copy.pages.tryAlloc(1); page !== 0; page = copy.pages.tryAlloc(1)) {
      expect(page < range[0] || page >= range[1]).toBe(true);
    }
    expectClean(copy);
  });

  it("are still somebody else's when a byte of what is noted of them is damaged and repaired", () => {
    const heap = made();
    const range = addProgramPages(heap, 2);
    grow(heap);
    const { frames } = layersOf(heap).pages;
    const [first, end] = [range[0] / PAGE, range[1] / PAGE];
    const kinds = [0, 2, 3, 4, 5, 6, 14, 16, 40, 255];
    for (let turn = 0; turn < 2 * (end - first); turn++) {
      const frame = first + (turn % (end - first));
      frames.setKind(frame, kinds[turn % kinds.length] as number);
      expect(checkHeap(heap).isClean).toBe(false);
      repairHeap(heap);
      expectClean(heap);
      expect(frames.kind(frame)).toBe(1);
    }
    expect(heapStats(heap).foreignBytes).toBe(2 * WASM_PAGE);
    expect(isFilled(heap, range)).toBe(true);
  });

  it("are found as a damage where a page of the heap's is marked as one of theirs", () => {
    const heap = made();
    addProgramPages(heap, 1);
    const block = grow(heap);
    const small = heap.alloc(100);
    const { frames, zones } = layersOf(heap).pages;
    const free = zones[1]?.head(0) || zones[1]?.head(1) || zones[1]?.head(2) || 0;
    for (const frame of [block / PAGE, block / PAGE + 3, Math.floor(small / PAGE), free]) {
      frames.setKind(frame, 1);
      expect(checkHeap(heap).isClean).toBe(false);
      repairHeap(heap);
      expectClean(heap);
      expect(frames.kind(frame)).not.toBe(1);
    }
    expect(heapStats(heap)).toMatchObject({ liveBlocks: 2, foreignBytes: WASM_PAGE });
  });
});

describe.each([
  ["shared", true],
  ["unshared", false],
])("two heaps in one %s memory", (_name, shared) => {
  it("grow it in turns, each into pages of its own", () => {
    const memory = new WebAssembly.Memory({ initial: 256, maximum: 1024, shared });
    const one = Heap.create({ memory, end: 8 * MIB, maximumBytes: 64 * MIB });
    const two = DebugHeap.create({ memory, start: 8 * MIB, end: 16 * MIB, maximumBytes: 64 * MIB });
    const taken: [number, number][] = [];
    for (let turn = 0; turn < 40; turn++) {
      for (const heap of [one, two]) {
        const block = heap.alloc(300_000);
        taken.push([block, block + 300_000]);
        heap.u8(block).fill(turn);
      }
    }
    taken.sort(([a], [b]) => a - b);
    expect(taken.every(([first], index) => index === 0 || first >= (taken[index - 1]?.[1] ?? 0))).toBe(true);
    expectClean(one);
    expectClean(two);
    for (const heap of [one, two]) expectBytesAddUp(heap);
    const owned = [one, two].map((heap) => heapStats(heap).bytes.totalBytes);
    expect((owned[0] ?? 0) + (owned[1] ?? 0)).toBe(memory.buffer.byteLength);
  });

  it("are refused where the tables of one do not fit into what it was given", () => {
    const memory = new WebAssembly.Memory({ initial: 32, maximum: 1024, shared });
    new Uint8Array(memory.buffer).fill(7);
    // Tables that move take little at first.
    const end = shared ? MIB : 8 * PAGE;
    const error = thrownBy(() => Heap.create({ memory, end, maximumBytes: 64 * MIB }));
    expect(error.code).toBe("BAD_GEOMETRY");
    expect(error.message).toContain(`what is behind byte ${end} is not the heap's`);
    expect(memory.buffer.byteLength).toBe(2 * MIB);
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 7)).toBe(true);
  });

  it("begin where the memory ends, which another one has grown in between", () => {
    const memory = new WebAssembly.Memory({ initial: 32, maximum: 1024, shared });
    const one = Heap.create({ memory });
    const start = memory.buffer.byteLength;
    const two = Heap.create({ memory, start, maximumBytes: 64 * MIB });
    const bytes = two.alloc(100) - start;
    expect(heapStats(two).startAddress).toBe(start);
    const before = new Uint8Array(memory.buffer, start, bytes).slice();
    grow(one);
    grow(one);
    expect(firstDifference(before, new Uint8Array(memory.buffer, start, bytes))).toBe(-1);
    expectClean(one);
    expectClean(two);
  });
});
