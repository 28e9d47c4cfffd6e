import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, type CacheOptions, Heap, heapStats } from "../../src/index.ts";
import { CACHE_COUNT_MAX, CLASS_COUNT } from "../../src/layout.ts";
import { expectBytesAddUp, expectClean, expectRefusal } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
});

describe("a cache", () => {
  it.each([
    [1, 16, 16],
    [16, 16, 16],
    [17, 16, 32],
    [40, 8, 48],
    [40, 1, 48],
    [40, 64, 64],
    [100, 128, 128],
    [1000, 4096, 4096],
    [5000, 4096, 8192],
    [32_768, 16, 32_768],
    [30_000, 4096, 32_768],
  ])("of %i bytes aligned to %i has blocks of %i", (sizeBytes, alignmentBytes, blockBytes) => {
    const cache = heap.createCache({ name: "objects", sizeBytes, alignmentBytes });
    expect(cache.name).toBe("objects");
    expect(cache.sizeBytes).toBe(sizeBytes);
    const objects = Array.from({ length: 20 }, () => cache.alloc());
    const bytes = new Uint8Array(heap.buffer);
    for (const [seed, address] of objects.entries()) {
      expect(address % Math.max(16, alignmentBytes)).toBe(0);
      expect(heap.usableSize(address)).toBe(blockBytes);
      fillPattern(bytes, address, address + blockBytes, seed);
    }
    for (const [seed, address] of objects.entries()) {
      expect(patternFault(bytes, address, address + blockBytes, seed)).toBe(-1);
    }
    expect(cache.stats()).toMatchObject({ name: "objects", objectBytes: sizeBytes, blockBytes, liveBlocks: 20 });
    expectClean(heap);
    expectBytesAddUp(heap);
    for (const address of objects) cache.free(address);
    cache.destroy();
    expectClean(heap);
  });

  it("shares no slab with kmalloc or another cache", () => {
    const caches = ["a", "b"].map((name) => heap.createCache({ name, sizeBytes: 64 }));
    const pages = [...caches.map((cache) => cache.alloc()), heap.alloc(64)].map((address) => address >>> 12);
    expect(new Set(pages).size).toBe(3);
    expect(heapStats(heap).caches.map(({ name }) => name)).toEqual(["kmalloc-64", "a", "b"]);
  });

  it("frees its objects through heap.free as well, and reallocs them into kmalloc", () => {
    const cache = heap.createCache({ name: "objects", sizeBytes: 100 });
    const [first, second] = [cache.alloc(), cache.alloc()];
    heap.free(first);
    const moved = heap.realloc(second, 500);
    expect(blockAt(heap, moved)?.cache).toBe("kmalloc-512");
    expect(cache.stats().liveBlocks).toBe(0);
    heap.free(moved);
    expectClean(heap);
  });

  it("gives its pages back on shrink, and those only that are empty", () => {
    const cache = heap.createCache({ name: "objects", sizeBytes: 1000 });
    const objects = Array.from({ length: 200 }, () => cache.alloc());
    const kept = objects.shift() as number;
    for (const address of objects) cache.free(address);
    const { freePageBytes } = heapStats(heap).bytes;
    const pages = cache.shrink();
    expect(pages).toBeGreaterThan(0);
    expect(heapStats(heap).bytes.freePageBytes).toBe(freePageBytes + pages * 4096);
    expect(cache.stats()).toMatchObject({ slabs: 1, liveBlocks: 1, sheafBlocks: 0 });
    expect(cache.shrink()).toBe(0);
    cache.free(kept);
    expect(cache.shrink()).toBe(cache.stats().slabPages);
    expect(cache.stats()).toMatchObject({ slabs: 0, liveBlocks: 0, sheafBlocks: 0, freeBlocks: 0 });
    expectClean(heap);
  });

  it("cannot be destroyed while an object lives, and loses nothing by the attempt", () => {
    const cache = heap.createCache({ name: "objects", sizeBytes: 100 });
    const objects = Array.from({ length: 50 }, () => cache.alloc());
    for (const [index, address] of objects.entries()) {
      const text = `cannot destroy the cache "objects": ${50 - index} objects are live`;
      expect(() => cache.destroy()).toThrow(text);
      expect(blockAt(heap, address)?.live).toBe(true);
      cache.free(address);
    }
    cache.destroy();
    expect(heapStats(heap).caches).toEqual([]);
    expectClean(heap);
  });

  it("is of no use once it is destroyed", () => {
    const cache = heap.createCache({ name: "objects", sizeBytes: 100 });
    cache.free(cache.alloc());
    cache.destroy();
    const text = 'the cache "objects" was destroyed';
    for (const action of [
      () => cache.alloc(),
      () => cache.tryAlloc(),
      () => cache.free(4096),
      () => cache.stats(),
      () => cache.shrink(),
      () => cache.destroy(),
    ]) {
      expectRefusal(heap, action, "BAD_ARGUMENT", text);
    }
    cache.free(0);
  });

  it("does not reach into the cache that took its place", () => {
    const old = heap.createCache({ name: "old", sizeBytes: 100 });
    old.destroy();
    const cache = heap.createCache({ name: "new", sizeBytes: 100 });
    const object = cache.alloc();
    heap.free(cache.alloc());
    expect(() => old.alloc()).toThrow('the cache "old" was destroyed');
    expect(() => old.free(object)).toThrow('the cache "old" was destroyed');
    expect(blockAt(heap, object)?.live).toBe(true);
    expectClean(heap);
  });

  it("can take the place of one of another size many times", () => {
    for (let turn = 0; turn < 40; turn++) {
      const sizeBytes = 1 + ((turn * 997) % 4000);
      const cache = heap.createCache({ name: "again", sizeBytes });
      const objects = Array.from({ length: 150 }, () => cache.alloc());
      for (const address of objects) new Uint8Array(heap.buffer).fill(0xff, address, address + sizeBytes);
      for (const address of objects) cache.free(address);
      expectClean(heap);
      cache.destroy();
    }
    expect(heapStats(heap).liveBlocks).toBe(0);
  });
});

describe("createCache", () => {
  const limit = CACHE_COUNT_MAX - CLASS_COUNT;

  it("makes as many caches as the table holds, and says when there is no room", () => {
    const caches = Array.from({ length: limit }, (_, index) =>
      heap.createCache({ name: `cache-${index}`, sizeBytes: 8 }),
    );
    const objects = caches.map((cache) => cache.alloc());
    expect(new Set(objects).size).toBe(limit);
    for (const [index, address] of objects.entries()) expect(blockAt(heap, address)?.cache).toBe(`cache-${index}`);
    const action = (): unknown => heap.createCache({ name: "one more", sizeBytes: 8 });
    expectRefusal(heap, action, "TOO_MANY_CACHES", `there is no room for more than ${limit} caches`);
    expectClean(heap);
    expectBytesAddUp(heap);
    for (const [index, cache] of caches.entries()) cache.free(objects[index] as number);
    caches[77]?.destroy();
    const next = heap.createCache({ name: "one more", sizeBytes: 80 });
    expect(blockAt(heap, next.alloc())?.usableBytes).toBe(80);
    expectClean(heap);
  });

  it("takes names of 1 to 32 printable characters", () => {
    for (const name of ["x", "a name with spaces", "~!@#$%^&*()_+", "x".repeat(32)]) {
      expect(heap.createCache({ name, sizeBytes: 8 }).stats().name).toBe(name);
    }
  });

  it("frees the name with the cache", () => {
    heap.createCache({ name: "name", sizeBytes: 8 }).destroy();
    expect(heap.createCache({ name: "name", sizeBytes: 80 }).stats().blockBytes).toBe(80);
  });

  const name = "objects";
  it.each<[string, unknown, string, string]>([
    ["an empty name", { name: "", sizeBytes: 8 }, "BAD_ARGUMENT", 'unlike ""'],
    ["a name of 33", { name: "x".repeat(33), sizeBytes: 8 }, "BAD_ARGUMENT", "has 1 to 32 printable ASCII characters"],
    ["a name with a line break", { name: "a\nb", sizeBytes: 8 }, "BAD_ARGUMENT", "printable ASCII"],
    ["a name beyond ASCII", { name: "größe", sizeBytes: 8 }, "BAD_ARGUMENT", 'unlike "größe"'],
    ["no name", { sizeBytes: 8 }, "BAD_ARGUMENT", "a cache's name has 1 to 32 printable ASCII characters"],
    ["a number as name", { name: 5, sizeBytes: 8 }, "BAD_ARGUMENT", "a cache's name has 1 to 32 printable ASCII"],
    ["objects of 0 bytes", { name, sizeBytes: 0 }, "BAD_SIZE", "objects of a cache have 1 to 131072 bytes, not 0"],
    ["objects of -1 bytes", { name, sizeBytes: -1 }, "BAD_SIZE", "not -1"],
    ["objects of 1.5 bytes", { name, sizeBytes: 1.5 }, "BAD_SIZE", "not 1.5"],
    ["objects of NaN bytes", { name, sizeBytes: Number.NaN }, "BAD_SIZE", "not NaN"],
    ["objects too large", { name, sizeBytes: 131_073 }, "BAD_SIZE", "not 131073"],
    ["a size in words", { name, sizeBytes: "8" }, "BAD_SIZE", 'not "8"'],
    ["no size", { name }, "BAD_SIZE", "not undefined"],
    [
      "an alignment of 3",
      { name, sizeBytes: 8, alignmentBytes: 3 },
      "BAD_ALIGNMENT",
      "a power of two up to 4096, not 3",
    ],
    ["an alignment of 0", { name, sizeBytes: 8, alignmentBytes: 0 }, "BAD_ALIGNMENT", "not 0"],
    ["an alignment of 8192", { name, sizeBytes: 8, alignmentBytes: 8192 }, "BAD_ALIGNMENT", "not 8192"],
    ["an alignment of NaN", { name, sizeBytes: 8, alignmentBytes: Number.NaN }, "BAD_ALIGNMENT", "not NaN"],
  ])("refuses %s", (_name, options, code, text) => {
    expectRefusal(heap, () => heap.createCache(options as CacheOptions), code, text);
    expectClean(heap);
  });

  it("refuses a name that is taken, by whatever Heap object", () => {
    heap.createCache({ name: "taken", sizeBytes: 8 });
    for (const subject of [heap, Heap.attach(heap.source)]) {
      const action = (): unknown => subject.createCache({ name: "taken", sizeBytes: 99 });
      expectRefusal(heap, action, "CACHE_EXISTS", 'a cache named "taken" exists already');
    }
  });

  it("refuses the names of kmalloc's own caches", () => {
    const action = (): unknown => heap.createCache({ name: "kmalloc-64", sizeBytes: 8 });
    expectRefusal(heap, action, "CACHE_EXISTS", 'a cache named "kmalloc-64" exists already');
  });
});

describe("a cache with a name like that of something else", () => {
  it("still refuses what is not its own", () => {
    const cache = heap.createCache({ name: "pages", sizeBytes: 8 });
    const run = heap.alloc(50_000);
    expect(blockAt(heap, run)?.cache).toBe("pages");
    expectRefusal(heap, () => cache.free(run), "INVALID_FREE", 'it belongs to pages, not to the cache "pages"');
    expect(blockAt(heap, run)?.live).toBe(true);
  });
});
