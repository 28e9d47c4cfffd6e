// Constructors and destructors in the heap's own caches, beneath the face.
import { beforeEach, describe, expect, it } from "vitest";
import { type Cache, Heap, heapStats } from "../../../src/index.ts";
import { expectClean, expectRefusal } from "../../support/expectations.ts";
import { asOtherThread, MIB } from "./support.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
});

describe("a cache with functions", () => {
  it("gives each object to the constructor and the destructor once a life", () => {
    const alive = new Set<number>();
    const cache = heap.createCache({
      name: "objects",
      sizeBytes: 200,
      construct: (address) => {
        expect(alive.has(address)).toBe(false);
        alive.add(address);
      },
      destruct: (address) => expect(alive.delete(address)).toBe(true),
    });
    for (let turn = 0; turn < 3; turn++) {
      const objects = Array.from({ length: 300 }, () => cache.alloc());
      expect(objects.every((address) => alive.has(address))).toBe(true);
      for (const address of objects) cache.free(address);
      expectClean(heap);
      cache.shrink();
      expect(alive.size).toBe(0);
    }
    cache.destroy();
    expectClean(heap);
  });

  it("that throws in its constructor changes nothing but what the constructor did, and serves the next time", () => {
    let isBroken = true;
    const cache = heap.createCache({
      name: "objects",
      sizeBytes: 500,
      construct: () => {
        if (isBroken) throw new RangeError("not now");
      },
    });
    const free = heapStats(heap).bytes.freePageBytes;
    expect(() => cache.alloc()).toThrow("not now");
    // The page of the cache's sheaf stays.
    expect(free - heapStats(heap).bytes.freePageBytes).toBeLessThanOrEqual(4096);
    const { pages, freePages } = { pages: heap.pages.stats(), freePages: heapStats(heap).bytes.freePageBytes };
    expect(() => cache.tryAlloc()).toThrow("not now");
    expect(heapStats(heap).bytes.freePageBytes).toBe(freePages);
    expect(heap.pages.stats()).toEqual(pages);
    expectClean(heap);
    isBroken = false;
    expect(cache.alloc()).toBeGreaterThan(0);
    expectClean(heap);
  });

  it("that throws in its destructor loses no page", () => {
    let isBroken = true;
    const cache = heap.createCache({
      name: "objects",
      sizeBytes: 500,
      construct: () => {},
      destruct: () => {
        if (isBroken) throw new RangeError("not now");
      },
    });
    const free = heapStats(heap).bytes.freePageBytes;
    cache.free(cache.alloc());
    expect(() => cache.shrink()).toThrow("not now");
    expectClean(heap);
    expect(cache.stats().slabs).toBe(0);
    expect(free - heapStats(heap).bytes.freePageBytes).toBe(4096);
    isBroken = false;
    cache.destroy();
  });

  it("may allocate and free in them, from any cache but its own", () => {
    const inner = heap.createCache({ name: "inner", sizeBytes: 48 });
    const parts = new Map<number, number>();
    const cache = heap.createCache({
      name: "outer",
      sizeBytes: 300,
      construct: (address) => {
        parts.set(address, inner.alloc());
        heap.free(heap.alloc(5000));
      },
      destruct: (address) => inner.free(parts.get(address) as number),
    });
    const objects = Array.from({ length: 200 }, () => cache.alloc());
    expect(inner.stats().liveBlocks).toBe(cache.stats().slabs * cache.stats().slabBlocks);
    expectClean(heap);
    for (const address of objects) cache.free(address);
    heap.trim();
    expect(inner.stats().liveBlocks).toBe(0);
    expectClean(heap);
  });

  it("may free and take its own objects in the constructor", () => {
    let cache: Cache | undefined;
    let isNested = false;
    cache = heap.createCache({
      name: "objects",
      sizeBytes: 300,
      construct: () => {
        if (isNested || cache === undefined) return;
        isNested = true;
        cache.free(cache.alloc());
      },
    });
    const objects = Array.from({ length: 100 }, () => cache.alloc());
    expect(new Set(objects).size).toBe(100);
    expectClean(heap);
    for (const address of objects) cache.free(address);
    expect(heapStats(heap).liveBlocks).toBe(0);
    expectClean(heap);
  });

  it.each(["constructor", "destructor"])("cannot be destroyed in its own %s, and no page is lost", (where) => {
    const free = heapStats(heap).bytes.freePageBytes;
    const refusals: unknown[] = [];
    const destroy = (): void => {
      try {
        cache.destroy();
      } catch (error) {
        refusals.push((error as { code: string }).code);
      }
    };
    const functions = where === "constructor" ? { construct: destroy } : { destruct: destroy };
    const cache: Cache = heap.createCache({ name: "objects", sizeBytes: 300, ...functions });
    const object = cache.alloc();
    expectClean(heap);
    cache.free(object);
    cache.shrink();
    expect(new Set(refusals)).toEqual(new Set(["CACHE_BUSY"]));
    cache.destroy();
    expectClean(heap);
    expect(free - heapStats(heap).bytes.freePageBytes).toBeLessThanOrEqual(4096);
    expect(() => cache.alloc()).toThrow("was destroyed");
  });

  it("runs all destructors of all slabs when some throw, and throws the first error", () => {
    let calls = 0;
    const cache = heap.createCache({
      name: "objects",
      sizeBytes: 500,
      destruct: () => {
        if (++calls % 3 === 0) throw new RangeError(`call ${calls}`);
      },
    });
    for (const end of [() => cache.shrink(), () => heap.trim(), () => cache.destroy()]) {
      for (const address of Array.from({ length: 50 }, () => cache.alloc())) cache.free(address);
      calls = 0;
      expect(end).toThrow("call 3");
      expect(calls).toBeGreaterThanOrEqual(50);
      expectClean(heap);
      expect(calls % 3).toBeGreaterThanOrEqual(0);
    }
    expect(() => cache.alloc()).toThrow("was destroyed");
    expect(heap.createCache({ name: "objects", sizeBytes: 64 }).alloc()).toBeGreaterThan(0);
  });

  it("gives the pages of other caches back though a destructor throws, and so do shrinkers", () => {
    const failing = heap.createCache({
      name: "failing",
      sizeBytes: 500,
      destruct: () => {
        throw new RangeError("not now");
      },
    });
    const other = heap.createCache({ name: "other", sizeBytes: 500, destruct: () => {} });
    for (const cache of [failing, other]) cache.free(cache.alloc());
    expect(() => heap.trim()).toThrow("not now");
    for (const cache of [failing, other]) expect(cache.stats().slabs).toBe(0);
    const asked: string[] = [];
    for (const name of ["one", "two"]) {
      heap.addShrinker({
        name,
        count: () => {
          asked.push(name);
          throw new RangeError(name);
        },
        scan: () => 0,
      });
    }
    expect(() => heap.alloc(64 * MIB)).toThrow();
    expect(asked).toEqual(["one", "two"]);
    expectClean(heap);
  });

  it("destructs what its constructor had made before it threw", () => {
    const alive = new Set<number>();
    let calls = 0;
    const cache = heap.createCache({
      name: "objects",
      sizeBytes: 500,
      construct: (address) => {
        if (++calls === 4) throw new RangeError("not now");
        alive.add(address);
      },
      destruct: (address) => expect(alive.delete(address)).toBe(true),
    });
    expect(() => cache.alloc()).toThrow("not now");
    expect(calls).toBe(4);
    expect(alive.size).toBe(0);
    expectClean(heap);
    cache.free(cache.alloc());
    cache.destroy();
    expect(alive.size).toBe(0);
  });

  it("may take objects of its own in its functions each time, within bounds", () => {
    const cache: Cache = heap.createCache({ name: "objects", sizeBytes: 300, construct: () => void cache.tryAlloc() });
    expect(() => cache.alloc()).toThrow('the cache "objects" is busy');
    expectClean(heap);
    let count = 0;
    const busy: Cache = heap.createCache({
      name: "busy",
      sizeBytes: 300,
      destruct: () => {
        count++;
        busy.free(busy.alloc());
        expect(busy.shrink()).toBe(0);
      },
    });
    busy.free(busy.alloc());
    busy.shrink();
    expect(count).toBe(busy.stats().slabBlocks);
    expectClean(heap);
  });

  it("of another thread throws NO_CONSTRUCTOR before anything changes", () => {
    heap.createCache({ name: "objects", sizeBytes: 300, construct: () => {} });
    const other = asOtherThread(heap);
    const cache = other.openCache("objects");
    const text = 'the cache "objects" has functions that this thread has not registered';
    expectRefusal(other, () => cache.alloc(), "NO_CONSTRUCTOR", text);
    expectRefusal(other, () => cache.tryAlloc(), "NO_CONSTRUCTOR", text);
    expectRefusal(other, () => cache.shrink(), "NO_CONSTRUCTOR", text);
    expectRefusal(other, () => cache.destroy(), "NO_CONSTRUCTOR", text);
    expectRefusal(other, () => other.openCache("kmalloc-64"), "BAD_ARGUMENT", "there is no cache named");
    expectRefusal(other, () => other.openCache("objects", { destruct: () => {} }), "BAD_ARGUMENT", "other functions");
    const named = other.openCache("objects", { construct: () => {} });
    expect(named.alloc()).toBeGreaterThan(0);
  });

  it("is not mistaken for a later cache of the same number", () => {
    let calls = 0;
    const count = (): void => {
      calls++;
    };
    heap.createCache({ name: "objects", sizeBytes: 300, construct: count });
    const other = asOtherThread(heap);
    other.openCache("objects", { construct: count }).destroy();
    const later = other.createCache({ name: "later", sizeBytes: 300, construct: () => {} });
    const stale = heap.openCache("later");
    expectRefusal(heap, () => stale.alloc(), "NO_CONSTRUCTOR", 'the cache "later" has functions');
    later.alloc();
    expect(calls).toBe(0);
  });

  it("keeps working while memory grows under its constructor", () => {
    const growing = Heap.create({ sizeBytes: MIB, maximumBytes: 16 * MIB, shared: false });
    const held: number[] = [];
    const cache = growing.createCache({
      name: "objects",
      sizeBytes: 2000,
      construct: (address) => {
        held.push(growing.alloc(20_000));
        new Uint8Array(growing.buffer)[address] = 7;
      },
      destruct: () => growing.free(held.pop() as number),
    });
    const objects = Array.from({ length: 200 }, () => cache.alloc());
    for (const address of objects) expect(new Uint8Array(growing.buffer)[address]).toBe(7);
    expectClean(growing);
    for (const address of objects) cache.free(address);
    cache.destroy();
    expect(held).toEqual([]);
    expectClean(growing);
  });
});

describe("a cache with colours", () => {
  it.each([
    [600, 16, 32],
    [600, 64, 100],
    [1000, 16, 16],
    [131_072, 16, 4096],
    [3000, 256, 300],
  ])(
    "of %i bytes aligned to %i, %i bytes apart, keeps blocks aligned, apart and inside",
    (sizeBytes, alignmentBytes, colourBytes) => {
      const cache = heap.createCache({ name: "objects", sizeBytes, alignmentBytes, colourBytes });
      const objects: number[] = [];
      while (objects.length < 400) {
        const address = cache.tryAlloc();
        if (address === 0) break;
        objects.push(address);
      }
      objects.sort((one, other) => one - other);
      for (const [index, address] of objects.entries()) {
        expect(address % alignmentBytes).toBe(0);
        expect(address + sizeBytes).toBeLessThanOrEqual(objects[index + 1] ?? 4 * MIB);
      }
      expectClean(heap);
      for (const address of objects) cache.free(address);
      expectClean(heap);
      cache.destroy();
      expect(heapStats(heap).liveBlocks).toBe(0);
    },
  );

  it("refuses distances that are none", () => {
    for (const colourBytes of [-1, 1.5, Number.NaN, 131_073]) {
      const action = (): unknown => heap.createCache({ name: "objects", sizeBytes: 100, colourBytes });
      expectRefusal(heap, action, "BAD_ARGUMENT", `colours are 0 to 131072 bytes apart, not ${colourBytes}`);
    }
    const action = (): unknown => heap.createCache({ name: "objects", sizeBytes: 100, ownerFlags: 2 ** 23 });
    expectRefusal(heap, action, "BAD_ARGUMENT", "the flags of a cache's maker are 0 to 8388607, not 8388608");
  });
});
