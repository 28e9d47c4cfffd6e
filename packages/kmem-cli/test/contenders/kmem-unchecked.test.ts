import { Header, PAGE_SIZE } from "kmem/layout";
import { describe, expect, it } from "vitest";
import { Random } from "../../../kmem/test/support/random.ts";
import { createHeap } from "../../src/contenders/kmem-unchecked.ts";

const CLASS_BYTES_MAX = 32768;

describe("kmem without checks", () => {
  it("hands out blocks apart, keeps what is in them, and is whole before and after", () => {
    const heap = createHeap({ peakLiveBytes: 0 });
    const words = new Int32Array(heap.buffer);
    const random = new Random(1);
    const live = new Map<number, number>();
    const mark = (address: number, size: number): void => {
      words.fill(address, address / 4, (address + size) / 4);
      live.set(address, size);
    };
    const unmark = (address: number): void => {
      const size = live.get(address) as number;
      expect(words.subarray(address / 4, (address + size) / 4).every((word) => word === address)).toBe(true);
      live.delete(address);
    };
    for (let step = 0; step < 20_000; step++) {
      const size = 4 * (1 + random.below(random.below(10) === 0 ? CLASS_BYTES_MAX : 100));
      const addresses = [...live.keys()];
      const address = addresses.length === 0 ? 0 : random.pick(addresses);
      const action = live.size > 300 ? 0 : random.below(6);
      if (action === 0 && address !== 0) {
        unmark(address);
        heap.free(address);
      } else if (action === 1 && address !== 0) {
        expect(heap.usableSize(address)).toBeGreaterThanOrEqual(live.get(address) as number);
        unmark(address);
        mark(heap.realloc(address, size), size);
      } else if (action === 2) {
        const cleared = heap.calloc(1, size);
        expect(words.subarray(cleared / 4, (cleared + size) / 4).every((word) => word === 0)).toBe(true);
        mark(cleared, size);
      } else if (action === 3) mark(heap.alignedAlloc(64, size), size);
      else mark(heap.alloc(size), size);
    }
    expect(heap.check().findings).toEqual([]);
    expect(heap.stats().bytes.liveSlabBytes).toBeGreaterThan(0);
    for (const address of [...live.keys()]) heap.free(address);
    heap.trim();
    expect(heap.check().findings).toEqual([]);
    expect(heap.stats().lateDoubleFrees).toBe(0);
  });

  it("writes no tag when it pops and pushes", () => {
    const heap = createHeap({ peakLiveBytes: 0 });
    const header = new Int32Array(heap.buffer);
    const tags = new Uint8Array(heap.buffer, (header[Header.TAG_TABLE] as number) >>> 0, 64 * PAGE_SIZE);
    heap.free(heap.alloc(64));
    const before = tags.slice();
    const block = heap.alloc(64);
    expect(Buffer.compare(tags, before)).toBe(0);
    heap.free(block);
    expect(Buffer.compare(tags, before)).toBe(0);
    expect(heap.alloc(64)).toBe(block);
  });
});
