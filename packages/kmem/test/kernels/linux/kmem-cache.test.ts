// What the document leaves open of slab caches: the reference's §6.3 and the vectors of §11.7.

import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, blocksOf, checkHeap, heapStats } from "../../../src/index.ts";
import {
  type CacheFunction,
  GFP_DMA,
  GFP_KERNEL,
  LogRing,
  linux,
  SLAB_ATOMIC,
  SLAB_CACHE_DMA,
  SLAB_DMA,
  SLAB_HWCACHE_ALIGN,
  SLAB_KERNEL,
  SLAB_NO_GROW,
  SLAB_NO_REAP,
  SLAB_POISON,
} from "../../../src/kernels/linux/linux.ts";
import { Peek } from "../../support/peek.ts";
import { asOtherThread, MIB, PAGE, p, TestKernel } from "./support.ts";

let kernel: TestKernel;

beforeEach(() => {
  kernel = new TestKernel();
});

const nothing: CacheFunction = () => {};
const take = (cachep: number, count: number): number[] =>
  Array.from({ length: count }, () => kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL));
const free = (cachep: number, objects: readonly number[]): void => {
  for (const objp of objects) kernel.calls.kmem_cache_free(cachep, objp);
};
const stats = (name: string): { slabs: number; slabPages: number; slabBlocks: number } =>
  kernel.heap.openCache(name).stats();

describe("kmem_cache_create", () => {
  it("takes sizes from a word to 32 pages, and names of up to 18 characters", () => {
    for (const size of [4, 5, 100, 32_768, 32_769, 65_537, 131_072]) {
      const cachep = kernel.cache(`size-${size}-objects`.slice(0, 18), size);
      const objp = kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL);
      expect(kernel.calls.ksize(objp)).toBeGreaterThanOrEqual(size);
      expect(kernel.calls.kmem_cache_size(cachep)).toBe(size);
      kernel.bytes.fill(0xff, objp, objp + size);
      kernel.expectClean();
    }
    expect(kernel.cache("x".repeat(18), 100)).toBeGreaterThan(0);
  });

  it.each<[string, string | null, number, number, number, boolean, string]>([
    ["no name", null, 100, 0, 0, false, "kmem_create: NULL ptr"],
    ["an empty name", "", 100, 0, 0, false, "kmem_create: Illegal name - "],
    ["a name of 19 characters", "x".repeat(19), 100, 0, 0, false, `kmem_create: Name too long - ${"x".repeat(19)}`],
    ["3 bytes", "a", 3, 0, 0, false, "kmem_create: Size too small 3 - a"],
    ["131073 bytes", "a", 131_073, 0, 0, false, "kmem_create: Size too large 131073 - a"],
    ["a destructor alone", "a", 100, 0, 0, true, "kmem_create: Decon but no con - a"],
    ["an offset above the size", "a", 100, 101, 0, false, "kmem_create: Offset weird 101 - a"],
    ["a negative offset", "a", 100, -1, 0, false, "kmem_create: Offset weird -1 - a"],
    ["an unknown flag", "a", 100, 0, 0x8000, false, "kmem_create: Illegal flg 8000 - a"],
    ["a gfp flag", "a", 100, 0, 7, false, "kmem_create: Illegal flg 7 - a"],
    ["a name in use", "taken", 100, 0, 0, false, "kmem_create: Dup name - taken"],
    ["a name of kmalloc's", "kmalloc-64", 64, 0, 0, false, "kmem_create: Dup name - kmalloc-64"],
  ])("refuses %s with NULL", (_what, name, size, offset, flags, hasDtor, message) => {
    kernel.cache("taken", 8);
    const dtor = hasDtor ? nothing : null;
    const call = (): number => kernel.calls.kmem_cache_create(name, size, offset, flags, null, dtor);
    kernel.expectRefusal(call, 0, message);
  });

  it("says what it does to a size that is no multiple of a word, and to poison beside a constructor", () => {
    kernel.calls.kmem_cache_create("odd", 33, 0, SLAB_POISON, nothing, null);
    expect(kernel.printed()).toEqual([
      "kmem_create: Forcing size word alignment - odd",
      "kmem_create: Poisoning requested, but con given - odd",
    ]);
  });

  it("says when there are too many caches", () => {
    const pointers: number[] = [];
    for (let cachep = kernel.cache("c0", 8); cachep !== 0; cachep = kernel.cache(`c${pointers.length}`, 8)) {
      pointers.push(cachep);
    }
    const name = `c${pointers.length}`;
    expect(kernel.printed()).toEqual([`kmem_cache_create: couldn't create cache ${name}.`]);
    kernel.calls.kmem_cache_destroy(pointers[5] as number);
    expect(kernel.cache(name, 8)).toBe(pointers[5]);
  });

  it("aligns with SLAB_HWCACHE_ALIGN to a line, and small objects to the share of one that they fit into", () => {
    const { kmem_cache_create } = kernel.calls;
    const large = kmem_cache_create("large", 80, 0, SLAB_HWCACHE_ALIGN, null, null);
    const small = kmem_cache_create("small", 12, 0, SLAB_HWCACHE_ALIGN, null, null);
    for (const objp of take(large, 100)) expect(objp % 32).toBe(0);
    expect(kernel.heap.openCache("large").stats().blockBytes).toBe(96);
    expect(kernel.heap.openCache("small").stats().blockBytes).toBe(16);
    expect(take(small, 1)[0]).toBeGreaterThan(0);
  });

  it("takes the offset between colours rounded up to the alignment, a line where it is 0", () => {
    const { kmem_cache_create } = kernel.calls;
    const firstOf = (name: string, offset: number, slab: number): number => {
      const cachep = kmem_cache_create(name, 600, offset, 0, null, null);
      const { slabBlocks } = stats(name);
      return Array.from({ length: slab + 1 }, () => Math.min(...take(cachep, slabBlocks)))[slab] as number;
    };
    expect(firstOf("none", 0, 1) % PAGE).toBe(32);
    expect(firstOf("small", 5, 1) % PAGE).toBe(16);
    expect(firstOf("wide", 64, 2) % PAGE).toBe(128);
    expect(firstOf("too-wide", 600, 3) % PAGE).toBe(0);
  });
});

describe("caches with colours", () => {
  it("know every block: free, kfree, blockAt and blocks", () => {
    const cachep = kernel.calls.kmem_cache_create("objects", 600, 32, 0, null, null);
    const objects = take(cachep, 200);
    const listed = [...blocksOf(kernel.heap)].filter(({ cache }) => cache === "objects").map(({ address }) => address);
    expect(listed).toEqual([...objects].sort((one, other) => one - other));
    for (const objp of objects) {
      expect(blockAt(kernel.heap, objp + 607)).toMatchObject({ address: objp, usableBytes: 608, live: true });
    }
    const coloured = Math.min(...objects.slice(20, 40));
    expect(coloured % PAGE).toBe(32);
    expect(blockAt(kernel.heap, coloured - 1)).toBeUndefined();
    for (const objp of objects) kernel.calls.kfree(objp);
    expect(kernel.calls.kmem_cache_shrink(cachep)).toBe(0);
    kernel.expectClean();
  });

  it("are checked: a slab whose frames or colour are not its cache's", () => {
    const cachep = kernel.calls.kmem_cache_create("objects", 600, 32, 0, null, null);
    const [objp = 0] = take(cachep, 40).slice(25);
    const peek = new Peek(kernel.heap);
    const head = peek.frame(Math.floor(objp / PAGE), 3);
    const slab = head & 0xfffff;
    expect(head >>> 20).toBe(2);
    const spoil = (value: number, text: string): void => {
      for (let frame = slab; frame < slab + 3; frame++) peek.words[peek.frameWord(frame, 3)] = value;
      expect(checkHeap(kernel.heap).findings.map(({ problem }) => problem)).toContain(text);
      for (let frame = slab; frame < slab + 3; frame++) peek.words[peek.frameWord(frame, 3)] = head;
      kernel.expectClean();
    };
    spoil(slab | (1 << 20), "the first block of a slab of objects starts at no colour of its cache");
    spoil(slab | (12 << 20), "the first block of a slab of objects starts at no colour of its cache");
    peek.words[peek.frameWord(slab + 1, 3)] = slab;
    const text = "a page of a slab of objects points to another slab";
    expect(checkHeap(kernel.heap).findings.map(({ problem }) => problem)).toContain(text);
  });

  it.each([
    ["FLAGS", 11, 0x80, "its flags are 128"],
    ["COLOURS", 20, 9, "it has 9 colours, not 5"],
    ["COLOUR_BYTES", 21, 24, "its colours are 24 bytes apart"],
    ["COLOUR_NEXT", 22, 5, "its next colour is number 5 of 5"],
  ])("are checked: %s in the record", (_field, word, value, text) => {
    const cachep = kernel.calls.kmem_cache_create("objects", 600, 32, 0, null, null);
    take(cachep, 40);
    new Peek(kernel.heap).words[cachep / 4 + word] = value;
    expect(checkHeap(kernel.heap).findings[0]?.problem).toContain(text);
  });
});

describe("kmem_cache_alloc", () => {
  it("with SLAB_NO_GROW takes only what is there", () => {
    const cachep = kernel.cache("objects", 2000);
    kernel.expectRefusal(() => kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL | SLAB_NO_GROW), 0);
    const [objp = 0] = take(cachep, 1);
    kernel.calls.kmem_cache_free(cachep, objp);
    expect(kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL | SLAB_NO_GROW)).toBe(objp);
  });

  it("refuses flags that are none, and pointers that lead to no cache", () => {
    const cachep = kernel.cache("objects", 2000);
    const { kmem_cache_alloc, kmem_cache_free, kmem_cache_shrink, kmem_cache_destroy } = kernel.calls;
    const refusal = "kmem_cache_alloc: not a combination of flags: 32";
    kernel.expectRefusal(() => kmem_cache_alloc(cachep, 0x20), 0, refusal);
    for (const bad of [0, cachep + 4, cachep + 96, cachep - 73 * 96, -1, 0.5]) {
      const name = bad > 0 && bad !== 0.5 ? p(bad) : bad === 0 ? "00000000" : String(bad);
      kernel.expectRefusal(() => kmem_cache_alloc(bad, SLAB_KERNEL), 0, `kmem_cache_alloc: bad cache pointer ${name}`);
      kernel.expectRefusal(() => kmem_cache_free(bad, 5), undefined, `kmem_cache_free: bad cache pointer ${name}`);
      kernel.expectRefusal(() => kmem_cache_shrink(bad), 2, `kmem_cache_shrink: bad cache pointer ${name}`);
      kernel.expectRefusal(() => kmem_cache_destroy(bad), 1, `kmem_cache_destroy: bad cache pointer ${name}`);
    }
  });

  it("of a cache with SLAB_CACHE_DMA gives objects of the DMA zone, of another refuses SLAB_DMA", () => {
    const dma = new TestKernel({ sizeBytes: 8 * MIB, dmaBytes: 2 * MIB });
    const { kmem_cache_create, kmem_cache_alloc } = dma.calls;
    const low = kmem_cache_create("low", 1000, 0, SLAB_CACHE_DMA, null, null);
    const high = kmem_cache_create("high", 1000, 0, 0, null, null);
    const end = new Peek(dma.heap).firstPageFrame * PAGE + 2 * MIB;
    for (let count = 0; count < 50; count++) {
      expect(kmem_cache_alloc(low, SLAB_KERNEL | SLAB_DMA)).toBeLessThan(end);
      expect(kmem_cache_alloc(high, SLAB_KERNEL)).toBeGreaterThanOrEqual(end);
    }
    const text = "kmem_cache_alloc: the cache high is not of SLAB_CACHE_DMA";
    dma.expectRefusal(() => kmem_cache_alloc(high, GFP_KERNEL | GFP_DMA), 0, text);
    dma.expectClean();
  });
});

describe("shrinking and reaping", () => {
  it("a cache whose slabs are not all empty: 1, and the empty ones are gone", () => {
    const cachep = kernel.cache("objects", 1000);
    const objects = take(cachep, 100);
    const kept = objects.shift() as number;
    free(cachep, objects);
    expect(kernel.calls.kmem_cache_shrink(cachep)).toBe(1);
    expect(stats("objects").slabs).toBe(1);
    kernel.calls.kmem_cache_free(cachep, kept);
    expect(kernel.calls.kmem_cache_shrink(cachep)).toBe(0);
  });

  it("releases four fifths of the empty slabs of the cache with the most, and passes SLAB_NO_REAP over", () => {
    const { kmem_cache_create, kmem_cache_reap } = kernel.calls;
    const kept = kmem_cache_create("kept", 4000, 0, SLAB_NO_REAP, null, null);
    const most = kernel.cache("most", 4000);
    const less = kernel.cache("less", 4000);
    // All are taken before any is freed: growing past its peak, the heap reclaims what lies idle by itself.
    const objects = [kept, most, less].map((cachep, index) => take(cachep, [60, 40, 10][index] as number));
    for (const [index, cachep] of [kept, most, less].entries()) free(cachep, objects[index] as number[]);
    expect(stats("kept").slabs).toBeGreaterThan(stats("most").slabs);
    const [before, untouched] = [stats("most").slabs, [stats("kept").slabs, stats("less").slabs]];
    const released = Math.floor((before * 4 + 1) / 5);
    expect(kmem_cache_reap(GFP_KERNEL)).toBe(released * stats("most").slabPages);
    expect(stats("most").slabs).toBe(before - released);
    expect([stats("kept").slabs, stats("less").slabs]).toEqual(untouched);
    kernel.expectClean();
  });

  it("reaps nothing where nothing is empty", () => {
    take(kernel.cache("objects", 4000), 1);
    kernel.calls.kmem_cache_shrink(kernel.calls.kmem_cache_open("objects"));
    const objects = take(kernel.calls.kmem_cache_open("objects"), stats("objects").slabBlocks - 1);
    expect(objects.every((objp) => objp > 0)).toBe(true);
    expect(kernel.calls.kmem_cache_reap(GFP_KERNEL)).toBe(0);
  });
});

describe("functions of caches and other threads", () => {
  it("a thread that has not named them gets an error when a slab is to be made, NULL, and nothing changes", () => {
    const cachep = kernel.cache("objects", 1000, nothing, nothing);
    const log = new LogRing();
    const other = linux(asOtherThread(kernel.heap), log);
    const before = kernel.bytes.slice();
    expect(other.kmem_cache_alloc(cachep, SLAB_KERNEL)).toBe(0);
    const text = 'the cache "objects" has functions that this thread has not registered';
    expect(log.messages()).toEqual([`kmem_cache_alloc: ${text}`]);
    expect(kernel.bytes).toEqual(before);
    const [objp = 0] = take(cachep, 1);
    other.kmem_cache_free(cachep, objp);
    expect([other.kmem_cache_shrink(cachep), other.kmem_cache_destroy(cachep)]).toEqual([1, 1]);
    expect(log.messages().slice(1)).toEqual([`kmem_cache_shrink: ${text}`, `kmem_cache_destroy: ${text}`]);
    expect(other.kmem_cache_reap(GFP_KERNEL)).toBe(0);
    other.heap.trim();
    expect(stats("objects").slabs).toBe(1);
  });

  it("one that names them makes and releases slabs, and one that names others is refused", () => {
    const cachep = kernel.cache("objects", 1000, nothing, nothing);
    const log = new LogRing();
    const other = linux(asOtherThread(kernel.heap), log);
    expect(other.kmem_cache_open("objects", nothing)).toBe(0);
    expect(other.kmem_cache_open("nobody")).toBe(0);
    expect(log.messages()).toEqual([
      'kmem_cache_open: the cache "objects" was made with other functions than these',
      'kmem_cache_open: there is no cache named "nobody"',
    ]);
    let calls = 0;
    const count = (): void => {
      calls++;
    };
    expect(other.kmem_cache_open("objects", count, count)).toBe(cachep);
    const objp = other.kmem_cache_alloc(cachep, SLAB_KERNEL);
    const { slabBlocks } = stats("objects");
    expect(calls).toBe(slabBlocks);
    other.kmem_cache_free(cachep, objp);
    expect(other.kmem_cache_destroy(cachep)).toBe(0);
    expect(calls).toBe(2 * slabBlocks);
    const text = `kmem_cache_alloc: bad cache pointer ${p(cachep)}`;
    kernel.expectRefusal(() => kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL), 0, text);
  });
});

describe("many objects at once", () => {
  it("kmem_cache_alloc_bulk gives as many as it is asked for, or none", () => {
    const { kmem_cache_alloc_bulk, kmem_cache_free_bulk, kfree, kmalloc } = kernel.calls;
    const cachep = kernel.cache("objects", 1000);
    const objects: number[] = [];
    expect(kmem_cache_alloc_bulk(cachep, SLAB_KERNEL, 50, objects)).toBe(50);
    expect(new Set(objects).size).toBe(50);
    const { liveBlocks } = heapStats(kernel.heap);
    const more: number[] = [];
    expect(kmem_cache_alloc_bulk(cachep, SLAB_ATOMIC, 100_000, more)).toBe(0);
    expect(more).toEqual([]);
    expect(heapStats(kernel.heap).liveBlocks).toBe(liveBlocks);
    expect(kmem_cache_alloc_bulk(cachep, SLAB_KERNEL, 0, more)).toBe(0);
    kmem_cache_free_bulk(cachep, 49, objects);
    kmem_cache_free_bulk(0, 2, [objects[49] as number, kmalloc(10, GFP_KERNEL)]);
    expect(heapStats(kernel.heap).liveBlocks).toBe(0);
    kfree(0);
    kernel.expectClean();
  });
});
