import { expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { heapStats } from "../../src/index.ts";
import { expectBytesAddUp, expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** Calls `work` so many calls deeper, so that its stack is another one than all others'. */
function deeper(calls: number, work: () => void): void {
  if (calls === 0) work();
  else deeper(calls - 1, work);
}

it.each([true, false])("objects are whole where keeping their stacks makes the memory grow (shared: %s)", (shared) => {
  const heap = DebugHeap.create({ sizeBytes: MIB, maximumBytes: 8 * MIB, shared, stackDepth: 200, report: () => {} });
  const blocks: number[] = [];
  const lengths = new Set<number>();
  for (let depth = 0; depth < 120; depth++) {
    deeper(depth, () => {
      const block = heap.alloc(8);
      blocks.push(block);
      expect([...heap.u8(block)]).toEqual([0x6b, 0x6b, 0x6b, 0x6b, 0x6b, 0x6b, 0x6b, 0xa5]);
      if (depth % 3 !== 0) heap.free(blocks.shift() as number);
    });
    // Nothing is left for the next stacks but what the memory grows by.
    const [zone] = heapStats(heap).zones.slice(-1);
    const spare = (zone?.freePages ?? 0) - (zone?.watermarkPages.min ?? 0);
    for (let page = 0; page < spare; page++) heap.pages.tryAlloc(1);
    lengths.add(heap.buffer.byteLength);
  }
  expect(lengths.size).toBeGreaterThan(3);
  expect(heap.leaks().reduce((sum, site) => sum + site.blocks, 0)).toBe(blocks.length);
  expectClean(heap);
  expectBytesAddUp(heap);
});
