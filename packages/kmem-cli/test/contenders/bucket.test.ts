import { describe, expect, it } from "vitest";
import { BucketsHeap } from "../../src/contenders/bucket.ts";

describe("buckets as a heap", () => {
  it("have blocks of powers of two, none smaller than what is aligned to 16", () => {
    const heap = new BucketsHeap(2 ** 22);
    const usable = [0, 1, 16, 17, 100, 2048, 5000].map((sizeBytes) => heap.usableSize(heap.alloc(sizeBytes)));
    expect(usable).toEqual([16, 16, 16, 32, 128, 2048, 8192]);
  });

  it("take a page for a bucket, and for a block of pages one more", () => {
    const heap = new BucketsHeap(2 ** 22);
    const initialBytes = heap.footprintBytes;
    heap.alloc(100);
    const perPage = heap.footprintBytes - initialBytes;
    expect(perPage).toBeGreaterThanOrEqual(4096);
    heap.alloc(8192);
    expect(heap.footprintBytes - initialBytes).toBe(4 * perPage);
  });

  it("throw what the kernel refuses", () => {
    const heap = new BucketsHeap(2 ** 22);
    const address = heap.alloc(100);
    heap.alloc(100);
    heap.free(address);
    expect(() => heap.free(address)).toThrow("is already free");
  });
});
