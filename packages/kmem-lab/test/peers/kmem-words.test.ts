import { expect, it } from "vitest";
import { Random } from "../../src/loads/random.ts";
import { createHeap } from "../../src/peers/kmem-words.ts";

const PLAN = { peakLiveBytes: 2 ** 20 };
const OPERATIONS = 20_000;
const SIZE_MAX = 40_000;

it("hands out blocks that no other block overlaps, and keeps what is in them", () => {
  const heap = createHeap(PLAN);
  const bytes = new Uint8Array(heap.buffer!);
  const random = new Random();
  const live = new Map<number, { readonly size: number; readonly seed: number }>();
  const fill = (address: number, size: number, seed: number): void => {
    bytes.fill(seed, address, address + size);
    live.set(address, { size, seed });
  };
  const intact = (address: number, size: number, seed: number): boolean =>
    bytes.subarray(address, address + size).every((byte) => byte === seed);
  for (let turn = 1; turn <= OPERATIONS; turn++) {
    const size = random.between(0, 7) === 0 ? random.between(0, SIZE_MAX) : random.between(0, 600);
    const seed = turn & 0xff;
    const [first] = live;
    if (live.size > 300 && first !== undefined) {
      const [address, { size: before, seed: former }] = first;
      expect(intact(address, before, former)).toBe(true);
      live.delete(address);
      if (turn % 3 > 0) heap.free(address);
      else {
        const moved = heap.realloc(address, size);
        expect(intact(moved, Math.min(before, size), former)).toBe(true);
        fill(moved, size, seed);
      }
    } else if (turn % 2 === 0) fill(heap.alloc(size), size, seed);
    else {
      const address = heap.calloc(1, size);
      expect(intact(address, size, 0)).toBe(true);
      fill(address, size, seed);
    }
  }
  for (const [address, { size, seed }] of live) {
    expect(intact(address, size, seed)).toBe(true);
    expect(heap.usableSize(address)).toBeGreaterThanOrEqual(size);
  }
});

it("refuses a second free, and a free within a block", () => {
  const heap = createHeap(PLAN);
  const block = heap.alloc(64);
  heap.free(block);
  expect(() => heap.free(block)).toThrow("is no live block");
  expect(() => heap.free(heap.alloc(64) + 8)).toThrow("is no live block");
});
