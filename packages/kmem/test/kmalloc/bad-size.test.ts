import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, Heap, type KmemError } from "../../src/index.ts";
import { expectClean, expectRefusal, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

let heap: Heap;
let block: number;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: MIB });
  block = heap.alloc(100);
});

const BAD_SIZES: readonly [string, unknown, string][] = [
  ["NaN", Number.NaN, "not NaN"],
  ["-1", -1, "not -1"],
  ["0.5", 0.5, "not 0.5"],
  ["100.25", 100.25, "not 100.25"],
  ["2^32", 2 ** 32, "not 4294967296"],
  ["2^53", 2 ** 53, "not 9007199254740992"],
  ["Infinity", Number.POSITIVE_INFINITY, "not Infinity"],
  ["-Infinity", Number.NEGATIVE_INFINITY, "not -Infinity"],
  ['"16"', "16", 'not "16"'],
  ["undefined", undefined, "not undefined"],
  ["null", null, "not null"],
  ["true", true, "not true"],
  ["an object", {}, "not an object of Object class"],
  ["an array", [16], "not an object of Array class"],
];

const RULE = "a size is a whole number of bytes from 0 to 2^32 - 1";

describe.each(BAD_SIZES)("the size %s", (_name, value, text) => {
  const size = value as number;

  it.each<[string, (heap: Heap) => unknown]>([
    ["alloc", (subject) => subject.alloc(size)],
    ["tryAlloc", (subject) => subject.tryAlloc(size)],
    ["calloc as a count", (subject) => subject.calloc(size, 16)],
    ["calloc as a size", (subject) => subject.calloc(16, size)],
    ["realloc of null", (subject) => subject.realloc(0, size)],
    ["realloc of a block", (subject) => subject.realloc(block, size)],
    ["alignedAlloc", (subject) => subject.alignedAlloc(64, size)],
  ])("is refused by %s", (_operation, action) => {
    const error = expectRefusal(heap, () => action(heap), "BAD_SIZE", RULE, text);
    expect(error.details["sizeBytes"]).toBe(value);
    expectClean(heap);
  });
});

describe("calloc", () => {
  it.each([
    [2, 2 ** 31, "4294967296"],
    [65_536, 65_536, "4294967296"],
    [2 ** 32 - 1, 2 ** 32 - 1, "18446744065119617000"],
    [3, 0x5555_5556, "4294967298"],
  ])("refuses %i times %i bytes, whose product is no 32-bit size", (count, sizeBytes, product) => {
    expectRefusal(heap, () => heap.calloc(count, sizeBytes), "BAD_SIZE", RULE, `not ${product}`);
  });

  it.each([
    [0, 100],
    [100, 0],
    [0, 0],
    [0, 2 ** 32 - 1],
  ])("gives %i times %i bytes a block of its own", (count, sizeBytes) => {
    const address = heap.calloc(count, sizeBytes);
    expect(blockAt(heap, address)).toMatchObject({ address, usableBytes: 16, live: true });
  });
});

describe("alignedAlloc", () => {
  it.each([
    ["0", 0, "not 0"],
    ["3", 3, "not 3"],
    ["-16", -16, "not -16"],
    ["1.5", 1.5, "not 1.5"],
    ["0.5", 0.5, "not 0.5"],
    ["NaN", Number.NaN, "not NaN"],
    ["Infinity", Number.POSITIVE_INFINITY, "not Infinity"],
    ["2^32", 2 ** 32, "not 4294967296"],
    ["4097", 4097, "not 4097"],
    ['"64"', "64", 'not "64"'],
    ["undefined", undefined, "not undefined"],
  ])("refuses the alignment %s", (_name, value, text) => {
    const action = (): number => heap.alignedAlloc(value as number, 10);
    const error = expectRefusal(heap, action, "BAD_ALIGNMENT", "an alignment is a power of two below 2^32", text);
    expect(error.details["alignmentBytes"]).toBe(value);
  });
});

describe("a typed view", () => {
  const views: [string, () => unknown, string | RegExp][] = [
    [
      "past the end of its block",
      () => heap.u8(block, 113),
      /holds 113 aligned elements of 1 bytes at 0x[0-9a-f]+: the block has 112 usable bytes$/,
    ],
    ["of a free block", () => heap.u8(0x50000, 1), "no live block holds 1 aligned"],
    ["at null", () => heap.u8(0, 1), "no live block holds 1"],
    [
      "of words that straddle the end",
      () => heap.u32(block, 29),
      /holds 29 aligned elements of 4 bytes at .* has 112 usable bytes$/,
    ],
    [
      "of words off their alignment",
      () => heap.u32(block + 2, 1),
      /holds 1 aligned elements of 4 bytes at .* has 112 usable bytes$/,
    ],
    ["of doubles off their alignment", () => heap.f64(block + 4, 1), "no live block holds 1 aligned elements of 8"],
    ["of a negative length", () => heap.u8(block, -1), "no live block holds -1 aligned"],
    ["of half an element", () => heap.i32(block, 1.5), "no live block holds 1.5 aligned"],
    ["of NaN elements", () => heap.i32(block, Number.NaN), "no live block holds NaN aligned"],
    [
      "of a whole block, from its middle",
      () => heap.u8(block + 16),
      /no live block starts at 0x[0-9a-f]+: it lies 16 bytes inside of the block/,
    ],
  ];

  it.each(views)("%s is refused", (_name, action, text) => {
    expectRefusal(heap, action, "INVALID_ADDRESS", text);
  });

  it("of any part of a live block is given", () => {
    heap.u8(block).fill(0);
    heap.i32(block + 8, 2)[1] = -5;
    heap.f64(block + 16, 1)[0] = 0.5;
    expect(heap.u32(block, 4)).toEqual(new Uint32Array([0, 0, 0, 0xffff_fffb]));
    expect(heap.u8(block).length).toBe(112);
    expect(heap.view(Float64Array, block + 16, 1)[0]).toBe(0.5);
    expect(heap.u8(block, 0).length).toBe(0);
  });
});

describe("an error", () => {
  it("is an Error with a name, a code and the facts of its message", () => {
    const error: KmemError = thrownBy(() => heap.alloc(-1));
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe("KmemError");
    expect(error.details).toEqual({ sizeBytes: -1 });
    expect(String(error)).toContain(`KmemError: ${RULE}, not -1 (`);
  });
});
