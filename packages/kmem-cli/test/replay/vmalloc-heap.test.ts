import { describe, expect, it } from "vitest";
import { createAreas } from "../../src/contenders/kmem.ts";
import { isOutOfMemory } from "../../src/replay/replay-heap.ts";

const PLAN = { peakLiveBytes: 2 ** 20, peakLiveBlockCount: 1, requestedBytes: 2 ** 20, opCount: 1 };

describe("areas of vmalloc as blocks of a replay", () => {
  it("are allocated and freed by numbers of 32 bits", () => {
    const heap = createAreas(PLAN);
    const before = heap.footprintBytes;
    const pages = [4096, 5000, 2 ** 20].map((sizeBytes) => {
      const page = heap.alloc(sizeBytes);
      expect(page >>> 0).toBe(page);
      expect(heap.usableSize(page)).toBe(Math.ceil(sizeBytes / 4096) * 4096);
      return page;
    });
    expect(new Set(pages).size).toBe(3);
    expect(heap.footprintBytes).toBeGreaterThanOrEqual(before + 2 ** 20);
    for (const page of pages) heap.free(page);
    expect(heap.footprintBytes).toBeLessThan(before + 2 ** 18);
  });

  it("run out", () => {
    const heap = createAreas(PLAN);
    let error: unknown;
    try {
      heap.alloc(2 ** 31);
    } catch (thrown) {
      error = thrown;
    }
    expect(isOutOfMemory(error)).toBe(true);
  });

  it("are nothing else", () => {
    const heap = createAreas(PLAN);
    expect(() => heap.calloc(1, 1)).toThrow("vmalloc and vfree only");
    expect(() => heap.realloc(1, 1)).toThrow("vmalloc and vfree only");
    expect(() => heap.alignedAlloc(16, 1)).toThrow("vmalloc and vfree only");
    expect(() => heap.createCache({ name: "a", sizeBytes: 1 })).toThrow("vmalloc and vfree only");
  });
});
