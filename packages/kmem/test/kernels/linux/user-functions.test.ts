// Functions of the user's that throw, or call back into what calls them, half-way through a change.

import { beforeEach, describe, expect, it } from "vitest";
import { heapStats } from "../../../src/index.ts";
import { GFP_ATOMIC, GFP_KERNEL, SLAB_KERNEL } from "../../../src/kernels/linux/linux.ts";
import { TestKernel } from "./support.ts";

let kernel: TestKernel;

beforeEach(() => {
  kernel = new TestKernel();
});

describe("functions of a cache", () => {
  const busy = 'the cache "objects" is busy: this thread is in its constructor or destructor';

  it("cannot destroy it: the cache is busy, and serves on", () => {
    const { calls } = kernel;
    const results: number[] = [];
    const destroy = (_objp: number, cachep: number): void => void results.push(calls.kmem_cache_destroy(cachep));
    const cachep = kernel.cache("objects", 500, destroy, destroy);
    const objp = calls.kmem_cache_alloc(cachep, SLAB_KERNEL);
    expect(objp).toBeGreaterThan(0);
    calls.kmem_cache_free(cachep, objp);
    expect(calls.kmem_cache_shrink(cachep)).toBe(0);
    expect(new Set(results)).toEqual(new Set([1]));
    expect(new Set(kernel.printed())).toEqual(new Set([`kmem_cache_destroy: ${busy}`]));
    expect(calls.kmem_cache_destroy(cachep)).toBe(0);
    kernel.expectClean();
  });

  it("may allocate, free and shrink in their own cache each time: a message, and no object lost", () => {
    const { calls } = kernel;
    const greedy = (_objp: number, cachep: number): void => {
      const inner = calls.kmem_cache_alloc(cachep, SLAB_KERNEL);
      if (inner !== 0) calls.kmem_cache_free(cachep, inner);
      calls.kmem_cache_shrink(cachep);
    };
    const cachep = kernel.cache("objects", 500, greedy, greedy);
    const objp = calls.kmem_cache_alloc(cachep, SLAB_KERNEL);
    expect(objp).toBeGreaterThan(0);
    expect(kernel.printed()).toContain(`kmem_cache_alloc: ${busy}`);
    calls.kmem_cache_free(cachep, objp);
    expect(kernel.heap.openCache("objects").stats().liveBlocks).toBe(0);
    kernel.expectClean();
    calls.kmem_cache_shrink(cachep);
    kernel.expectClean();
  });

  it("that throw in a destructor: all have run, the cache is no more, and the first error comes", () => {
    const { calls } = kernel;
    const seen: number[] = [];
    const cachep = kernel.cache(
      "objects",
      500,
      () => {},
      (objp) => {
        seen.push(objp);
        if (seen.length % 2 === 0) throw new RangeError(`object ${seen.length}`);
      },
    );
    const objects = Array.from({ length: 40 }, () => calls.kmem_cache_alloc(cachep, SLAB_KERNEL));
    for (const objp of objects) calls.kmem_cache_free(cachep, objp);
    expect(() => calls.kmem_cache_destroy(cachep)).toThrow("object 2");
    expect(objects.filter((objp) => !seen.includes(objp))).toEqual([]);
    expect(kernel.cache("objects", 64)).toBeGreaterThan(0);
    kernel.expectClean();
  });

  it("that throw in a constructor leave nothing of a bulk behind", () => {
    const { calls } = kernel;
    let count = 0;
    const cachep = kernel.cache(
      "objects",
      500,
      () => {
        if (++count === 30) throw new RangeError("the 30th");
      },
      null,
    );
    const objects: number[] = [];
    expect(() => calls.kmem_cache_alloc_bulk(cachep, SLAB_KERNEL, 40, objects)).toThrow("the 30th");
    expect(objects).toEqual([]);
    expect(kernel.heap.openCache("objects").stats().liveBlocks).toBe(0);
    expect(calls.kmem_cache_alloc_bulk(cachep, SLAB_KERNEL, 40, objects)).toBe(40);
    kernel.expectClean();
  });
});

describe("functions of a mempool", () => {
  it("that throw while it is made: the elements go back, and the pool's block", () => {
    const { calls, heap } = kernel;
    const before = heapStats(heap).liveBlocks;
    const elements = [64, 128];
    const returned: number[] = [];
    const alloc_fn = (): number => {
      const element = elements.shift();
      if (element === undefined) throw new RangeError("no more");
      return element;
    };
    expect(() => calls.mempool_create(3, alloc_fn, (element) => returned.push(element), 0)).toThrow("no more");
    expect(returned.sort((a, b) => a - b)).toEqual([64, 128]);
    expect(heapStats(heap).liveBlocks).toBe(before);
  });

  it("that throw while it ends: every element has gone back, and the first error comes", () => {
    const { calls, heap } = kernel;
    const before = heapStats(heap).liveBlocks;
    const returned: number[] = [];
    const free_fn = (element: number): void => {
      returned.push(element);
      throw new RangeError(`element ${element}`);
    };
    let next = 0;
    const pool = calls.mempool_create(3, () => (next += 64), free_fn, 0);
    expect(() => calls.mempool_destroy(pool)).toThrow("element 192");
    expect(returned).toEqual([192, 128, 64]);
    expect(heapStats(heap).liveBlocks).toBe(before);
  });

  it("that end it, or give it elements, while it ends or serves", () => {
    const { calls, heap } = kernel;
    const before = heapStats(heap).liveBlocks;
    const free_fn = (element: number): void => {
      calls.mempool_destroy(pool);
      calls.mempool_free(element, pool);
    };
    let mode = "fill";
    const alloc_fn = (): number => {
      if (mode === "fill") return 64;
      calls.mempool_destroy(pool);
      return 0;
    };
    const pool: number = calls.mempool_create(2, alloc_fn, free_fn, 0);
    mode = "end";
    expect(calls.mempool_alloc(pool, GFP_ATOMIC)).toBe(0);
    expect(heapStats(heap).liveBlocks).toBe(before);
    mode = "fill";
    const again: number = calls.mempool_create(2, alloc_fn, () => calls.mempool_destroy(again), 0);
    mode = "end";
    calls.mempool_destroy(again);
    expect(heapStats(heap).liveBlocks).toBe(before);
    expect(calls.mempool_alloc(again, GFP_KERNEL)).toBe(0);
    kernel.expectClean();
  });
});
