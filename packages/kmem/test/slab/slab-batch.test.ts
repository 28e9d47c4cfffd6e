import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, LocalHeap } from "../../src/index.ts";
import { CacheRecord } from "../../src/layout.ts";
import { BATCH_PAGES_MAX, BATCH_SLABS_MAX, BATCH_SLABS_SHARE_SHIFT } from "../../src/slab/layout.ts";
import { batchSlabs, emptySpan } from "../../src/slab/slab-batch.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { Random } from "../support/random.ts";

/** A class of one page a block and slab. */
function pageClass(heap: Heap): { readonly slabs: () => number; readonly cache: number; readonly kind: number } {
  const { caches } = layersOf(heap);
  const kind = Number(caches.find("kmalloc-4096"));
  return { slabs: () => caches.get(kind, CacheRecord.SLABS), cache: caches.record(kind), kind };
}

describe("slabs are made", () => {
  it("one at a time, and one more for each thirty-two that the cache has, up to a limit", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    const { slabs, cache } = pageClass(heap);
    const { memory } = layersOf(heap);
    const steps = new Set<number>();
    for (let block = 0; block < 300; block++) {
      const [before, batch] = [slabs(), batchSlabs(memory.words, cache)];
      heap.alloc(PAGE);
      const made = slabs() - before;
      // A refill of several blocks makes a second batch where the first has not enough.
      if (made > 0) expect(made).toBeGreaterThanOrEqual(batch);
      expect(batch).toBe(Math.min(BATCH_SLABS_MAX, 1 + (before >> BATCH_SLABS_SHARE_SHIFT)));
      steps.add(batch);
    }
    expect(steps).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, BATCH_SLABS_MAX]));
    expectClean(heap);
  });

  it("in batches of no more pages than the limit, long slabs one at a time", () => {
    const heap = Heap.create({ sizeBytes: 64 * MIB });
    const { caches, memory } = layersOf(heap);
    const kind = Number(caches.find("kmalloc-28672"));
    for (let block = 0; block < 300; block++) heap.alloc(28_672);
    const pages = caches.slabPages(kind);
    expect(batchSlabs(memory.words, caches.record(kind))).toBe(Math.floor(BATCH_PAGES_MAX / pages));
    expectClean(heap);
  });

  it("one at a time where there is no room for a batch", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const runs: number[] = [];
    for (let block = 0; block < 40; block++) heap.alloc(PAGE);
    for (let run = heap.pages.tryAlloc(1); run !== 0; run = heap.pages.tryAlloc(1)) runs.push(run);
    for (const run of runs.filter((_, index) => index % 2 === 0)) heap.pages.free(run, 1);
    const { slabs } = pageClass(heap);
    const before = slabs();
    for (let block = 0; block < 20; block++) heap.alloc(PAGE);
    expect(slabs()).toBeGreaterThan(before);
    expectClean(heap);
  });
});

describe("empty slabs are released", () => {
  it("side by side, those beside a slab of the same cache and zone that are empty too", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB, sheafBlocks: 2 });
    const blocks = Array.from({ length: 200 }, () => heap.alloc(PAGE));
    const { cache } = pageClass(heap);
    const { pages } = layersOf(heap);
    const first = Math.min(...blocks) / PAGE;
    const freed = blocks.filter((block) => block / PAGE >= first + 100 && block / PAGE < first + 108);
    for (const block of freed) heap.free(block);
    for (const block of [heap.alloc(PAGE), heap.alloc(PAGE)]) heap.free(block);
    const empty = freed.map((block) => block / PAGE).filter((frame) => (pages.frames.count(frame) & 0xffff) === 1);
    for (const frame of empty) {
      const row = emptySpan(pages, frame, cache, 3);
      expect(row.slabCount).toBeLessThanOrEqual(3);
      for (let slab = row.first; slab < row.first + row.slabCount; slab++) expect(empty).toContain(slab);
    }
    expect(empty.length).toBeGreaterThan(3);
    expectClean(heap);
  });

  it("until a heap has as many free pages as before", () => {
    for (const heap of [Heap.create({ sizeBytes: 16 * MIB }), LocalHeap.create({ sizeBytes: 16 * MIB })]) {
      const { pages } = layersOf(heap);
      heap.trim();
      const before = pages.usedFrames;
      const random = new Random(20261130);
      const live: number[] = [];
      for (let step = 0; step < 20_000; step++) {
        const isGrowing = Math.floor(step / 2000) % 2 === 0;
        if (live.length > 0 && random.below(10) < (isGrowing ? 3 : 7)) {
          heap.free(live.splice(random.below(live.length), 1)[0] as number);
        } else live.push(heap.alloc([1024, 3000, PAGE, 9000, 28_000][random.below(5)] as number));
        if (step % 4000 === 0) expectClean(heap as Heap);
      }
      for (const block of live) heap.free(block);
      expectClean(heap as Heap);
      heap.trim();
      expect(pages.usedFrames).toBe(before);
    }
  });
});
