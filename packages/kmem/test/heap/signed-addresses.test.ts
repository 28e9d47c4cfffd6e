import { describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { Heap, transferBlock } from "../../src/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

const ADDRESS_HINT = "pass address >>> 0";

/** As WebAssembly gives the address 0x80000010, and the size 2^31, to JavaScript. */
const NEGATIVE_ADDRESS = 0x8000_0010 | 0;
const NEGATIVE_SIZE = 0x8000_0000 | 0;

describe.each([
  ["Heap", () => Heap.create({ sizeBytes: MIB })],
  ["DebugHeap", () => DebugHeap.create({ sizeBytes: MIB, report: () => undefined })],
  ["SampledHeap", () => SampledHeap.create({ sizeBytes: MIB, report: () => undefined })],
])("a negative i32 that WebAssembly gives a %s", (_name, createHeap) => {
  const heap = createHeap();
  const cache = heap.createCache({ name: "objects", sizeBytes: 40 });

  it.each<[string, () => unknown]>([
    ["free", () => heap.free(NEGATIVE_ADDRESS)],
    ["cache.free", () => cache.free(NEGATIVE_ADDRESS)],
    ["realloc", () => heap.realloc(NEGATIVE_ADDRESS, 10)],
    ["usableSize", () => heap.usableSize(NEGATIVE_ADDRESS)],
    ["u8", () => heap.u8(NEGATIVE_ADDRESS)],
    ["view", () => heap.view(Uint8Array, NEGATIVE_ADDRESS, 4)],
    ["transfer", () => transferBlock(heap, NEGATIVE_ADDRESS, 0)],
    ["pages.free", () => heap.pages.free(NEGATIVE_SIZE, 1)],
  ])("is an address to be made unsigned: %s", (_call, action) => {
    expect(thrownBy(action).message).toContain(ADDRESS_HINT);
  });

  it.each<[string, () => unknown]>([
    ["alloc", () => heap.alloc(NEGATIVE_SIZE)],
    ["tryAlloc", () => heap.tryAlloc(NEGATIVE_SIZE)],
    ["allocWait", () => heap.allocWait(NEGATIVE_SIZE)],
    ["calloc", () => heap.calloc(1, NEGATIVE_SIZE)],
    ["realloc", () => heap.realloc(0, NEGATIVE_SIZE)],
    ["alignedAlloc", () => heap.alignedAlloc(64, NEGATIVE_SIZE)],
  ])("is a size to be made unsigned: %s", (_call, action) => {
    expect(thrownBy(action)).toMatchObject({ code: "BAD_SIZE", message: expect.stringContaining("pass size >>> 0") });
  });

  it("is the only value that is said of", () => {
    for (const value of [-1.5, -(2 ** 31) - 1, -(2 ** 40), Number.NaN, 2 ** 33, Number.NEGATIVE_INFINITY]) {
      expect(thrownBy(() => heap.free(value)).message).not.toContain(">>>");
      expect(thrownBy(() => heap.alloc(value)).message).not.toContain(">>>");
    }
    for (const value of [-1, -(2 ** 31)]) {
      expect(thrownBy(() => heap.free(value)).message).toContain(ADDRESS_HINT);
    }
  });
});

it("is the start or the end of a heap to be made unsigned", () => {
  const memory = new ArrayBuffer(MIB);
  expect(thrownBy(() => Heap.create({ memory, start: NEGATIVE_SIZE })).message).toContain("pass start >>> 0");
  expect(thrownBy(() => Heap.create({ memory, end: NEGATIVE_SIZE })).message).toContain("pass end >>> 0");
});
