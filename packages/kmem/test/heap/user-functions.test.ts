import { beforeEach, describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { GFP_KERNEL, SLAB_CTOR_CONSTRUCTOR } from "../../src/gfp/flags.ts";
import { layersOf } from "../../src/heap/access.ts";
import { blockAt, type CacheOptions, Heap, heapStats, reapSlot, watchWorker } from "../../src/index.ts";
import { atomik } from "../../src/kernels/atomik/atomik.ts";
import { giet, VOBJ_TYPE_HEAP } from "../../src/kernels/giet/giet.ts";
import { PoolWord } from "../../src/kernels/linux/layout.ts";
import { linux } from "../../src/kernels/linux/linux.ts";
import { mykernel } from "../../src/kernels/mykernel/mykernel.ts";
import { lockWords } from "../../src/kmalloc/check-state.ts";
import { createTraceRing, TraceReader, type TraceRing } from "../../src/trace/index.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** What code of the user's throws here: nothing of the library's. */
class Thrown extends Error {}

function throwing(): never {
  throw new Thrown("by a function of the user's");
}

/** An object that throws whenever something is read of it. */
const HOSTILE = new Proxy({}, { get: throwing, has: throwing, ownKeys: throwing, getOwnPropertyDescriptor: throwing });
/** A value that throws when it is made a number or a string. */
const UNWILLING = { [Symbol.toPrimitive]: throwing };

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: MIB });
});

/** No lock of the heap is held, and the heap is whole and goes on working for this thread and another. */
function expectUnlocked(of: Heap = heap): void {
  const { words } = layersOf(of).memory;
  expect(lockWords(layersOf(of)).filter((word) => words[word] !== 0)).toEqual([]);
  expectClean(of);
  of.free(of.alloc(100));
  of.pages.free(of.pages.alloc(3), 3);
  of.trim();
  const other = (of.constructor as typeof Heap).attach(of.reserve());
  other.free(other.alloc(50));
  other.detach();
  expectClean(of);
}

/** Does something that the user's code ends, at its n-th call, for each n up to a limit or until it is not reached. */
function atEachCall(limit: number, act: (call: () => void) => void): void {
  for (let wanted = 1; wanted <= limit; wanted++) {
    let calls = 0;
    let isOver = false;
    try {
      act(() => {
        if (!isOver && ++calls === wanted) throwing();
      });
    } catch (error) {
      if (!(error instanceof Thrown)) throw error;
    }
    isOver = true;
    expectUnlocked();
    if (calls < wanted) return;
  }
}

describe("what a function of the user's throws leaves no lock held:", () => {
  it("a constructor", () => {
    const call = { run: (): void => {} };
    const cache = heap.createCache({ name: "objects", sizeBytes: 400, construct: () => call.run() });
    atEachCall(12, (throwNow) => {
      call.run = throwNow;
      cache.free(cache.alloc());
      cache.shrink();
    });
  });

  it("a destructor, wherever a slab is released", () => {
    const call = { run: (): void => {} };
    const cache = heap.createCache({ name: "objects", sizeBytes: 400, destruct: () => call.run() });
    const acts: (() => unknown)[] = [() => cache.shrink(), () => heap.trim(), () => heap.allocWait(100)];
    for (const act of acts) {
      atEachCall(3, (throwNow) => {
        call.run = (): void => {};
        for (const object of Array.from({ length: 100 }, () => cache.alloc())) cache.free(object);
        call.run = throwNow;
        act();
      });
    }
  });

  it.each(["count", "scan"] as const)(
    "%s of a shrinker, in alloc, in pages, in a wait, and in a free",
    async (which) => {
      const other = Heap.attach(heap.reserve());
      const blocks: number[] = [];
      for (let block = heap.tryAlloc(1000); block !== 0; block = heap.tryAlloc(1000)) blocks.push(block);
      const last = blocks.at(-1) as number;
      const shrinker = { name: "s", count: () => (which === "count" ? throwing() : 5), scan: () => throwing() };
      const remove = heap.addShrinker(shrinker);
      for (const act of [() => heap.alloc(40_000), () => heap.pages.alloc(9), () => heap.allocWait(40_000)]) {
        expect(act).toThrow(Thrown);
      }
      await expect(heap.allocAsync(40_000)).rejects.toBeInstanceOf(Thrown);
      // Somebody waits: a free gives way first, and has not freed what it throws for.
      layersOf(other).sync.waiters.enter();
      expect(() => heap.free(last)).toThrow(Thrown);
      expect(blockAt(heap, last)?.live).toBe(true);
      layersOf(other).sync.waiters.leave(false);
      remove();
      for (const block of blocks) heap.free(block);
      other.detach();
      expectUnlocked();
    },
  );

  it("the clock of a ring", () => {
    const call = { run: (): void => {} };
    const clock = (): number => {
      call.run();
      return 5;
    };
    atEachCall(3, (throwNow) => {
      call.run = throwNow;
      const before = heapStats(heap).bytes.freePageBytes;
      let ring: TraceRing | undefined;
      try {
        ring = createTraceRing(heap, 4, { clock });
        ring?.kmalloc(1, 2, 3, 4);
      } finally {
        ring?.end();
        expect(heapStats(heap).bytes.freePageBytes).toBe(before);
      }
    });
    call.run = (): void => {};
    const ring = createTraceRing(heap, 4, { clock }) as TraceRing;
    call.run = throwing;
    for (let event = 0; event < 10; event++) expect(() => ring.kfree(16)).toThrow(Thrown);
    call.run = (): void => {};
    const values = [Symbol("v"), 5n, "5", null, undefined, UNWILLING, {}, [5]] as never[];
    for (const value of values) expect(thrownBy(() => ring.kmalloc(value, 1, 1, 1)).code).toBe("BAD_ARGUMENT");
    for (const value of values)
      expect(thrownBy(() => ring.write(1, 1, 1, 1, 1, 1, 1, value)).code).toBe("BAD_ARGUMENT");
    // No place of the ring is anybody's: all four take events.
    for (let event = 1; event <= 4; event++) ring.kfree(event);
    const reader = new TraceReader(ring);
    expect([reader.read().map(({ ptr }) => ptr), reader.lostCount, reader.pendingCount]).toEqual([[1, 2, 3, 4], 0, 0]);
  });

  it("getters of options", () => {
    const calls: (() => unknown)[] = [
      () => heap.createCache(HOSTILE as CacheOptions),
      () => heap.openCache("objects", HOSTILE),
      () => heap.pages.alloc(1, HOSTILE),
      () => heap.pages.allocWait(1, HOSTILE),
      () => heap.allocWait(100, HOSTILE),
      () => heap.addShrinker(HOSTILE as never),
      () => reapSlot(heap, 1, HOSTILE),
      () => watchWorker(heap, HOSTILE as never, heap.reserve()),
      () => watchWorker(heap, { terminate: () => {}, once: () => {} }, heap.reserve(), HOSTILE),
      () => Heap.attach(HOSTILE as never),
      () => Heap.attach({ ...heap.handle, place: HOSTILE as never }),
      () => createTraceRing(heap, 4, HOSTILE),
    ];
    heap.createCache({ name: "objects", sizeBytes: 48 });
    for (const call of calls) expect(thrownBy(call).code).toBe("BAD_ARGUMENT");
    expectUnlocked();
  });

  it("an option that answers otherwise when it is read again, or throws then", () => {
    let reads = 0;
    const options = {
      name: "objects",
      sizeBytes: 48,
      get construct() {
        if (++reads > 1) throwing();
        return () => {};
      },
    };
    const cache = heap.createCache(options);
    cache.free(cache.alloc());
    cache.destroy();
    expectUnlocked();
  });

  it("a conversion of what is no number", () => {
    const cache = heap.createCache({ name: "objects", sizeBytes: 48, keepsSlabs: true });
    for (const object of Array.from({ length: 500 }, () => cache.alloc())) cache.free(object);
    const pages = heap.pages.alloc(3);
    const half = { valueOf: () => 1, toString: throwing };
    for (const value of [Symbol("n"), 1n, half, UNWILLING, HOSTILE, Number.NaN, null, "1", -1] as never[]) {
      expect(thrownBy(() => cache.shrink(value)).code).toBe("BAD_ARGUMENT");
      expect(thrownBy(() => heap.pages.free(pages, value)).code).toBe("INVALID_FREE");
      expect(thrownBy(() => heap.pages.free(value, 1)).code).toBe("INVALID_FREE");
    }
    cache.shrink(0);
    cache.shrink(1);
    cache.shrink();
    heap.pages.free(pages, 3);
    expectUnlocked();
  });

  it.each([
    5,
    {},
    null,
    undefined,
    { count: 5, scan: (): number => 0 },
    { count: (): number => 0 },
    { name: 5, count: (): number => 0, scan: (): number => 0 },
  ])("a shrinker that is none: %o", (none) => {
    expect(thrownBy(() => heap.addShrinker(none as never)).code).toBe("BAD_ARGUMENT");
  });

  it("a shrinker that answers with no number", () => {
    for (const answer of [Symbol("n"), 5n, "5", UNWILLING, undefined] as never[]) {
      const remove = heap.addShrinker({ name: "odd", count: () => answer, scan: () => answer });
      expect(thrownBy(() => heap.alloc(2 * MIB)).message).toContain('count of the shrinker "odd"');
      remove();
    }
    expectUnlocked();
  });
});

describe("what print or report throws leaves no lock held:", () => {
  it("in Linux's calls", () => {
    const kernel = linux(heap, { print: throwing });
    const pool = kernel.mempool_create_kmalloc_pool(2, 64);
    const cache = kernel.kmem_cache_create("objects", 64, 0, 0, null as never, null as never);
    const bad: (() => unknown)[] = [
      () => kernel.kfree(12_345),
      () => kernel.kmalloc(-1, GFP_KERNEL),
      () => kernel.kmalloc(2 ** 30, GFP_KERNEL),
      () => kernel.free_pages(4096, 0),
      () => kernel.vfree(5),
      () => kernel.vmalloc(2 ** 31),
      () => kernel.kmem_cache_free(cache, 12_345),
      () => kernel.mempool_alloc(pool + 16, GFP_KERNEL),
      () => kernel.mempool_create(0, throwing, throwing, 0),
      () => kernel.mempool_create(3, throwing, throwing, 0),
    ];
    for (const call of bad) expect(call).toThrow(Thrown);
    const { words } = layersOf(heap).memory;
    expect(words[pool / 4 + PoolWord.LOCK]).toBe(0);
    expect(kernel.mempool_alloc(pool, GFP_KERNEL)).toBeGreaterThan(0);
    const constructed = kernel.kmem_cache_create(
      "made",
      64,
      0,
      0,
      (_, __, flags) => {
        if ((flags & SLAB_CTOR_CONSTRUCTOR) !== 0) throwing();
      },
      null as never,
    );
    expect(() => kernel.kmem_cache_alloc(constructed, GFP_KERNEL)).toThrow(Thrown);
    expectUnlocked();
  });

  it("in My Kernel's and Atomik's", () => {
    const kernel = mykernel(heap, { print: throwing });
    for (const call of [() => kernel.kfree(12_345), () => kernel.kmalloc(-1, 0), () => kernel.kfree_dma(5)]) {
      expect(call).toThrow(Thrown);
    }
    expectUnlocked();
    const memory = new SharedArrayBuffer(MIB);
    const pages = atomik(memory, { print: throwing });
    const range = pages.mm_register_region(4096, MIB - 1);
    expect(range).toBeGreaterThan(0);
    expect(() => pages.mm_register_region(4096, MIB - 4097)).toThrow(Thrown);
    expect(() => pages.page_free(5, 1)).toThrow(Thrown);
    expect(() => pages.mm_region_debug(range)).toThrow(Thrown);
    const page = pages.page_alloc(1);
    expect(pages.page_free(page, 1)).toBe(0);
  });

  it("in those of GIET", () => {
    const memory = new SharedArrayBuffer(MIB);
    const vsegs = [{ type: VOBJ_TYPE_HEAP, base: 0x10_0000, length: 65_536 }];
    const kernel = giet({ clusters: [[{ memory, vsegs }]] }, { print: throwing } as never);
    kernel._heap_init();
    expect(() => kernel._remote_malloc(1 << 20, 0, 0)).toThrow(Thrown);
    expect(() => kernel._free(12)).toThrow(Thrown);
    const block = kernel._remote_malloc(100, 0, 0);
    kernel._free(block);
    expect(kernel.check().findings).toEqual([]);
  });

  it.each([
    () => DebugHeap.create({ sizeBytes: 2 * MIB, report: throwing, print: throwing }),
    () => SampledHeap.create({ sizeBytes: 2 * MIB, report: throwing, sampleEvery: 1 }),
  ])("in debugged heaps: %o", (make) => {
    const debugged = make();
    const block = debugged.alloc(40);
    debugged.u8(block, 40);
    new Uint8Array(debugged.buffer)[block + 40] = 0x77;
    for (const call of [() => debugged.free(block), () => debugged.free(block), () => debugged.trim()]) {
      try {
        call();
      } catch {}
    }
    const { words } = layersOf(debugged).memory;
    expect(lockWords(layersOf(debugged)).filter((word) => words[word] !== 0)).toEqual([]);
    debugged.free(debugged.alloc(100));
  });
});

describe("a destructor that makes the heap's memory grow", () => {
  it("runs for the objects of the other slabs, too", () => {
    const growing = Heap.create({ memory: new WebAssembly.Memory({ initial: 16, maximum: 256 }) });
    const destroyed = new Set<number>();
    const objectCount = 64;
    const cache = growing.createCache({
      name: "objects",
      sizeBytes: 1024,
      destruct: (address) => {
        // More than there is: memory that is not shared gets new views.
        if (destroyed.size === 0) growing.alloc(4 * MIB);
        destroyed.add(address);
      },
    });
    const objects = Array.from({ length: objectCount }, () => cache.alloc());
    for (const object of objects) cache.free(object);
    growing.trim();
    for (const object of objects) expect(destroyed.has(object)).toBe(true);
    expectClean(growing);
  });
});
