import { describe, expect, it, vi } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, type HeapOptions } from "../../src/index.ts";
import { Header } from "../../src/memory/layout.ts";
import { classBytes } from "../../src/slab/size-classes.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** Rounds in which a heap may still find its level. */
const FIRST_ROUNDS = 100;
const ROUNDS = 400;

/** What the slow half of a heap does meanwhile: sheaves that it empties, and fills. */
function slowWork(heap: Heap, action: () => void): { drains: number; refills: number } {
  const { sheaves } = layersOf(heap);
  const drain = vi.spyOn(sheaves, "drain");
  const refill = vi.spyOn(sheaves, "refill");
  action();
  const counts = { drains: drain.mock.calls.length, refills: refill.mock.calls.length };
  drain.mockRestore();
  refill.mockRestore();
  return counts;
}

/** Blocks of some classes in turn, one live at a time. */
function takeTurns(heap: Heap, classes: readonly number[], rounds: number): void {
  for (let round = 0; round < rounds; round++) for (const index of classes) heap.free(heap.alloc(classBytes(index)));
}

const HEAPS: readonly (readonly [string, HeapOptions])[] = [
  ["a small heap", { sizeBytes: MIB }],
  ["a large heap", { sizeBytes: 16 * MIB }],
  ["a heap that grows", { sizeBytes: MIB, maximumBytes: 16 * MIB }],
];

describe.each(HEAPS)("%s that returns to its level again and again", (_name, options) => {
  it.each([6, 8, 10, 12, 14, 16])("leaves the slabs of %i classes alone that are used in turn", (classCount) => {
    for (const step of [1, 2, 3]) {
      const heap = Heap.create(options);
      heap.alloc(100);
      const classes = Array.from({ length: classCount }, (_, index) => index * step);
      takeTurns(heap, classes, FIRST_ROUNDS);
      expect(slowWork(heap, () => takeTurns(heap, classes, ROUNDS))).toEqual({ drains: 0, refills: 0 });
      expectClean(heap);
    }
  });

  it("does so with runs of pages that come and go", () => {
    const heap = Heap.create(options);
    const classes = [3, 9, 15, 21];
    const round = (): void => {
      takeTurns(heap, classes, 1);
      const blocks = [40_000, 50_000, 60_000].map((sizeBytes) => heap.alloc(sizeBytes));
      for (const block of blocks) heap.free(block);
    };
    for (let turn = 0; turn < FIRST_ROUNDS; turn++) round();
    const work = slowWork(heap, () => {
      for (let turn = 0; turn < ROUNDS; turn++) round();
    });
    expect(work).toEqual({ drains: 0, refills: 0 });
  });
});

describe("the level at which a heap reclaims what lies idle", () => {
  it("never sinks, and rises each time that it is reached", () => {
    const heap = Heap.create({ sizeBytes: 16 * MIB });
    const { frames } = layersOf(heap).pages;
    const levelNow = (): number => frames.reclaimWord(Header.RECLAIM_AT);
    let level = levelNow();
    let rises = 0;
    for (let turn = 0; turn < 2000; turn++) {
      const usedFrames = layersOf(heap).pages.usedFrames;
      frames.setReclaimWord(Header.REQUESTS_SINCE_RECLAIM, 1000);
      heap.alloc(classBytes(turn % 70));
      const isReached = frames.reclaimWord(Header.REQUESTS_SINCE_RECLAIM) === 0;
      if (isReached) expect(levelNow()).toBeGreaterThan(Math.max(level, usedFrames));
      else expect(levelNow()).toBe(level);
      if (isReached) rises++;
      level = levelNow();
    }
    expect(rises).toBeGreaterThan(10);
  });

  it("is not forgotten by a heap that has stayed below it for two thousand million requests", () => {
    const heap = Heap.create({ sizeBytes: 16 * MIB });
    const { frames } = layersOf(heap).pages;
    heap.free(heap.alloc(8 * MIB));
    const most = 2 ** 31 - 1;
    frames.setReclaimWord(Header.REQUESTS_SINCE_RECLAIM, most);
    frames.setReclaimWord(Header.RECLAIM_AT, 1000);
    heap.free(heap.alloc(100_000));
    expect(frames.reclaimWord(Header.REQUESTS_SINCE_RECLAIM)).toBe(most);
    heap.alloc(8 * MIB);
    heap.alloc(300_000);
    expect(frames.reclaimWord(Header.REQUESTS_SINCE_RECLAIM)).toBeLessThan(2);
  });
});
