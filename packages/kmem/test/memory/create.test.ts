import { afterEach, describe, expect, it, vi } from "vitest";
import { describeDump, dumpHeap, Heap, type HeapOptions, heapStats, loadDump } from "../../src/index.ts";
import { expectBytesAddUp, expectClean, firstDifference, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

function refusal(options: unknown): string {
  const { code, message } = thrownBy(() => Heap.create(options as HeapOptions));
  return `${code}: ${message}`;
}

describe("create", () => {
  it("makes 16 MiB of shared memory by default", () => {
    const heap = Heap.create();
    expect(heap.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(heap.memoryKind).toBe("SharedArrayBuffer");
    expect(heap.buffer.byteLength).toBe(16 * MIB);
    expect(heapStats(heap)).toMatchObject({
      startAddress: 0,
      endAddress: 16 * MIB,
      limitAddress: 16 * MIB,
      generation: 1,
    });
    expectClean(heap);
  });

  it.each<[string, HeapOptions, string, number, number]>([
    ["an ArrayBuffer", { sizeBytes: MIB, shared: false }, "ArrayBuffer", MIB, MIB],
    ["a SharedArrayBuffer", { sizeBytes: MIB }, "SharedArrayBuffer", MIB, MIB],
    ["growing memory", { sizeBytes: MIB, maximumBytes: 2 * MIB }, "WebAssembly.Memory", MIB, 2 * MIB],
    ["growing memory of the default size", { maximumBytes: 64 * MIB }, "WebAssembly.Memory", 16 * MIB, 64 * MIB],
    ["growing memory below the default size", { maximumBytes: 4 * MIB }, "WebAssembly.Memory", 4 * MIB, 4 * MIB],
    ["memory that is no multiple of a page", { sizeBytes: MIB + 4000 }, "SharedArrayBuffer", MIB, MIB],
    ["the beginning of a new buffer", { sizeBytes: 2 * MIB, end: MIB }, "SharedArrayBuffer", MIB, MIB],
  ])("makes %s", (_name, options, kind, end, limit) => {
    const heap = Heap.create(options);
    expect(heap.memoryKind).toBe(kind);
    expect(heapStats(heap)).toMatchObject({ memoryKind: kind, endAddress: end, limitAddress: limit, liveBlocks: 0 });
    expect(heap.alloc(1000)).toBeGreaterThan(0);
    expectBytesAddUp(heap);
    expectClean(heap);
  });

  describe("where the engine gives no such buffer", () => {
    /** A constructor of buffers that has its limit, as Chromium 150's has at 2 GiB. */
    const limited = <Buffer extends ArrayBufferConstructor | SharedArrayBufferConstructor>(Full: Buffer): Buffer =>
      new Proxy(Full, {
        construct: (_target, [sizeBytes]: [number]) => {
          if (sizeBytes >= 2 * MIB) throw new RangeError("Array buffer allocation failed");
          return new Full(sizeBytes);
        },
      });

    afterEach(() => void vi.unstubAllGlobals());

    it.each([true, false])("takes that of a WebAssembly memory: shared %s", (shared) => {
      vi.stubGlobal("ArrayBuffer", limited(ArrayBuffer));
      vi.stubGlobal("SharedArrayBuffer", limited(SharedArrayBuffer));
      const heap = Heap.create({ sizeBytes: 2 * MIB, shared });
      expect(heap.buffer.byteLength).toBe(2 * MIB);
      expect(heap.memoryKind).toBe(shared ? "SharedArrayBuffer" : "ArrayBuffer");
      heap.alloc(1000);
      const dump = dumpHeap(heap);
      expect(loadDump(dump).buffer.byteLength).toBe(2 * MIB);
      expect(describeDump(dump).stats.liveBlocks).toBe(1);
      expectClean(heap);
    });

    it("refuses what no WebAssembly memory has either", () => {
      vi.stubGlobal("SharedArrayBuffer", limited(SharedArrayBuffer));
      expect(refusal({ sizeBytes: 2 * MIB + PAGE })).toMatch(/^OUT_OF_MEMORY: the engine gives no buffer of 2101248 /);
    });
  });

  it("uses any memory it is given, and gives it back as its source", () => {
    const sources = [new ArrayBuffer(MIB), new SharedArrayBuffer(MIB), new WebAssembly.Memory({ initial: 16 })];
    for (const memory of sources) {
      const heap = Heap.create({ memory });
      expect(heap.source).toBe(memory);
      expect(heap.alloc(100)).toBeGreaterThan(0);
      expectClean(heap);
    }
  });

  it("grows memory that it is given up to where it may go", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 64 });
    const heap = Heap.create({ memory, end: 2 * MIB });
    expect(memory.buffer.byteLength).toBe(2 * MIB);
    expectClean(heap);
  });

  it("begins at the first whole page and ends with the last", () => {
    const heap = Heap.create({ memory: new ArrayBuffer(2 * MIB), start: 70_001, end: 70_001 + MIB });
    expect(heapStats(heap)).toMatchObject({
      startAddress: 18 * PAGE,
      endAddress: Math.floor((70_001 + MIB) / PAGE) * PAGE,
    });
  });

  it("does not mind what was in the memory before", () => {
    for (const byte of [0xff, 0x01, 0x80]) {
      const memory = new SharedArrayBuffer(MIB);
      new Uint8Array(memory).fill(byte);
      const heap = Heap.create({ memory });
      const cache = heap.createCache({ name: "any", sizeBytes: 24 });
      const blocks = Array.from({ length: 2000 }, (_, size) =>
        size % 2 === 0 ? cache.alloc() : heap.alloc(size % 200),
      );
      expectClean(heap);
      for (const block of blocks) heap.free(block);
      expectClean(heap);
      expect(heapStats(heap).liveBlocks).toBe(0);
    }
  });

  it("makes a heap of a single page", () => {
    let sizeBytes = PAGE;
    while (refusedAt(sizeBytes)) sizeBytes += PAGE;
    const heap = Heap.create({ sizeBytes });
    expectClean(heap);
    // The sheaves of a slot take all there is: such a heap works, but has nothing to give.
    expect(heap.tryAlloc(1)).toBe(0);
    const next = Heap.create({ sizeBytes: sizeBytes + PAGE });
    expect(next.tryAlloc(1)).toBeGreaterThan(0);
    expect(heapStats(next).bytes.freePageBytes).toBe(0);
    expectClean(next);
  });

  it("has room for 1 to 126 slots", () => {
    for (const slotCount of [1, 64, 126]) expectClean(Heap.create({ sizeBytes: MIB, slotCount }));
    const few = heapStats(Heap.create({ sizeBytes: MIB, slotCount: 1 })).bytes.metadataBytes;
    const many = heapStats(Heap.create({ sizeBytes: MIB, slotCount: 126 })).bytes.metadataBytes;
    expect(many).toBeGreaterThan(few);
  });
});

function refusedAt(sizeBytes: number): boolean {
  try {
    Heap.create({ sizeBytes });
    return false;
  } catch {
    return true;
  }
}

describe("create refuses", () => {
  it("a buffer that the engine does not give, as memory that is out", () => {
    const Original = globalThis.SharedArrayBuffer;
    globalThis.SharedArrayBuffer = class extends Original {
      constructor() {
        super(0);
        throw new RangeError("Array buffer allocation failed");
      }
    } as SharedArrayBufferConstructor;
    try {
      expect(refusal({ sizeBytes: MIB + PAGE })).toContain("OUT_OF_MEMORY: the engine gives no buffer of 1052672");
    } finally {
      globalThis.SharedArrayBuffer = Original;
    }
  });

  const bytes = "is a whole number of bytes from 0 to 2^32, not";
  const offset = "must be a byte offset from 0 to 2^32, not";

  it.each<[string, unknown, string]>([
    ["a size of NaN", { sizeBytes: Number.NaN }, `BAD_ARGUMENT: sizeBytes ${bytes} NaN`],
    ["a negative size", { sizeBytes: -1 }, `BAD_ARGUMENT: sizeBytes ${bytes} -1`],
    ["half a byte", { sizeBytes: 1.5 }, `BAD_ARGUMENT: sizeBytes ${bytes} 1.5`],
    ["a size above 4 GiB", { sizeBytes: 2 ** 33 }, `BAD_ARGUMENT: sizeBytes ${bytes} 8589934592`],
    ["a size in words", { sizeBytes: "1M" }, `BAD_ARGUMENT: sizeBytes ${bytes} "1M"`],
    [
      "a maximum of Infinity",
      { maximumBytes: Number.POSITIVE_INFINITY },
      `BAD_ARGUMENT: maximumBytes ${bytes} Infinity`,
    ],
    [
      "a maximum below the size",
      { sizeBytes: 2 * MIB, maximumBytes: MIB },
      "BAD_ARGUMENT: maximumBytes (1048576) is less than sizeBytes (2097152)",
    ],
    ["0 slots", { slotCount: 0 }, "BAD_ARGUMENT: slotCount must be a whole number from 1 to 126, not 0"],
    ["127 slots", { slotCount: 127 }, "BAD_ARGUMENT: slotCount must be a whole number from 1 to 126, not 127"],
    ["1.5 slots", { slotCount: 1.5 }, "BAD_ARGUMENT: slotCount must be a whole number from 1 to 126, not 1.5"],
    ["a DMA zone of -1 bytes", { dmaBytes: -1 }, `BAD_ARGUMENT: dmaBytes ${offset} -1`],
    ["a DMA zone of NaN bytes", { dmaBytes: Number.NaN }, `BAD_ARGUMENT: dmaBytes ${offset} NaN`],
    [
      "a number as memory",
      { memory: 5 },
      "BAD_ARGUMENT: memory must be a SharedArrayBuffer, an ArrayBuffer or a WebAssembly.Memory, not 5",
    ],
    ["null as memory", { memory: null }, "BAD_ARGUMENT: memory must be a SharedArrayBuffer"],
    ["a typed array as memory", { memory: new Uint8Array(8) }, "an object of Uint8Array class"],
    ["an empty buffer", { memory: new ArrayBuffer(0) }, "BAD_GEOMETRY: too small: the tables of a heap"],
    ["a buffer of one page", { memory: new ArrayBuffer(PAGE) }, "BAD_GEOMETRY: too small"],
    ["a size of 0", { sizeBytes: 0 }, "BAD_GEOMETRY: too small"],
    [
      "both memory and a size",
      { memory: new ArrayBuffer(MIB), sizeBytes: MIB },
      "BAD_ARGUMENT: give either a memory or",
    ],
    ["a heap too small for its sheaves", { sizeBytes: 5 * PAGE }, "too small: no pages are left for the sheaves"],
  ])("%s", (_name, options, text) => {
    expect(refusal(options)).toContain(text);
  });

  it.each<[string, object, string]>([
    ["a start behind the end", { start: 90_000, end: 80_000 }, "a heap from byte 90000 to 80000"],
    [
      "a start beyond the buffer",
      { start: 2 * MIB },
      "a heap from byte 2097152 to 1048576 (limit 1048576) is reversed",
    ],
    ["a negative start", { start: -4096 }, `start ${offset} -4096`],
    ["a start of NaN", { start: Number.NaN }, `start ${offset} NaN`],
    ["half a byte as start", { start: 0.5 }, `start ${offset} 0.5`],
    ["an end of NaN", { end: Number.NaN }, `end ${offset} NaN`],
    ["an end above 4 GiB", { end: 2 ** 33 }, `end ${offset} 8589934592`],
    ["an end beyond a fixed buffer", { end: 2 * MIB }, "the buffer has 1048576 bytes and cannot reach the 2097152"],
    ["a part of no page", { start: 100, end: 4000 }, "too small"],
    ["a part too small for the tables", { start: 0, end: 4 * PAGE }, "too small"],
    ["a part too small for the sheaves", { start: 0, end: 5 * PAGE }, "no pages are left for the sheaves"],
  ])("%s, without a write to the memory", (_name, options, text) => {
    const memory = new ArrayBuffer(MIB);
    new Uint8Array(memory).fill(7);
    const before = new Uint8Array(memory).slice();
    expect(refusal({ memory, ...options })).toContain(text);
    expect(firstDifference(before, new Uint8Array(memory))).toBe(-1);
  });

  it("memory that cannot grow to the end asked for, and leaves its size", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
    expect(refusal({ memory, end: MIB })).toContain("BAD_GEOMETRY: the buffer has 65536 bytes and cannot reach");
    expect(memory.buffer.byteLength).toBe(65_536);
  });
});
