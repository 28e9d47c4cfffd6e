import type { ReapReport } from "kmem";
import { describe, expect, it } from "vitest";
import { AllocationList } from "../../src/kill/allocation-list.ts";
import { listFaults } from "../../src/kill/reaped-allocations.ts";
import { ALLOCATIONS_MAX, clearRecord, createSharedState } from "../../src/kill/shared-state.ts";

const allocation = (address: number, pageCount = 0) => ({ address, pageCount });

describe("an allocation list", () => {
  it("holds what was added and not taken, each thread's for itself", () => {
    const shared = createSharedState(2);
    const [mine, others] = [new AllocationList(shared, 0), new AllocationList(shared, 1)];
    for (const address of [0x10, 0xffff_fff0, 0x30]) mine.add(allocation(address, 2));
    others.add(allocation(0x40));
    expect(mine.take(1)).toEqual(allocation(0xffff_fff0, 2));
    expect(mine.all()).toEqual([allocation(0x10, 2), allocation(0x30, 2)]);
    expect(others.all()).toEqual([allocation(0x40)]);
    clearRecord(shared, 0);
    expect([mine.count, others.count]).toEqual([0, 1]);
  });

  it("is full in the end", () => {
    const allocations = new AllocationList(createSharedState(1), 0);
    for (let count = 0; count < ALLOCATIONS_MAX; count++) {
      expect(allocations.isFull).toBe(false);
      allocations.add(allocation(16 * (count + 1)));
    }
    expect(allocations.isFull).toBe(true);
  });
});

describe("the list of what a dead thread owned", () => {
  const report = (...addresses: number[]): ReapReport => ({
    slot: 3,
    blocks: addresses.map((address) => ({ address, usableBytes: 16, cache: "kmalloc-16", live: true, slot: 3 })),
    pageRuns: [{ address: 4096, pageCount: 2 }],
    areas: [],
    mempools: [],
    traceRings: [],
    returnedBlocks: 0,
    returnedPages: 0,
    takenOverLocks: 0,
    isFreed: true,
  });

  it("is what the thread had noted, but for what was in flight", () => {
    expect(listFaults(report(16, 32), [allocation(16), allocation(32), allocation(4096, 2)])).toEqual([]);
    expect(listFaults(report(16, 32), [allocation(4096, 2)])).toEqual([]);
  });

  it("is wrong with more, and with less", () => {
    expect(listFaults(report(16, 32, 48), [allocation(4096, 2)])).toEqual([
      "slot 3: listed, but not its own: 16, 32, 48",
    ]);
    expect(listFaults(report(16), [allocation(16), allocation(64), allocation(4096)])).toEqual([
      "slot 3: its own, but not listed: 64",
    ]);
  });
});
