import { expect } from "vitest";
import type { Heap, HeapStats } from "../../src/index.ts";
import { checkHeap, heapStats, KmemError, OutOfMemoryError } from "../../src/index.ts";

/** What an action throws, which must be a KmemError. */
export function thrownBy(action: () => unknown): KmemError {
  try {
    action();
  } catch (error) {
    if (error instanceof KmemError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Asserts that an action throws a KmemError of this code and these texts and leaves every byte as it was. */
export function expectRefusal(
  heap: Heap,
  action: () => unknown,
  code: string,
  ...texts: (string | RegExp)[]
): KmemError {
  const before = new Uint8Array(heap.buffer).slice();
  const error = thrownBy(action);
  expect(error.code).toBe(code);
  for (const text of texts) expect(error.message).toMatch(text);
  expect(firstDifference(before, new Uint8Array(heap.buffer))).toBe(-1);
  return error;
}

/** Index of the first byte in which two buffers differ, or -1. */
export function firstDifference(before: Uint8Array, after: Uint8Array): number {
  if (before.length !== after.length) return Math.min(before.length, after.length);
  if (Buffer.compare(before, after) === 0) return -1;
  return before.findIndex((byte, index) => byte !== after[index]);
}

export function expectClean(heap: Heap): void {
  expect(checkHeap(heap).findings).toEqual([]);
}

/** The free blocks of a heap's zones in the order of its lists: order, then the addresses from the head on. */
export function freePagesOf(stats: HeapStats): readonly unknown[] {
  return stats.zones.map(({ name, freePages, freeBlocksByOrder }) => ({ name, freePages, freeBlocksByOrder }));
}

/** Asserts that the parts of `stats().bytes` add up to the whole. */
export function expectBytesAddUp(heap: Heap): void {
  const { totalBytes, ...parts } = heapStats(heap).bytes;
  expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(totalBytes);
}

/** Pages in the longest free run, as an impossible request is told. */
export function largestFreePages(heap: Heap): number {
  const error = thrownBy(() => heap.alloc(2 ** 32 - 1));
  return error instanceof OutOfMemoryError ? error.largestFreeRunBytes / 4096 : 0;
}
