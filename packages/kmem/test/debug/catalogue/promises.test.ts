import { describe, expect, it } from "vitest";
import type { DebugHeapOptions } from "../../../src/debug/index.ts";
import { checkHeap } from "../../../src/index.ts";
import { __GFP_ZERO, GFP_KERNEL, type Linux, LogRing, linux } from "../../../src/kernels/linux/linux.ts";
import { Bench } from "../bench.ts";

/** The cases of KFENCE and of test_meminit that are no bugs, but what a heap promises while it is debugged. */
const SIZES = [1, 16, 100, 4000, 30_000, 100_000];

function bench(options: DebugHeapOptions = {}): { bench: Bench; calls: Linux } {
  const made = new Bench({ sizeBytes: 8 * 2 ** 20, ...options });
  return { bench: made, calls: linux(made.heap, new LogRing()) };
}

/** The different bytes of a stretch. */
function bytesOf({ bytes }: Bench, address: number, sizeBytes: number): number[] {
  return [...new Set(bytes.subarray(address, address + sizeBytes))];
}

function expectQuiet({ heap, reports }: Bench): void {
  heap.trim();
  expect([checkHeap(heap).findings, reports]).toEqual([[], []]);
}

describe("what a heap promises while it is debugged", () => {
  it("is memory that is clear for __GFP_ZERO, whatever the block held (test_gfpzero)", () => {
    const { bench: made, calls } = bench({ quarantineBytes: 0 });
    for (let round = 0; round < 50; round++) {
      const p = calls.kmalloc(96, GFP_KERNEL | __GFP_ZERO);
      expect(bytesOf(made, p, 96)).toEqual([0]);
      made.bytes.fill(0xff, p, p + 96);
      calls.kfree(p);
    }
    expectQuiet(made);
  });

  it("is memory that is clear at alloc, with zeroOnAlloc (init_on_alloc)", () => {
    const { bench: made } = bench({ zeroOnAlloc: true, quarantineBytes: 0 });
    const { heap } = made;
    const cache = heap.createCache({ name: "cleared", sizeBytes: 100 });
    for (const sizeBytes of [...SIZES, ...SIZES]) {
      const p = heap.alloc(sizeBytes);
      expect(bytesOf(made, p, sizeBytes)).toEqual([0]);
      made.bytes.fill(0xff, p, p + sizeBytes);
      heap.free(p);
      const object = cache.alloc();
      expect(bytesOf(made, object, 100)).toEqual([0]);
      made.bytes.fill(0xff, object, object + 100);
      cache.free(object);
    }
    expectQuiet(made);
  });

  it("is memory that is clear behind what realloc keeps, with zeroOnAlloc", () => {
    const { bench: made } = bench({ zeroOnAlloc: true });
    for (const [from, to] of [
      [17, 30],
      [30, 17],
      [17, 1000],
      [50_000, 50_010],
      [17, 50_000],
    ] as const) {
      const p = made.heap.alloc(from);
      made.bytes.fill(0xff, p, p + from);
      const q = made.heap.realloc(p, to);
      expect(bytesOf(made, q, Math.min(from, to))).toEqual([0xff]);
      if (to > from) expect(bytesOf(made, q + from, to - from)).toEqual([0]);
      made.heap.free(q);
    }
    expectQuiet(made);
  });

  it("is memory that is clear from the free on, with zeroOnFree and no poison (test_init_on_free)", () => {
    const { bench: made } = bench({ debug: "FZU", zeroOnFree: true });
    const { heap } = made;
    const cache = heap.createCache({ name: "cleared", sizeBytes: 100 });
    for (const sizeBytes of SIZES) {
      const [p, object] = [heap.alloc(sizeBytes), cache.alloc()];
      made.bytes.fill(0xff, p, p + sizeBytes);
      made.bytes.fill(0xff, object, object + 100);
      heap.free(p);
      cache.free(object);
      expect([bytesOf(made, p, sizeBytes), bytesOf(made, object, 100)]).toEqual([[0], [0]]);
    }
    expectQuiet(made);
  });

  it("is poison rather than zeros, where both are asked for", () => {
    const { bench: made } = bench({ debug: "P", zeroOnFree: true });
    const p = made.heap.alloc(100);
    made.heap.free(p);
    expect(bytesOf(made, p, 100)).toEqual([0x6b, 0xa5]);
    expectQuiet(made);
  });

  it("is memory that nobody takes for his own: poison, at alloc and after the free", () => {
    const { bench: made } = bench();
    const p = made.heap.alloc(100);
    expect(bytesOf(made, p, 100)).toEqual([0x6b, 0xa5]);
    made.bytes.fill(0, p, p + 100);
    made.heap.free(p);
    expect(bytesOf(made, p, 100)).toEqual([0x6b, 0xa5]);
  });

  it("is an object as its constructor, or who freed it, left it (test_memcache_ctor)", () => {
    for (const options of [{}, { zeroOnAlloc: true }, { debug: "Z", zeroOnFree: true }]) {
      const { bench: made, calls } = bench({ quarantineBytes: 0, ...options });
      let count = 0;
      const ctor = (object: number): void => {
        made.bytes.fill(0x77, object, object + 32);
        count++;
      };
      const s = calls.kmem_cache_create("constructed", 32, 0, 0, ctor, null);
      const p = calls.kmem_cache_alloc(s, GFP_KERNEL);
      expect([bytesOf(made, p, 32), count > 0]).toEqual([[0x77], true]);
      made.bytes.fill(0x78, p, p + 32);
      calls.kmem_cache_free(s, p);
      const constructed = count;
      expect(calls.kmem_cache_alloc(s, GFP_KERNEL)).toBe(p);
      expect([bytesOf(made, p, 32), count]).toEqual([[0x78], constructed]);
      expectQuiet(made);
    }
  });

  it("is that krealloc keeps what the block held (test_krealloc)", () => {
    const { bench: made, calls } = bench();
    let p = calls.kmalloc(32, GFP_KERNEL);
    made.bytes.set(
      Array.from({ length: 32 }, (_, index) => index),
      p,
    );
    for (const size of [64, 32, 96, 5000, 60_000]) {
      p = calls.krealloc(p, size, GFP_KERNEL);
      expect([...made.bytes.subarray(p, p + 32)]).toEqual(Array.from({ length: 32 }, (_, index) => index));
    }
    calls.kfree(p);
    expectQuiet(made);
  });

  it("is that a freed block is not the next one handed out, while it has room in the quarantine", () => {
    const { bench: made, calls } = bench();
    const p = calls.kmalloc(64, GFP_KERNEL);
    calls.kfree(p);
    const others = Array.from({ length: 1000 }, () => calls.kmalloc(64, GFP_KERNEL));
    expect(others).not.toContain(p);
    made.heap.trim();
    const more = Array.from({ length: 1000 }, () => calls.kmalloc(64, GFP_KERNEL));
    expect(more).toContain(p);
  });

  it("is that the quarantine gives way when there is no other memory", () => {
    const { heap } = bench({ sizeBytes: 2 ** 20, quarantineBytes: 2 ** 20 }).bench;
    for (let round = 0; round < 50; round++) heap.free(heap.alloc(100_000));
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("is that aligned blocks are aligned, zones or none (test_kmalloc_aligned)", () => {
    const { bench: made } = bench();
    for (let alignment = 1; alignment <= 65_536; alignment *= 2) {
      const p = made.heap.alignedAlloc(alignment, 73);
      expect(p % alignment).toBe(0);
      made.bytes.fill(0, p, p + 73);
      made.heap.free(p);
    }
    expectQuiet(made);
  });
});
