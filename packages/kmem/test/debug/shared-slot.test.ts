// Several DebugHeap objects of one thread share its slot, its quarantine and its records: one may go before the others.
import { describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { blocksOf, heapStats, slotStats } from "../../src/index.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

describe("heaps of one thread, the first of which is detached", () => {
  it("go on: what lay in quarantine is free when there is no other memory", () => {
    const first = DebugHeap.create({ sizeBytes: MIB });
    const second = DebugHeap.attach(first.source);
    first.detach();
    const before = heapStats(second).liveBlocks;
    const blocks: number[] = [];
    for (let block = second.tryAlloc(500); block !== 0; block = second.tryAlloc(500)) blocks.push(block);
    for (const block of blocks) second.free(block);
    const pages = second.pages.tryAlloc(200);
    expect(pages).toBeGreaterThan(0);
    second.pages.free(pages, 200);
    second.trim();
    expect(heapStats(second).liveBlocks).toBe(before);
    expectClean(second);
  });

  it("go on with its caches", () => {
    const first = DebugHeap.create({ sizeBytes: MIB });
    const second = DebugHeap.attach(first.source);
    const cache = first.createCache({ name: "shared", sizeBytes: 40 });
    const objects = Array.from({ length: 50 }, () => cache.alloc());
    first.detach();
    for (const object of objects) cache.free(object);
    cache.shrink();
    cache.destroy();
    expectClean(second);
    second.detach();
  });
});

describe("an object that comes after its heap was detached", () => {
  it("is as good as a plain heap's", async () => {
    const heap = DebugHeap.create({ sizeBytes: MIB });
    const other = DebugHeap.attach(heap.reserve());
    const coming = heap.allocAsync(100);
    heap.detach();
    const address = await coming;
    expect([...blocksOf(other)].map((block) => block.address)).toEqual([address]);
    other.free(address);
    other.trim();
    expectClean(other);
  });
});

describe("a detach that finds what is to be thrown", () => {
  it.each([
    ["debugged", () => DebugHeap.create({ sizeBytes: 4 * MIB, debug: "FZP", panic: true, report: () => {} })],
    ["sampled", () => SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 1, panic: true, report: () => {} })],
  ])("gives the slot and all blocks back all the same: %s", (_, create) => {
    const heap = create();
    const other = heap instanceof DebugHeap ? DebugHeap.attach(heap.reserve()) : SampledHeap.attach(heap.reserve());
    const blocks = Array.from({ length: 5 }, () => heap.alloc(40));
    for (const block of blocks) heap.free(block);
    new Uint8Array(heap.buffer)[blocks[0]! + 3] ^= 1;
    const { slot } = heap;
    expect(thrownBy(() => heap.detach()).code).toBe("CORRUPTION");
    expect(slotStats(other).find((one) => one.slot === slot)?.state ?? "free").toBe("free");
    expect(thrownBy(() => heap.alloc(1)).code).toBe("DETACHED");
    expect(heapStats(other).liveBlocks).toBe(0);
    expectClean(other);
  });
});

describe("a scope in a slot that another thread has had", () => {
  it("lists what was allocated in it, and nothing of the former thread's", () => {
    const heap = DebugHeap.create({ sizeBytes: 4 * MIB });
    const other = DebugHeap.attach(heap.reserve());
    for (let index = 0; index < 5; index++) heap.alloc(100);
    heap.detach();
    const next = DebugHeap.attach(other.reserve());
    const printed: string[] = [];
    const scope = next.scope("new");
    expect(scope.objects()).toEqual([]);
    const block = next.alloc(8);
    expect(scope.objects().map(({ address }) => address)).toEqual([block]);
    next.free(block);
    scope.dispose();
    expect(printed).toEqual([]);
  });
});
