import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import type { Located } from "../../src/debug/locate-object.ts";
import { type Evicted, Quarantine } from "../../src/debug/quarantine.ts";
import { blocksOf, checkHeap, heapStats } from "../../src/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { Random } from "../support/random.ts";

const UNLIMITED = Number.POSITIVE_INFINITY;

function blockOf(address: number, bytes = 64): Located {
  return { block: { address, bytes }, record: { padBytes: 16, kind: 20 } } as unknown as Located;
}

const addresses = (blocks: readonly Evicted[]): number[] => blocks.map(({ block }) => block.address);

describe("a quarantine", () => {
  it("lets the oldest go when there are too many", () => {
    const quarantine = new Quarantine({ bytes: UNLIMITED, count: 2 });
    expect([1, 2, 3, 4, 5].map((address) => addresses(quarantine.put(blockOf(address))))).toEqual([
      [],
      [],
      [1],
      [2],
      [3],
    ]);
    expect(quarantine.count).toBe(2);
  });

  it("lets as many go as a large block needs", () => {
    const quarantine = new Quarantine({ bytes: 100, count: UNLIMITED });
    for (const address of [1, 2, 3]) quarantine.put(blockOf(address, 30));
    expect(addresses(quarantine.put(blockOf(4, 70)))).toEqual([1, 2]);
    expect(quarantine.bytes).toBe(100);
  });

  it("keeps no block that is larger than it, and none where it is off", () => {
    const small = new Quarantine({ bytes: 100, count: UNLIMITED });
    small.put(blockOf(1, 50));
    expect(addresses(small.put(blockOf(2, 101)))).toEqual([1, 2]);
    expect(addresses(new Quarantine({ bytes: 0, count: UNLIMITED }).put(blockOf(1)))).toEqual([1]);
    expect(addresses(new Quarantine({ bytes: UNLIMITED, count: 0 }).put(blockOf(1)))).toEqual([1]);
  });

  it("gives all up when it is drained", () => {
    const quarantine = new Quarantine({ bytes: UNLIMITED, count: UNLIMITED });
    for (const address of [1, 2, 3]) quarantine.put(blockOf(address));
    expect(addresses(quarantine.drain())).toEqual([1, 2, 3]);
    expect([quarantine.count, quarantine.bytes, quarantine.drain()]).toEqual([0, 0, []]);
  });

  it("lets blocks go in an order that the random numbers say", () => {
    const random = new Random(1);
    const quarantine = new Quarantine({ bytes: UNLIMITED, count: 50 }, () => random.below(1000) / 1000);
    const left = Array.from({ length: 500 }, (_, address) => addresses(quarantine.put(blockOf(address)))).flat();
    expect(left).toHaveLength(450);
    expect(left).not.toEqual([...left].sort((a, b) => a - b));
    const all = [...left, ...addresses(quarantine.drain())].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 500 }, (_, address) => address));
  });

  it("loses no block and keeps to its limits, whatever comes", () => {
    const limits = fc.record({ bytes: fc.nat(500), count: fc.nat(10) });
    fc.assert(
      fc.property(limits, fc.array(fc.nat(120)), fc.option(fc.nat(99)), ({ bytes, count }, sizes, share) => {
        const quarantine = new Quarantine({ bytes, count }, share === null ? undefined : () => share / 100);
        const left: number[] = [];
        for (const [address, size] of sizes.entries()) {
          left.push(...addresses(quarantine.put(blockOf(address, size))));
          expect(quarantine.count).toBeLessThanOrEqual(count);
          expect(quarantine.bytes).toBeLessThanOrEqual(bytes);
          expect(quarantine.count + left.length).toBe(address + 1);
        }
        left.push(...addresses(quarantine.drain()));
        if (share === null) expect(left).toEqual([...sizes.keys()]);
        expect(new Set(left).size).toBe(sizes.length);
      }),
    );
  });
});

describe("the quarantine of a heap that panics", () => {
  it.each([
    ["debugged", DebugHeap.create({ sizeBytes: 4 * MIB, debug: "FZP", panic: true, report: () => {} })],
    ["sampled", SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 1, panic: true, report: () => {} })],
  ])("lets all its blocks go where the first is damaged, and throws then: %s", (_, heap) => {
    const blocks = Array.from({ length: 10 }, () => heap.alloc(100));
    for (const block of blocks) heap.free(block);
    new Uint8Array(heap.buffer)[blocks[0]! + 50] = 1;
    expect(thrownBy(() => heap.trim()).code).toBe("CORRUPTION");
    expect([...blocksOf(heap)]).toEqual([]);
    // The damaged one is kept as it is found; the others are free.
    expect(checkHeap(heap).findings).toMatchObject([{ layer: "debug", address: blocks[0]! + 50 }]);
    expect(heapStats(heap).liveBlocks).toBe(1);
  });
});
