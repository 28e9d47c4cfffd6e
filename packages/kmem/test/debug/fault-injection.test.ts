import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultInjection, type FaultOptions } from "../../src/debug/fault-injection.ts";
import { blocksOf, checkHeap } from "../../src/index.ts";
import { GFP_KERNEL, LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { thrownBy } from "../support/expectations.ts";
import { Bench } from "./bench.ts";

const candidate = { cache: "kmalloc-64", sizeBytes: 60, isMarked: false };

/** A letter for each of 12 allocations: x for those that fail. */
function pattern(options: FaultOptions): string {
  const faults = new FaultInjection(options, () => false);
  return Array.from({ length: 12 }, () => (faults.fails(candidate) ? "x" : ".")).join("");
}

describe("faults that are wished for", () => {
  it.each([
    [{}, "xxxxxxxxxxxx"],
    [{ interval: 3 }, "..x..x..x..x"],
    [{ space: 4 }, "....xxxxxxxx"],
    [{ times: 2 }, "xx.........."],
    [{ space: 1, interval: 2, times: 3 }, "..x.x.x....."],
    [{ probability: 0 }, "............"],
    [{ caches: ["kmalloc-64"] }, "xxxxxxxxxxxx"],
    [{ caches: ["kmalloc-96"] }, "............"],
    [{ sizeMin: 60, sizeMax: 60 }, "xxxxxxxxxxxx"],
    [{ sizeMin: 61 }, "............"],
    [{ sizeMax: 59 }, "............"],
  ])("with %j are %s", (options, failing) => {
    expect(pattern(options)).toBe(failing);
  });

  it("fall on marked caches alone where some are, unless caches are named", () => {
    const ofMarked = new FaultInjection({}, () => true);
    expect([ofMarked.fails(candidate), ofMarked.fails({ ...candidate, isMarked: true })]).toEqual([false, true]);
    expect(new FaultInjection({ caches: ["kmalloc-64"] }, () => true).fails(candidate)).toBe(true);
  });

  it("are the same for the same seed, and about as many as their probability says", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 9 }), (seed, tenths) => {
        const probability = tenths / 10;
        const [first, second] = [0, 1].map(() => new FaultInjection({ probability, seed }, () => false)) as [
          FaultInjection,
          FaultInjection,
        ];
        for (let step = 0; step < 2000; step++) expect(second.fails(candidate)).toBe(first.fails(candidate));
        expect(Math.abs(first.failedCount / 2000 - probability)).toBeLessThan(0.1);
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    { probability: -0.1 },
    { probability: 1.1 },
    { probability: Number.NaN },
    { interval: 0 },
    { interval: 1.5 },
  ])("cannot be %j", (options) => {
    expect(thrownBy(() => new FaultInjection(options, () => false)).code).toBe("BAD_ARGUMENT");
  });

  it("make every call that asks for memory fail as if there were none, and change nothing", async () => {
    const bench = new Bench();
    const { heap } = bench;
    const cache = heap.createCache({ name: "objects", sizeBytes: 40 });
    const block = heap.alloc(30);
    const liveBefore = [...blocksOf(heap)];
    heap.injectFaults({});
    for (const action of [
      () => heap.alloc(10),
      () => heap.calloc(3, 10),
      () => heap.alignedAlloc(64, 10),
      () => heap.allocWait(10),
      () => heap.realloc(0, 10),
      () => heap.realloc(block, 5000),
      () => cache.alloc(),
      () => cache.allocWait(),
    ]) {
      expect(thrownBy(action).code).toBe("OUT_OF_MEMORY");
    }
    await expect(heap.allocAsync(10)).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
    expect([heap.tryAlloc(10), cache.tryAlloc()]).toEqual([0, 0]);
    expect(heap.failedCount).toBe(11);
    heap.injectFaults(undefined);
    expect([...blocksOf(heap)]).toEqual(liveBefore);
    expect(heap.failedCount).toBe(0);
    heap.free(heap.alloc(10));
    expect([checkHeap(heap).findings, bench.texts()]).toEqual([[], []]);
  });

  it("fall on the caches with the letter A", () => {
    const { heap } = new Bench({ debug: "FZPU;A,victims", faults: {} });
    const victims = heap.createCache({ name: "victims", sizeBytes: 40 });
    expect(victims.tryAlloc()).toBe(0);
    expect(heap.tryAlloc(40)).toBeGreaterThan(0);
  });

  it("are NULL to who calls kmalloc", () => {
    const { heap } = new Bench();
    const log = new LogRing();
    const calls = linux(heap, log);
    heap.injectFaults({ sizeMin: 100, times: 1 });
    expect([
      calls.kmalloc(50, GFP_KERNEL) > 0,
      calls.kmalloc(150, GFP_KERNEL),
      calls.kmalloc(150, GFP_KERNEL) > 0,
    ]).toEqual([true, 0, true]);
    expect(log.messages()).toEqual(["Couldn't get a free page....."]);
  });
});
