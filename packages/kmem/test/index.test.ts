import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as library from "../src/index.ts";
import * as layout from "../src/layout.ts";
import { ASSERTIONS, assert } from "../src/memory/assert.ts";

describe("the library exports", () => {
  it("these names, and no others", () => {
    expect(Object.keys(library).sort()).toEqual([
      "GRANULE",
      "Heap",
      "KmemError",
      "LAYOUT_VERSION",
      "LocalHeap",
      "MAX_CLASS_BYTES",
      "OutOfMemoryError",
      "PAGE_SIZE",
      "allocArray",
      "allocString",
      "blockAt",
      "blocksOf",
      "checkDump",
      "checkHeap",
      "countFindings",
      "describeDump",
      "dumpByteLength",
      "dumpHeap",
      "freeArray",
      "hasCode",
      "heapStats",
      "loadDump",
      "ownerOf",
      "readString",
      "reapSlot",
      "repairDump",
      "repairHeap",
      "slotStats",
      "transferBlock",
      "watchWorker",
    ]);
  });

  it("these constants", () => {
    const { GRANULE, PAGE_SIZE, MAX_CLASS_BYTES, LAYOUT_VERSION } = library;
    expect({ GRANULE, PAGE_SIZE, MAX_CLASS_BYTES, LAYOUT_VERSION }).toEqual({
      GRANULE: 16,
      PAGE_SIZE: 4096,
      MAX_CLASS_BYTES: 32_768,
      LAYOUT_VERSION: 13,
    });
  });

  it("a Heap with these methods", () => {
    const heap = library.Heap.create({ sizeBytes: 1 << 20 });
    const methods = [
      ...Object.getOwnPropertyNames(library.Heap.prototype),
      ...Object.getOwnPropertyNames(Object.getPrototypeOf(library.Heap.prototype)),
      ...Object.keys(heap).filter((key) => typeof heap[key as keyof typeof heap] === "function"),
    ];
    expect(methods.sort()).toEqual([
      "addShrinker",
      "alignedAlloc",
      "alloc",
      "allocAsync",
      "allocWait",
      "buffer",
      "cacheContext",
      "calloc",
      "constructor",
      "constructor",
      "createCache",
      "current",
      "detach",
      "dispose",
      "f64",
      "footprintBytes",
      "free",
      "handle",
      "i32",
      "leave",
      "memoryKind",
      "openCache",
      "orThrow",
      "pathContext",
      "publish",
      "realloc",
      "rebound",
      "requireLeavable",
      "reserve",
      "seen",
      "slot",
      "slowFree",
      "slowRealloc",
      "slowTryAlloc",
      "source",
      "toString",
      "trim",
      "tryAlloc",
      "u32",
      "u8",
      "usableSize",
      "usesFastPath",
      "view",
      "viewAt",
    ]);
    expect(
      Object.getOwnPropertyNames(library.Heap).filter((name) => !["length", "name", "prototype"].includes(name)),
    ).toEqual(["create", "attach", "ofAttachment"]);
  });

  it("a Cache and Pages with these methods", () => {
    const cache = [
      "alloc",
      "allocWait",
      "constructor",
      "destroy",
      "dispose",
      "free",
      "hasConstructor",
      "shrink",
      "stats",
      "tryAlloc",
    ];
    const heap = library.Heap.create({ sizeBytes: 1 << 20 });
    const one = heap.createCache({ name: "one", sizeBytes: 40 });
    expect(Object.getOwnPropertyNames(Object.getPrototypeOf(one)).sort()).toEqual(cache);
    expect(Object.getOwnPropertyNames(Object.getPrototypeOf(heap.pages)).sort()).toEqual([
      "alloc",
      "allocWait",
      "constructor",
      "free",
      "stats",
      "tryAlloc",
    ]);
  });
});

describe("the layouts export", () => {
  it("a version that the document of dumps names", () => {
    const text = readFileSync(new URL("../../../docs/dump-format.md", import.meta.url), "utf8");
    expect(text).toContain(`any table, tag or state changes its meaning | ${layout.LAYOUT_VERSION} |`);
  });

  it("what a tool needs to read a heap, and the values that make the layout what version 13 is", () => {
    const { Header, FrameKind, RunKind, FrameRecord, ZoneRecord, Tag, AreaWord, CacheRecord, SlotRecord } = layout;
    expect(layout).toMatchObject({
      MAGIC: 0x4d454d4b,
      LAYOUT_VERSION: 13,
      BYTE_ORDER_MARK: 0x01020304,
      HEADER_WORDS: 160,
    });
    const [locks, waiting] = [
      [32, 48, 64, 80, 96, 112],
      [128, 132, 133, 134],
    ];
    expect(Object.values(Header)).toEqual([...Array(27).keys(), ...locks, ...waiting, 135, 136, 144]);
    expect(FrameKind).toEqual({ ABSENT: 0, RESERVED: 1, FREE_HEAD: 2, FREE_TAIL: 3, FIRST_RUN: 4, FIRST_CACHE: 16 });
    expect(RunKind).toMatchObject({ PAGES: 4, LARGE_BLOCK: 6, SYSTEM: 8 });
    expect(FrameRecord).toEqual({ NEXT: 0, PREV: 1, COUNT: 2, SLAB_OR_OWNER: 3 });
    expect(ZoneRecord.FREE_COUNT).toBe(ZoneRecord.FREE_LIST + layout.ORDER_COUNT);
    expect(ZoneRecord.SEARCH_FROM).toBe(ZoneRecord.FREE_COUNT + layout.ORDER_COUNT);
    expect(ZoneRecord.SEARCH_FROM + layout.ORDER_COUNT).toBeLessThanOrEqual(layout.ZONE_RECORD_WORDS);
    expect(layout.GROUP_FRAMES).toBe(2 ** layout.GROUP_SHIFT);
    expect(Tag).toEqual({
      NONE: 0,
      LIVE_MAX: 126,
      IN_BARN: 127,
      RESERVED: 128,
      FIRST_CACHED: 129,
      IN_SLAB: 255,
    });
    expect(AreaWord.SAVED).toBe(AreaWord.DUMMY_SHEAF + layout.SENTINEL_WORDS);
    expect(AreaWord.SCRATCH).toBe(AreaWord.PCP + layout.PCP_WORDS);
    expect(CacheRecord.NAME + layout.CACHE_NAME_BYTES / 4).toBeLessThanOrEqual(layout.CACHE_RECORD_WORDS);
    expect(SlotRecord).toMatchObject({ STATE: 0, AREA: 1 });
    expect(layout.MAX_SLOT_COUNT).toBe(Tag.LIVE_MAX);
    expect(layout.CACHE_COUNT_MAX).toBe(240);
  });

  it("predicates and sizes that agree with the tables", () => {
    expect([layout.isLive(0), layout.isLive(1), layout.isLive(126), layout.isLive(127), layout.isLive(255)]).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
    expect(layout.MAX_ORDER_FRAMES).toBe(2 ** layout.MAX_ORDER);
    expect(layout.FRAME_RECORD_BYTES).toBe(4 << layout.FRAME_RECORD_SHIFT);
    expect(layout.PAGE_SIZE).toBe(1 << layout.PAGE_SHIFT);
    expect(layout.GRANULE).toBe(1 << layout.GRANULE_SHIFT);
  });
});

describe("assertions", () => {
  it("are on in every test", () => {
    expect(ASSERTIONS).toBe(true);
    assert(true, "nothing");
    expect(() => assert(false, "water runs uphill")).toThrow("kmem: broken invariant: expected that water runs uphill");
  });
});
