import { describe, expect, it } from "vitest";
import { MemorySampler, unusableIndexes } from "../../src/replay/memory-sampler.ts";
import { heapWith } from "./support.ts";

describe("samples of the memory", () => {
  it("have the most of each part, so that the peak is among them", () => {
    const sampler = new MemorySampler(heapWith(), 5, 3);
    for (const [live, footprint] of [
      [1, 10],
      [9, 90],
      [2, 20],
      [3, 80],
      [4, 40],
    ] as const)
      sampler.take(live, footprint);
    // A part begins with what the one before it has left.
    expect(sampler.result()).toEqual({ opsPerSample: 2, liveBytes: [9, 9, 4], footprintBytes: [90, 90, 80] });
  });

  it("are one for each operation where there are few", () => {
    const sampler = new MemorySampler(heapWith(), 2, 100);
    sampler.take(1, 10);
    sampler.take(2, 20);
    expect(sampler.result()).toEqual({ opsPerSample: 1, liveBytes: [1, 2], footprintBytes: [10, 20] });
  });
});

describe("the unusable free space index", () => {
  it("is the share of the free pages in blocks below the order", () => {
    // 4 pages one by one, 2 blocks of 2, 2 blocks of 4: 16 pages.
    expect(unusableIndexes([{ freeBlocksByOrder: [4, 2, 2, 0] }])).toEqual([0, 0.25, 0.5, 1]);
  });

  it("adds zones up, and is whole where nothing is free", () => {
    expect(unusableIndexes([{ freeBlocksByOrder: [1, 0] }, { freeBlocksByOrder: [1, 1] }])).toEqual([0, 0.5]);
    expect(unusableIndexes([{ freeBlocksByOrder: [0, 0] }])).toEqual([1, 1]);
    expect(unusableIndexes([])).toEqual([]);
  });
});
