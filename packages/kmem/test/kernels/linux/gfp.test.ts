// The flags of a gfp_mask: what each of them may do to get memory. Those that Linux 2.4 had not: the reference's §7.7.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { layersOf } from "../../../src/heap/access.ts";
import { type Heap, KmemError } from "../../../src/index.ts";
import * as face from "../../../src/kernels/linux/linux.ts";
import {
  __GFP_HIGHMEM,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_THISNODE,
  __GFP_WAIT,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_KERNEL,
  GFP_NOFAIL,
  GFP_NOWAIT,
  GFP_ZERO,
  LogRing,
  linux,
} from "../../../src/kernels/linux/linux.ts";
import { thrownBy } from "../../support/expectations.ts";
import { useTestClock } from "../../support/test-clock.ts";
import { asOtherThread, MIB, PAGE, p, TestKernel } from "./support.ts";

let kernel: TestKernel;

beforeEach(() => {
  kernel = new TestKernel();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Everything that takes a mask, as one call that gives an address or NULL. */
const ways: readonly (readonly [string, (mask: number) => number])[] = [
  ["kmalloc", (mask) => kernel.calls.kmalloc(3000, mask)],
  ["kmalloc of pages", (mask) => kernel.calls.kmalloc(100_000, mask)],
  ["__get_free_pages", (mask) => kernel.calls.__get_free_pages(mask, 1)],
  ["alloc_pages_exact", (mask) => kernel.calls.alloc_pages_exact(3 * PAGE, mask)],
  ["kmem_cache_alloc", (mask) => kernel.calls.kmem_cache_alloc(kernel.calls.kmem_cache_open("objects"), mask)],
];

/** Takes all memory but the reserve, with a cache to allocate from. */
function exhaust(): number[] {
  const cachep = kernel.cache("objects", 2 * PAGE);
  // So that the cache has its sheaf.
  kernel.calls.kmem_cache_free(cachep, kernel.calls.kmem_cache_alloc(cachep, GFP_KERNEL));
  kernel.calls.kmem_cache_shrink(cachep);
  // So that nothing lies in this slot's caches.
  kernel.heap.trim();
  const pages = kernel.takeAllPages();
  kernel.printed();
  return pages;
}

/** Adds a shrinker that gives these pages back, a batch of them at a time; says how often it was asked. */
function addShrinker(heap: Heap, pages: number[]): () => number {
  let calls = 0;
  heap.addShrinker({
    name: "pages",
    count: () => {
      calls++;
      return pages.length;
    },
    scan: (objects) => {
      const given = pages.splice(0, objects);
      for (const page of given) heap.pages.free(page, 1);
      return given.length;
    },
  });
  return () => calls;
}

describe("the values", () => {
  it("of flags that 2.4 had not are no values of 2.4's, nor of SLAB_ flags, nor of each other", () => {
    const later = [__GFP_ZERO, __GFP_NOWARN, __GFP_NORETRY, __GFP_NOFAIL, __GFP_THISNODE];
    const known = face.CREATE_MASK | face.SLAB_NO_GROW | 0x1f;
    for (const [index, flag] of later.entries()) {
      expect(Math.log2(flag) % 1).toBe(0);
      expect(flag & known).toBe(0);
      expect(later.indexOf(flag)).toBe(index);
    }
    expect(face.GFP_MASK & known).toBe(0x1f);
    expect([GFP_NOFAIL, GFP_ZERO]).toEqual([GFP_KERNEL | __GFP_NOFAIL, __GFP_ZERO]);
    expect(GFP_NOWAIT & (__GFP_WAIT | face.__GFP_HIGH)).toBe(0);
  });

  it.each([0x20, 0x1000, 0x20_0000, 0x8000])("0x%s is no flag", (flag) => {
    const text = `not a combination of flags: ${flag | GFP_KERNEL}`;
    kernel.expectRefusal(() => kernel.calls.kmalloc(10, flag | GFP_KERNEL), 0, `kmalloc: ${text}`);
    kernel.expectRefusal(() => kernel.calls.__get_free_pages(flag | GFP_KERNEL, 0), 0, `__get_free_pages: ${text}`);
    kernel.expectRefusal(() => kernel.calls.kvmalloc(10, flag | GFP_KERNEL), 0, `kvmalloc: ${text}`);
  });
});

describe("a caller that must not wait", () => {
  it.each(ways)("with GFP_ATOMIC gets the reserve from %s, and no shrinker is asked", (_name, take) => {
    // Large enough for a reserve of 31 pages.
    kernel = new TestKernel({ sizeBytes: 32 * MIB });
    const asked = addShrinker(kernel.heap, exhaust());
    expect(kernel.freePages).toBeGreaterThan(0);
    expect(take(GFP_ATOMIC)).toBeGreaterThan(0);
    expect(asked()).toBe(0);
    kernel.expectClean();
  });

  it.each(ways)("with GFP_NOWAIT gets NULL from %s, at once and in silence", (_name, take) => {
    const asked = addShrinker(kernel.heap, exhaust());
    const sleep = vi.spyOn(Atomics, "wait");
    expect(take(GFP_NOWAIT)).toBe(0);
    expect(take(GFP_NOWAIT | __GFP_HIGHMEM)).toBe(0);
    expect([asked(), kernel.printed(), sleep.mock.calls]).toEqual([0, [], []]);
    expect(take(0)).toBe(0);
    expect(kernel.printed()).toHaveLength(take === ways[3]?.[1] ? 0 : 1);
  });

  it("gets what lies idle in empty slabs, since that does not wait", () => {
    const cachep = kernel.cache("idle", 4000);
    const objects = Array.from({ length: 100 }, () => kernel.calls.kmem_cache_alloc(cachep, GFP_KERNEL));
    for (const objp of objects) kernel.calls.kmem_cache_free(cachep, objp);
    kernel.takeAllPages();
    expect(kernel.calls.kmalloc(100_000, GFP_NOWAIT)).toBeGreaterThan(0);
  });
});

describe("a caller that may wait", () => {
  it.each(ways)("gets from %s what shrinkers give back, but no reserve", (_name, take) => {
    const pages = exhaust();
    const asked = addShrinker(kernel.heap, pages);
    const left = pages.length;
    expect(take(GFP_KERNEL)).toBeGreaterThan(0);
    expect(asked()).toBe(1);
    expect(left - pages.length).toBeGreaterThan(0);
    kernel.expectClean();
  });

  it("gets an area from vmalloc and kvmalloc out of what shrinkers give back", () => {
    addShrinker(kernel.heap, exhaust());
    expect(kernel.calls.vmalloc(100_000)).toBeGreaterThan(0);
    kernel.takeAllPages();
    expect(kernel.calls.kvmalloc(100_000, GFP_KERNEL)).toBe(0);
  });

  it.each(ways)("gets NULL from %s without having slept where no other thread is attached", (_name, take) => {
    exhaust();
    const sleep = vi.spyOn(Atomics, "wait");
    expect(take(GFP_KERNEL)).toBe(0);
    expect(sleep).not.toHaveBeenCalled();
  });

  it("waits as long as the binding says where another thread is attached, and then gets NULL", () => {
    const patient = linux(kernel.heap, kernel.log, { waitMs: 60 });
    const other = asOtherThread(kernel.heap);
    exhaust();
    const clock = useTestClock();
    const startMs = clock.ms;
    expect(patient.kmalloc(100_000, GFP_KERNEL)).toBe(0);
    expect(clock.ms - startMs).toBe(60);
    expect(kernel.printed()).toEqual(["Couldn't get a free page....."]);
    other.detach();
  });

  it("does not wait with __GFP_NORETRY, nor where waitMs is 0", () => {
    const other = asOtherThread(kernel.heap);
    const calls = linux(kernel.heap, kernel.log, { waitMs: 0 });
    const forEver = linux(kernel.heap, kernel.log, { waitMs: Number.POSITIVE_INFINITY });
    exhaust();
    const sleep = vi.spyOn(Atomics, "wait");
    expect(calls.kmalloc(100_000, GFP_KERNEL)).toBe(0);
    expect(forEver.kmalloc(100_000, GFP_KERNEL | __GFP_NORETRY)).toBe(0);
    expect(forEver.vmalloc(2 * 8 * MIB)).toBe(0);
    expect(sleep).not.toHaveBeenCalled();
    other.detach();
  });

  it("gets NULL in a thread that may not sleep, as in a browser's main thread", () => {
    const other = asOtherThread(kernel.heap);
    exhaust();
    vi.spyOn(Atomics, "wait").mockImplementation(() => {
      throw new TypeError("Atomics.wait cannot be called in this context");
    });
    for (const [name, take] of ways) expect(take(GFP_KERNEL), name).toBe(0);
    expect(kernel.calls.vmalloc(100_000)).toBe(0);
    other.detach();
  });

  it.each([-1, Number.NaN, "long"])("is not bound with a waitMs of %s", (waitMs) => {
    expect(() => linux(kernel.heap, kernel.log, { waitMs: waitMs as number })).toThrow("waitMs is a number");
  });
});

describe("__GFP_NOFAIL", () => {
  it.each(ways)("throws from %s where no other thread is attached, since waiting would never end", (_name, take) => {
    exhaust();
    const error = thrownBy(() => take(GFP_NOFAIL));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toMatch(/__GFP_NOFAIL: .* no other thread is attached/);
    kernel.expectClean();
  });

  it("throws in a thread that may not sleep", () => {
    const other = asOtherThread(kernel.heap);
    exhaust();
    vi.spyOn(Atomics, "wait").mockImplementation(() => {
      throw new TypeError("Atomics.wait cannot be called in this context");
    });
    expect(thrownBy(() => kernel.calls.kmalloc(100_000, GFP_NOFAIL)).code).toBe("MUST_NOT_BLOCK");
    other.detach();
  });

  it("throws for what the heap could never hold", () => {
    const small = new TestKernel({ sizeBytes: MIB });
    const other = asOtherThread(small.heap);
    const error = thrownBy(() => small.calls.__get_free_pages(GFP_NOFAIL, 9));
    expect(error.message).toMatch(/the heap is too small/);
    other.detach();
  });

  it("returns what there is, and is refused for what must not wait", () => {
    for (const [, take] of ways.slice(0, 4)) expect(take(GFP_NOFAIL)).toBeGreaterThan(0);
    const text = `kmalloc: __GFP_NOFAIL without __GFP_WAIT: ${GFP_ATOMIC | __GFP_NOFAIL}`;
    kernel.expectRefusal(() => kernel.calls.kmalloc(10, GFP_ATOMIC | __GFP_NOFAIL), 0, text);
    const tooLarge = "kmalloc of too large a block (131049 bytes).";
    kernel.expectRefusal(() => kernel.calls.kmalloc(131_049, GFP_NOFAIL), 0, tooLarge);
  });
});

describe("__GFP_NOWARN", () => {
  it.each(ways)("keeps %s silent when there is no memory", (_name, take) => {
    exhaust();
    expect(take(GFP_KERNEL | __GFP_NOWARN)).toBe(0);
    expect(kernel.printed()).toEqual([]);
  });

  it("keeps no complaint about an argument back", () => {
    const text = "kmalloc: not a size: -1";
    kernel.expectRefusal(() => kernel.calls.kmalloc(-1, GFP_KERNEL | __GFP_NOWARN), 0, text);
    kernel.expectRefusal(() => kernel.calls.kmalloc(131_049, GFP_KERNEL | __GFP_NOWARN), 0);
    kernel.expectRefusal(() => kernel.calls.__get_free_pages(GFP_KERNEL | __GFP_NOWARN, 10), 0);
  });
});

describe("__GFP_ZERO", () => {
  /** Makes all free memory dirty, that in sheaves too. */
  const soil = (): void => {
    const { kmalloc, kfree, ksize } = kernel.calls;
    for (const size of [1, 100, 300, 5000, 100_000]) {
      const objects = Array.from({ length: 50 }, () => kmalloc(size, GFP_KERNEL));
      for (const obj of objects) if (obj !== 0) kernel.bytes.fill(0xff, obj, obj + ksize(obj));
      for (const obj of objects) kfree(obj);
    }
    for (const page of kernel.takeAllPages()) {
      kernel.bytes.fill(0xff, page, page + PAGE);
      kernel.heap.pages.free(page, 1);
    }
    kernel.printed();
  };
  const isZero = (address: number, length: number): boolean =>
    address !== 0 && kernel.bytes.subarray(address, address + length).every((byte) => byte === 0);

  it.each([0, 1, 33, 300, 5000, 131_048])("clears all that a block of kmalloc(%i) can hold", (size) => {
    soil();
    const { kmalloc, ksize } = kernel.calls;
    for (const mask of [GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT]) {
      const obj = kmalloc(size, mask | __GFP_ZERO);
      expect(isZero(obj, ksize(obj))).toBe(true);
    }
  });

  it("clears pages of every order, and those of alloc_pages_exact", () => {
    soil();
    const { __get_free_pages, alloc_pages, page_address, alloc_pages_exact } = kernel.calls;
    for (const order of [0, 1, 3, 5]) {
      expect(isZero(__get_free_pages(GFP_KERNEL | __GFP_ZERO, order), PAGE << order)).toBe(true);
    }
    expect(isZero(page_address(alloc_pages(GFP_ATOMIC | __GFP_ZERO, 2)), 4 * PAGE)).toBe(true);
    expect(isZero(alloc_pages_exact(3 * PAGE - 5, GFP_KERNEL | __GFP_ZERO), 3 * PAGE)).toBe(true);
  });

  it("clears objects of caches, but not those that a constructor has made", () => {
    soil();
    const plain = kernel.cache("plain", 300);
    const made = kernel.cache("made", 300, () => {});
    const objects = [0, 1, 2].map(() => kernel.calls.kmem_cache_alloc(plain, GFP_KERNEL | __GFP_ZERO));
    for (const objp of objects) expect(isZero(objp, 300)).toBe(true);
    kernel.bytes.fill(1, objects[0], (objects[0] as number) + 300);
    kernel.calls.kmem_cache_free(plain, objects[0] as number);
    expect(kernel.calls.kmem_cache_alloc(plain, GFP_KERNEL | __GFP_ZERO)).toBe(objects[0]);
    expect(isZero(objects[0] as number, 300)).toBe(true);
    const text = "kmem_cache_alloc: __GFP_ZERO, but the cache made has a constructor";
    kernel.expectRefusal(() => kernel.calls.kmem_cache_alloc(made, GFP_KERNEL | __GFP_ZERO), 0, text);
  });

  it("clears areas of kvmalloc", () => {
    soil();
    const { kvmalloc, vm } = kernel.calls;
    const area = kvmalloc(300_000, GFP_KERNEL | __GFP_ZERO);
    expect(vm.readBytes(area, 300_000).every((byte) => byte === 0)).toBe(true);
    expect(isZero(kvmalloc(5000, GFP_KERNEL | __GFP_ZERO), 5000)).toBe(true);
  });

  it("keeps what krealloc adds zero, where it was asked for each time", () => {
    soil();
    const { kmalloc, krealloc, ksize } = kernel.calls;
    const mask = GFP_KERNEL | __GFP_ZERO;
    const obj = kmalloc(100, mask);
    kernel.bytes.fill(7, obj, obj + 100);
    expect(krealloc(obj, 20, mask)).toBe(obj);
    expect(isZero(obj + 20, ksize(obj) - 20)).toBe(true);
    expect(krealloc(obj, 110, mask)).toBe(obj);
    const moved = krealloc(obj, 5000, mask);
    expect([...kernel.bytes.subarray(moved, moved + 21)]).toEqual([...Array(20).fill(7), 0]);
    expect(isZero(moved + 20, ksize(moved) - 20)).toBe(true);
  });
});

describe("zones and nodes", () => {
  it("__GFP_THISNODE is accepted: a heap is one node, and never falls back", () => {
    const pages = exhaust();
    for (const [name, take] of ways) expect(take(GFP_KERNEL | __GFP_THISNODE), name).toBe(0);
    for (const page of pages) kernel.heap.pages.free(page, 1);
    for (const [name, take] of ways) expect(take(GFP_KERNEL | __GFP_THISNODE), name).toBeGreaterThan(0);
  });

  it("__GFP_DMA is memory of the DMA zone and of no other, __GFP_HIGHMEM of any", () => {
    const dma = new TestKernel({ sizeBytes: 8 * MIB, dmaBytes: MIB });
    const { __get_free_page, kmalloc } = dma.calls;
    const end = layersOf(dma.heap).pages.dmaEndFrame * PAGE;
    let last = 0;
    for (let page = __get_free_page(GFP_DMA); page !== 0; page = __get_free_page(GFP_DMA)) last = Math.max(last, page);
    expect(last).toBeLessThan(end);
    expect(kmalloc(100, GFP_DMA | GFP_KERNEL)).toBe(0);
    expect(__get_free_page(GFP_KERNEL | __GFP_HIGHMEM)).toBeGreaterThanOrEqual(end);
  });
});

describe("kvmalloc", () => {
  it("does not fall back on vmalloc for a caller that must not wait, nor for a page or less", () => {
    const { kvmalloc, is_vmalloc_addr } = kernel.calls;
    expect(is_vmalloc_addr(kvmalloc(200_000, GFP_KERNEL))).toBe(true);
    const text = "kmalloc of too large a block (200000 bytes).";
    kernel.expectRefusal(() => kvmalloc(200_000, GFP_ATOMIC), 0, text);
    kernel.expectRefusal(() => kvmalloc(-1, GFP_KERNEL), 0, "kvmalloc: not a size: -1");
    kernel.takeAllPages(true);
    expect(kvmalloc(PAGE, GFP_KERNEL)).toBe(0);
    expect(kernel.printed()).toEqual(["Couldn't get a free page....."]);
  });
});

describe("linux() of a heap that was detached", () => {
  it("throws DETACHED from all that asks for memory or gives it back", () => {
    const cachep = kernel.cache("objects", 100);
    const { calls } = kernel;
    const pool = calls.mempool_create_kmalloc_pool(1, 100);
    const obj = calls.kmalloc(100, GFP_KERNEL);
    const page = calls.alloc_pages(GFP_KERNEL, 0);
    kernel.heap.detach();
    const uses: readonly (() => unknown)[] = [
      () => calls.kmalloc(100, GFP_KERNEL),
      () => calls.kmalloc(100, GFP_ATOMIC),
      () => calls.kfree(obj),
      () => calls.krealloc(obj, 500, GFP_KERNEL),
      () => calls.kmemdup(obj, 5, GFP_KERNEL),
      () => calls.__get_free_pages(GFP_KERNEL, 0),
      () => calls.__free_pages(page, 0),
      () => calls.vmalloc(100),
      () => calls.vfree(2 ** 32),
      () => calls.vmap([page]),
      () => calls.kmem_cache_create("others", 100, 0, 0, null, null),
      () => calls.kmem_cache_open("objects"),
      () => calls.kmem_cache_alloc(cachep, GFP_KERNEL),
      () => calls.kmem_cache_destroy(cachep),
      () => calls.kmem_cache_reap(GFP_KERNEL),
      () => calls.mempool_alloc(pool, GFP_KERNEL),
      () => calls.mempool_free(obj, pool),
      () => calls.check(),
    ];
    for (const use of uses) expect(thrownBy(use).code, String(use)).toBe("DETACHED");
    expect(() => linux(kernel.heap, new LogRing())).toThrow(KmemError);
  });
});

describe("errors about pointers", () => {
  it("name the pointer of a pool that there is not", () => {
    const text = `mempool_alloc: bad pool ${p(4096)}`;
    kernel.expectRefusal(() => kernel.calls.mempool_alloc(4096, GFP_KERNEL), 0, text);
  });
});
