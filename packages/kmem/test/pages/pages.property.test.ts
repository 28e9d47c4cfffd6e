import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../src/index.ts";
import { expectClean, freePagesOf } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";

interface Run {
  readonly address: number;
  readonly count: number;
}

const step = fc.record({
  isAlloc: fc.boolean(),
  count: fc.integer({ min: 1, max: 90 }),
  alignShift: fc.integer({ min: 0, max: 5 }),
  pick: fc.nat(),
  from: fc.nat(),
});

/** Frees pages of a run from its page `first` on, and gives what is left of it. */
function freePart(heap: Heap, { address, count }: Run, first: number, freed: number): Run[] {
  heap.pages.free(address + first * PAGE, freed);
  const after = first + freed;
  return [
    { address, count: first },
    { address: address + after * PAGE, count: count - after },
  ].filter((part) => part.count > 0);
}

describe.each([
  ["one zone", 2 * MIB, 0],
  ["two zones", 2 * MIB, 300_000],
])("any sequence of allocs and frees of parts in %s", (_name, sizeBytes, dmaBytes) => {
  it("keeps runs apart and accounts for every page, and leaves the lists as they were", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const heap = Heap.create({ sizeBytes, dmaBytes });
        const before = { stats: freePagesOf(heapStats(heap)), blocks: new Peek(heap).freeBlocks() };
        const total = heapStats(heap).bytes.freePageBytes / PAGE;
        const owners = new Map<number, Run>();
        let runs: Run[] = [];
        for (const { isAlloc, count, alignShift, pick, from } of steps) {
          if (isAlloc || runs.length === 0) {
            const alignmentBytes = PAGE * 2 ** (pick % 4 === 0 ? alignShift : 0);
            const address = heap.pages.tryAlloc(count, { alignmentBytes, reserve: true });
            if (address === 0) continue;
            expect(address % alignmentBytes).toBe(0);
            const run = { address, count };
            runs.push(run);
            for (let page = 0; page < count; page++) {
              expect(owners.has(address + page * PAGE)).toBe(false);
              owners.set(address + page * PAGE, run);
            }
          } else {
            const index = pick % runs.length;
            const run = runs[index] as Run;
            const first = from % run.count;
            const freed = 1 + (count % (run.count - first));
            runs.splice(index, 1, ...freePart(heap, run, first, freed));
            for (let page = first; page < first + freed; page++) owners.delete(run.address + page * PAGE);
          }
          expect(heapStats(heap).bytes.freePageBytes / PAGE).toBe(total - owners.size);
          expect(heapStats(heap).bytes.pageRunBytes / PAGE).toBe(owners.size);
        }
        expectClean(heap);
        runs = runs.reverse();
        for (const { address, count } of runs) heap.pages.free(address, count);
        expectClean(heap);
        expect(freePagesOf(heapStats(heap))).toEqual(before.stats);
        expect(new Peek(heap).freeBlocks()).toEqual(before.blocks);
      }),
      { numRuns: 20, seed: 11 },
    );
  });
});
