// The second half of document 003, sentence by sentence: the slab allocator.

import { beforeEach, describe, expect, it } from "vitest";
import { heapStats } from "../../../src/index.ts";
import {
  GFP_KERNEL,
  SLAB_ATOMIC,
  SLAB_CTOR_ATOMIC,
  SLAB_CTOR_CONSTRUCTOR,
  SLAB_KERNEL,
} from "../../../src/kernels/linux/linux.ts";
import { PAGE, p, TestKernel } from "./support.ts";

let kernel: TestKernel;

beforeEach(() => {
  kernel = new TestKernel();
});

/** Slabs of the cache with this name. */
const slabsOf = (name: string): number =>
  heapStats(kernel.heap).caches.find((cache) => cache.name === name)?.slabs ?? 0;

const take = (cachep: number, count: number): number[] =>
  Array.from({ length: count }, () => kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL));

const free = (cachep: number, objects: readonly number[]): void => {
  for (const objp of objects) kernel.calls.kmem_cache_free(cachep, objp);
};

describe("SLAB allocator", () => {
  it("Efektywnie przydziela pamięć na obiekty o stałej długości: 1,000 objects of 100 bytes in 28 pages", () => {
    const cachep = kernel.cache("objects", 100);
    const before = kernel.freePages;
    const objects = take(cachep, 1000);
    expect(new Set(objects).size).toBe(1000);
    // 112 bytes an object, and a page for the sheaf.
    expect(before - kernel.freePages).toBeLessThanOrEqual(Math.ceil((1000 * 112) / PAGE) + 3);
    kernel.expectClean();
  });

  it("Przydziela całą stronę i dzieli na fragmenty o zadanej długości: objects of a slab follow each other", () => {
    const cachep = kernel.cache("objects", 256);
    const objects = take(cachep, 16).sort((one, other) => one - other);
    expect(new Set(objects.map((objp) => Math.floor(objp / PAGE))).size).toBe(1);
    expect(objects.map((objp) => objp - (objects[0] as number))).toEqual(objects.map((_, index) => index * 256));
  });

  it("układając je dodatkowo tak, by maksymalnie wykorzystać cache procesora: slabs start a colour further", () => {
    const cachep = kernel.calls.kmem_cache_create("objects", 600, 32, 0, null, null);
    const { slabBlocks, slabPages } = kernel.heap.openCache("objects").stats();
    const unusedBytes = slabPages * PAGE - slabBlocks * 608;
    expect(unusedBytes).toBeGreaterThanOrEqual(64);
    const colours = 1 + Math.floor(unusedBytes / 32);
    const firsts = Array.from({ length: 2 * colours }, () => Math.min(...take(cachep, slabBlocks)) % PAGE);
    expect(firsts).toEqual(firsts.map((_, slab) => (slab % colours) * 32));
    kernel.expectClean();
  });

  it("Przed przydzielaniem pamięci trzeba utworzyć slab cache za pomocą funkcji kmem_cache_create()", () => {
    kernel.expectRefusal(
      () => kernel.calls.kmem_cache_alloc(0, SLAB_KERNEL),
      0,
      "kmem_cache_alloc: bad cache pointer 00000000",
    );
    expect(take(kernel.cache("objects", 100), 1)[0]).toBeGreaterThan(0);
  });

  it("przydzielać/zwalniać obiekty za pomocą kmem_cache_alloc()/void __kmem_cache_free(): both names free", () => {
    const cachep = kernel.cache("objects", 100);
    const [one = 0, other = 0] = take(cachep, 2);
    kernel.calls.__kmem_cache_free(cachep, one);
    kernel.calls.kmem_cache_free(cachep, other);
    expect(heapStats(kernel.heap).liveBlocks).toBe(0);
    expect(take(cachep, 2).sort()).toEqual([one, other].sort());
  });

  it("Po zakończeniu używania slab cache należy je zniszczyć za pomocą kmem_cache_destroy(): 0, all pages back", () => {
    take(kernel.cache("first", 100), 1);
    const before = kernel.freePages;
    const cachep = kernel.cache("objects", 1000);
    free(cachep, take(cachep, 50));
    expect(kernel.freePages).toBeLessThan(before);
    expect(kernel.calls.kmem_cache_destroy(cachep)).toBe(0);
    expect(kernel.freePages).toBe(before);
    const text = `kmem_cache_alloc: bad cache pointer ${p(cachep)}`;
    kernel.expectRefusal(() => kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL), 0, text);
    kernel.expectClean();
  });

  it("zwalnianiem (leniwym) nieużywanej pamięci zajmuje się slab allocator: slabs stay until then", () => {
    const cachep = kernel.cache("objects", 1000);
    const objects = take(cachep, 100);
    const slabs = slabsOf("objects");
    expect(slabs).toBeGreaterThan(10);
    free(cachep, objects);
    expect(slabsOf("objects")).toBe(slabs);
    expect(kernel.calls.kmem_cache_shrink(cachep)).toBe(0);
    expect(slabsOf("objects")).toBe(0);
  });

  it("Pamięć na nowy obiekt jest inicjalizowana za pomocą konstruktora: once an object, when its slab is made", () => {
    const constructed: number[] = [];
    const cachep = kernel.cache("objects", 500, (objp) => {
      constructed.push(objp);
      kernel.bytes[objp] = 42;
    });
    expect(constructed).toEqual([]);
    const objects = take(cachep, 20);
    const { slabs, slabBlocks } = kernel.heap.openCache("objects").stats();
    expect(constructed.length).toBe(slabs * slabBlocks);
    expect(new Set(constructed).size).toBe(constructed.length);
    for (const objp of objects) expect(kernel.bytes[objp]).toBe(42);
    free(cachep, objects);
    for (const objp of take(cachep, 20)) expect(kernel.bytes[objp]).toBe(42);
    expect(constructed.length).toBe(slabs * slabBlocks);
  });

  it("a przed zwolnieniem jest wołany destruktor: for each object of a slab, and not before that slab goes", () => {
    const constructed: number[] = [];
    const destroyed: number[] = [];
    const cachep = kernel.cache(
      "objects",
      500,
      (objp) => constructed.push(objp),
      (objp) => destroyed.push(objp),
    );
    free(cachep, take(cachep, 100));
    expect(destroyed).toEqual([]);
    expect(kernel.calls.kmem_cache_shrink(cachep)).toBe(0);
    expect(destroyed.sort()).toEqual(constructed.sort());
    take(cachep, 1);
    const before = destroyed.length;
    kernel.calls.kmem_cache_shrink(cachep);
    expect(destroyed.length).toBe(before);
    kernel.expectClean();
  });
});

describe("the prototypes", () => {
  it("kmem_cache_create(name, size, offset, flags, ctor, dtor): functions get the object, its cache and flags", () => {
    const calls: [string, number, number][] = [];
    const cachep = kernel.cache(
      "objects",
      2000,
      (_objp, cache, flags) => calls.push(["ctor", cache, flags]),
      (_objp, cache, flags) => calls.push(["dtor", cache, flags]),
    );
    kernel.calls.kmem_cache_free(cachep, kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL));
    expect(new Set(calls.map(String))).toEqual(new Set([`ctor,${cachep},${SLAB_CTOR_CONSTRUCTOR}`]));
    kernel.calls.kmem_cache_shrink(cachep);
    expect(calls.at(-1)).toEqual(["dtor", cachep, 0]);
    calls.length = 0;
    kernel.calls.kmem_cache_alloc(cachep, SLAB_ATOMIC);
    expect(calls[0]).toEqual(["ctor", cachep, SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_ATOMIC]);
  });

  it("int kmem_cache_destroy (kmem_cache_t * cachep): 1 while an object lives, and nothing has changed", () => {
    const cachep = kernel.cache("objects", 100);
    const [objp = 0] = take(cachep, 1);
    const text = `kmem_cache_destroy: Can't free all objects ${p(cachep)}`;
    kernel.expectRefusal(() => kernel.calls.kmem_cache_destroy(cachep), 1, text);
    kernel.calls.kmem_cache_free(cachep, objp);
    expect(kernel.calls.kmem_cache_destroy(cachep)).toBe(0);
  });

  it("void * kmem_cache_alloc (kmem_cache_t *cachep, int flags): NULL when there is no memory", () => {
    const cachep = kernel.cache("objects", 2 * PAGE);
    kernel.takeAllPages();
    expect(kernel.calls.kmem_cache_alloc(cachep, GFP_KERNEL)).toBe(0);
    expect(kernel.printed()).toEqual(["__alloc_pages: 1-order allocation failed."]);
    expect(kernel.calls.kmem_cache_alloc(cachep, SLAB_ATOMIC)).toBeGreaterThan(0);
  });

  it("void kmem_cache_free (kmem_cache_t *cachep, void* objp): refuses what is no live object of the cache", () => {
    const cachep = kernel.cache("objects", 100);
    const other = kernel.cache("others", 100);
    const [objp = 0] = take(cachep, 1);
    const [foreign = 0] = take(other, 1);
    const refuse = (address: number, message: string): void =>
      kernel.expectRefusal(() => kernel.calls.kmem_cache_free(cachep, address), undefined, message);
    refuse(0, "kmem_free: NULL ptr (objp=00000000, name=objects)");
    refuse(objp + 16, `kmem_free: Bad obj addr (objp=${p(objp + 16)}, name=objects)`);
    refuse(12_345, `kmem_free: Bad obj addr (objp=${p(12_345)}, name=objects)`);
    refuse(foreign, "kmem_cache_free: Wrong slab cache. objects but object is from others");
    kernel.calls.kmem_cache_free(cachep, objp);
    refuse(objp, `kmem_free: Double free detected during checks (objp=${p(objp)}, name=objects)`);
  });
});
