import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { checkHeap, Heap, heapStats } from "../../src/index.ts";
import { RUN_CACHE_MAX, RUN_CACHE_WORD, Zone } from "../../src/pages/layout.ts";
import { runCachePagesMax } from "../../src/pages/run-cache.ts";
import { MIB, PAGE } from "../support/memories.ts";

/** The shortest block that is a run. */
const RUN_BYTES = 32 * 1024 + 1;
const RUN_PAGES = 9;

/** A heap of 64 MiB of which a fourth is in use, which may keep a thirty-second of that: 128 pages. */
function usedHeap(): { heap: Heap; blocks: number[] } {
  const heap = Heap.create({ sizeBytes: 64 * MIB });
  const blocks = Array.from({ length: 460 }, () => heap.alloc(RUN_BYTES));
  return { heap, blocks };
}

function pinnedPages(heap: Heap): number {
  return heapStats(heap).bytes.pcpBytes / PAGE;
}

function limitOf(heap: Heap): number {
  return runCachePagesMax(layersOf(heap).pages.zones[Zone.NORMAL] as never, 1);
}

describe("a run cache", () => {
  it("serve the next blocks of about their length, the last one first", () => {
    const { heap, blocks } = usedHeap();
    const longer = heap.alloc(35 * PAGE);
    const [first, second] = blocks as [number, number];
    for (const block of [first, longer, second]) heap.free(block);
    expect(pinnedPages(heap)).toBe(2 * RUN_PAGES + 35);
    expect(heap.alloc(RUN_BYTES)).toBe(second);
    expect(heap.alloc(RUN_BYTES)).toBe(first);
    const shorter = heap.alloc(32 * PAGE + 1);
    expect(shorter).toBe(longer);
    expect(heap.usableSize(shorter)).toBe(35 * PAGE);
    expect(pinnedPages(heap)).toBe(0);
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("do not serve what they would be an eighth too long for, nor what is aligned, nor pages", () => {
    const { heap, blocks } = usedHeap();
    const long = heap.alloc(36 * PAGE);
    heap.free(long);
    heap.free(blocks[0] as number);
    heap.alloc(32 * PAGE);
    heap.alignedAlloc(2 * PAGE, RUN_BYTES);
    heap.pages.alloc(RUN_PAGES);
    expect(pinnedPages(heap)).toBe(36 + RUN_PAGES);
    expect(heap.alloc(RUN_BYTES)).toBe(blocks[0]);
  });

  it("are a thirty-second of the pages in use at most, or 64 pages of them that are free", () => {
    const { heap, blocks } = usedHeap();
    let most = 0;
    for (const block of blocks) {
      heap.free(block);
      most = Math.max(most, pinnedPages(heap));
    }
    expect(most).toBeGreaterThan(10 * RUN_PAGES);
    expect(most).toBeLessThanOrEqual((64 * MIB) / PAGE / 4 / 32);
    expect(checkHeap(heap).findings).toEqual([]);
    const idle = Heap.create({ sizeBytes: 4 * MIB });
    for (const block of [60 * PAGE, 5 * PAGE + RUN_BYTES, 60 * PAGE].map((size) => idle.alloc(size))) idle.free(block);
    expect(pinnedPages(idle)).toBe(60);
    const small = Heap.create({ sizeBytes: 256 * 1024 });
    small.free(small.alloc(RUN_BYTES));
    expect(pinnedPages(small)).toBe(0);
  });

  it("give way to others now and then, where there is no room", () => {
    const { heap, blocks } = usedHeap();
    const [oldest, ...others] = blocks.slice(0, RUN_CACHE_MAX + 8) as [number, ...number[]];
    heap.free(oldest);
    for (const block of others) heap.free(block);
    const again = new Set(Array.from({ length: RUN_CACHE_MAX }, () => heap.alloc(RUN_BYTES)));
    expect(again).not.toContain(oldest);
    expect(pinnedPages(heap)).toBe(0);
    expect(limitOf(heap)).toBeGreaterThan(RUN_CACHE_MAX * RUN_PAGES);
  });

  it("give way to a longer one, as many of them as it takes", () => {
    const { heap, blocks } = usedHeap();
    const longer = Array.from({ length: 8 }, () => heap.alloc(40 * PAGE));
    const room = Math.floor(limitOf(heap) / RUN_PAGES);
    for (const block of blocks.slice(0, room)) heap.free(block);
    for (const block of longer) heap.free(block);
    expect(pinnedPages(heap) % RUN_PAGES).toBe(40 % RUN_PAGES);
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("are a share of the heap's own pages, not of a program's in the same memory", () => {
    expect(runCachePagesMax({ managedFrames: 32_000, freeFrames: 16_000 } as never, 1)).toBe(500);
    expect(runCachePagesMax({ managedFrames: 32_000, freeFrames: 16_000 } as never, 4)).toBe(125);
  });

  it("are refused to nobody when pages run out", () => {
    const { heap, blocks } = usedHeap();
    for (const block of blocks.slice(0, 5)) heap.free(block);
    expect(pinnedPages(heap)).toBe(5 * RUN_PAGES);
    const { pages } = heap;
    while (pages.tryAlloc(1, { reserve: true }) !== 0);
    expect(pinnedPages(heap)).toBe(0);
    expect(heapStats(heap).bytes.freePageBytes).toBe(0);
  });

  it("are given back by trim, and one by one as small blocks come and go", () => {
    const { heap, blocks } = usedHeap();
    const [first, second] = blocks as [number, number];
    heap.free(first);
    heap.trim();
    expect(pinnedPages(heap)).toBe(0);
    heap.free(second);
    for (let round = 0; round < 64; round++) {
      const small = Array.from({ length: 600 }, () => heap.alloc(2000));
      for (const block of small) heap.free(block);
    }
    expect(pinnedPages(heap)).toBe(0);
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("are found damaged by a check", () => {
    const { heap, blocks } = usedHeap();
    heap.free(blocks[0] as number);
    const { memory, sheaves } = layersOf(heap);
    const countWord = sheaves.pcpWord + RUN_CACHE_WORD;
    const problems = (): string =>
      checkHeap(heap)
        .findings.map(({ problem }) => problem)
        .join("\n");
    memory.words[countWord] = 0;
    expect(problems()).toContain("a run that is nobody's is on no pcp list");
    memory.words[countWord] = RUN_CACHE_MAX + 1;
    expect(problems()).toContain(`counts ${RUN_CACHE_MAX + 1} runs`);
    memory.words[countWord] = 2;
    memory.words[countWord + 3] = (blocks[1] as number) / PAGE;
    expect(problems()).toContain("holds what is no free run");
    memory.words[countWord] = 1;
    expect(problems()).toBe("");
  });
});
