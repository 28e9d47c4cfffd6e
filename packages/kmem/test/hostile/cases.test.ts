import { beforeEach, describe, expect, it } from "vitest";
import { checkHeap, Heap, heapStats, KmemError } from "../../src/index.ts";
import { GFP_KERNEL, LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { Nodes } from "../../src/nodes/index.ts";

const PAGE = 4096;

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof KmemError) return error.code;
    throw error;
  }
  return undefined;
}

/** Becomes the number that it is given, and counts how often. */
function convertible(number: number): { valueOf(): number; readonly conversions: number } {
  let conversions = 0;
  return {
    valueOf: () => {
      conversions++;
      return number;
    },
    get conversions() {
      return conversions;
    },
  };
}

describe("what is no number", () => {
  let heap: Heap;
  beforeEach(() => {
    heap = Heap.create({ sizeBytes: 2 ** 20 });
    heap.free(heap.alloc(64));
  });

  it.each([
    ["a BigInt", 10n],
    ["a symbol", Symbol("s")],
  ])("%s is BAD_SIZE and INVALID_FREE", (_name, value) => {
    const wrong = value as never;
    expect(codeOf(() => heap.alloc(wrong))).toBe("BAD_SIZE");
    expect(codeOf(() => heap.tryAlloc(wrong))).toBe("BAD_SIZE");
    expect(codeOf(() => heap.calloc(wrong, wrong))).toBe("BAD_SIZE");
    expect(codeOf(() => heap.realloc(wrong, 8))).toBe("INVALID_ADDRESS");
    expect(codeOf(() => heap.alignedAlloc(wrong, 8))).toBe("BAD_ALIGNMENT");
    expect(codeOf(() => heap.free(wrong))).toBe("INVALID_FREE");
  });

  it("is no size or address either where it would become one, however often it is asked", () => {
    const block = heap.alloc(64);
    expect(codeOf(() => heap.alloc(convertible(64) as never))).toBe("BAD_SIZE");
    expect(codeOf(() => heap.free(convertible(block) as never))).toBe("INVALID_FREE");
    expect(codeOf(() => heap.pages.free(convertible(block) as never, 1))).toBe("INVALID_FREE");
    expect(heap.usableSize(block)).toBe(64);
  });

  it("leaves no lock held, and the heap works on", () => {
    const cache = heap.createCache({ name: "c", sizeBytes: 48, keepsSlabs: true });
    for (const object of Array.from({ length: 500 }, () => cache.alloc())) cache.free(object);
    expect(codeOf(() => cache.shrink(Symbol("x") as never))).toBe("BAD_ARGUMENT");
    const run = heap.pages.alloc(3);
    const half = { valueOf: () => 1, toString: () => Symbol("x") };
    expect(codeOf(() => heap.pages.free(run, half as never))).toBe("INVALID_FREE");
    expect(cache.shrink()).toBeGreaterThan(0);
    expect(heap.pages.tryAlloc(5)).not.toBe(0);
    expect(checkHeap(heap).findings).toEqual([]);
  });
});

describe("pages", () => {
  const heaps: readonly (readonly [string, () => Heap])[] = [
    ["a heap that does not grow", () => Heap.create({ sizeBytes: 2 ** 20 })],
    ["a heap that grows", () => Heap.create({ sizeBytes: 2 ** 20, maximumBytes: 2 ** 22 })],
    [
      "a heap in memory that is not shared",
      () => Heap.create({ sizeBytes: 2 ** 20, maximumBytes: 2 ** 22, shared: false }),
    ],
  ];
  const more = [2 ** 20, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e20, Number.MAX_VALUE];

  it.each(heaps)("of more than %s can ever have are out of memory at once", (_name, make) => {
    const heap = make();
    const before = new Uint8Array(heap.buffer).slice();
    for (const count of more) {
      expect(heap.pages.tryAlloc(count)).toBe(0);
      expect(heap.pages.tryAlloc(2, { alignmentBytes: PAGE * 2 ** 40 })).toBe(0);
      expect(heap.pages.tryAlloc(count, { reserve: true })).toBe(0);
      expect(codeOf(() => heap.pages.allocWait(count))).toBe("OUT_OF_MEMORY");
      expect(codeOf(() => heap.pages.free(PAGE, count))).toBe("INVALID_FREE");
    }
    expect(Buffer.compare(new Uint8Array(heap.buffer), before)).toBe(0);
    expect(heap.pages.tryAlloc(4)).not.toBe(0);
  });

  it("are waited for by nobody who could never get them, though other threads are there", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    heap.reserve();
    expect(codeOf(() => heap.pages.allocWait(1e20))).toBe("OUT_OF_MEMORY");
  });
});

describe("options", () => {
  it.each([
    ["create", () => Heap.create((2 ** 20) as never)],
    ["create, a misspelt one", () => Heap.create({ size: 2 ** 20 } as never)],
    ["attach", () => Heap.attach(Heap.create({ sizeBytes: 2 ** 20 }).handle, "0" as never)],
    ["createCache", () => Heap.create().createCache({ name: "a", sizeBytes: 8, ctor: () => {} } as never)],
    ["pages.alloc", () => Heap.create().pages.alloc(1, { DMA: true } as never)],
    ["Nodes.create", () => Nodes.create([{ sizeBytes: 2 ** 20 }] as never)],
    [
      "a constructor that is no function",
      () => Heap.create().createCache({ name: "a", sizeBytes: 8, construct: 1 as never }),
    ],
  ])("that are none are refused by %s, and make no heap of the default size", (_name, call) => {
    expect(codeOf(call)).toBe("BAD_ARGUMENT");
  });
});

describe("a cache with live objects", () => {
  it("is not destroyed, and not one byte changes", () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    const cache = heap.createCache({ name: "c", sizeBytes: 48 });
    cache.free(cache.alloc());
    const live = cache.alloc();
    const before = new Uint8Array(heap.buffer).slice();
    expect(codeOf(() => cache.destroy())).toBe("CACHE_BUSY");
    expect(Buffer.compare(new Uint8Array(heap.buffer), before)).toBe(0);
    cache.free(live);
    cache.destroy();
    expect(checkHeap(heap).findings).toEqual([]);
  });
});

describe("functions of caches in kmem/linux", () => {
  it("are NULL as 0 and when they are left out, and refused where they are something else", () => {
    const log = new LogRing(undefined, 4);
    const kernel = linux(Heap.create({ sizeBytes: 2 ** 20 }), log);
    expect(kernel.kmem_cache_create("zero", 64, 0, 0, 0 as never, 0 as never)).not.toBe(0);
    expect(kernel.kmem_cache_create("left out", 64, 0, 0, undefined as never, undefined as never)).not.toBe(0);
    expect(kernel.kmem_cache_create("five", 64, 0, 0, 5 as never, null)).toBe(0);
    expect(log.messages()).toEqual(["kmem_create: ctor is no function: 5"]);
  });

  it("that throw while a mempool is filled leave nothing of it", () => {
    const kernel = linux(Heap.create({ sizeBytes: 2 ** 20 }), new LogRing(undefined, 4));
    const live = heapStats(kernel.heap).liveBlocks;
    let calls = 0;
    const alloc = (mask: number): number => {
      if (++calls === 3) throw new Error("mine");
      return kernel.kmalloc(32, mask);
    };
    expect(() => kernel.mempool_create(4, alloc, (element) => kernel.kfree(element), 0)).toThrow("mine");
    expect(heapStats(kernel.heap).liveBlocks).toBe(live);
    expect(kernel.kmalloc(32, GFP_KERNEL)).not.toBe(0);
  });
});
