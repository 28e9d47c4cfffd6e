import { describe, expect, it } from "vitest";
import { BuddyHeap } from "../../src/contenders/buddy.ts";

const PAGE = 4096;

describe("the page allocator as a heap", () => {
  it("has whole pages for every block", () => {
    const heap = new BuddyHeap(2 ** 22);
    const usable = [0, 1, PAGE, PAGE + 1, 3 * PAGE].map((sizeBytes) => heap.usableSize(heap.alloc(sizeBytes)));
    expect(usable).toEqual([PAGE, PAGE, PAGE, 2 * PAGE, 3 * PAGE]);
  });

  it("gives back the end of a run that becomes shorter", () => {
    const heap = new BuddyHeap(2 ** 22);
    const address = heap.alloc(8 * PAGE);
    const grownBytes = heap.footprintBytes;
    expect(heap.realloc(address, 2 * PAGE + 1)).toBe(address);
    expect(heap.usableSize(address)).toBe(3 * PAGE);
    expect(grownBytes - heap.footprintBytes).toBeGreaterThanOrEqual(5 * PAGE);
    heap.free(address);
    expect(heap.check().findings).toEqual([]);
  });
});
