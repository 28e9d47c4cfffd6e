import { beforeEach, describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, heapStats, ownerOf, reapSlot, slotStats, transferBlock } from "../../src/index.ts";
import { Header, PAGE_SIZE, SlotRecord, SlotState } from "../../src/layout.ts";
import { lockOwner } from "../../src/sync/lock.ts";
import { stateWord } from "../../src/sync/state-word.ts";
import { expectClean, expectRefusal, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";

let heap: Heap;
/** Another thread, which is gone as soon as the tests say so. */
let other: Heap;
let bytesAtFirst: unknown;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
  bytesAtFirst = heapStats(heap).bytes;
  other = Heap.attach(heap.reserve());
});

function expectAsAtFirst(): void {
  heap.trim();
  expect(heapStats(heap).bytes).toEqual(bytesAtFirst);
  expectClean(heap);
}

describe("reap", () => {
  it("takes back what the thread held for itself, and frees the slot when nothing else is left", () => {
    const blocks = Array.from({ length: 500 }, (_, index) => other.alloc(index * 20));
    const mine = heap.alloc(64);
    for (const block of [...blocks, mine]) other.free(block);
    // Most classes have been idle for long and have nothing in their sheaves; this one has half a sheaf.
    other.free(other.alloc(16));
    other.pages.free(other.pages.alloc(1), 1);
    const report = reapSlot(heap, other.slot);
    expect(report).toMatchObject({ slot: 1, blocks: [], pageRuns: [], takenOverLocks: 0, isFreed: true });
    expect(report.returnedBlocks).toBeGreaterThan(10);
    expect(report.returnedPages).toBeGreaterThan(4);
    expectAsAtFirst();
    expect(Heap.attach(heap.reserve()).slot).toBe(other.slot);
  });

  it("lists the blocks and pages of the dead, and keeps them; the slot stays dead", () => {
    const small = other.alloc(100);
    const large = other.alloc(100_000);
    const run = other.pages.alloc(3);
    const mine = heap.alloc(100);
    heap.u8(small).fill(7);
    const report = reapSlot(heap, other.slot);
    expect(report.blocks.map(({ address }) => address).sort((a, b) => a - b)).toEqual(
      [small, large].sort((a, b) => a - b),
    );
    expect(report.pageRuns).toEqual([{ address: run, pageCount: 3 }]);
    expect(report.isFreed).toBe(false);
    expect([small, large, run, mine].map((address) => ownerOf(heap, address))).toEqual([1, 1, 1, 0]);
    expect(heap.u8(small).every((byte) => byte === 7)).toBe(true);
    expect(slotStats(heap)).toMatchObject([
      { slot: 0, state: "held", liveBlocks: 1, pageBytes: 0 },
      { slot: 1, state: "dead", liveBlocks: 2, pageBytes: 3 * PAGE_SIZE },
    ]);
    expect(Heap.attach(heap.reserve()).slot).toBe(2);
    expectClean(heap);
  });

  it("frees them", () => {
    const addresses = [other.alloc(100), other.alloc(100_000), other.pages.alloc(3)];
    const kept = heap.alloc(100);
    expect(reapSlot(heap, other.slot, { blocks: "free" })).toMatchObject({ isFreed: true });
    expect(addresses.map((address) => ownerOf(heap, address))).toEqual([undefined, undefined, undefined]);
    heap.free(kept);
    expectAsAtFirst();
  });

  it("gives them to another slot", () => {
    const third = Heap.attach(heap.reserve());
    const addresses = [other.alloc(100), other.alloc(100_000), other.pages.alloc(3)];
    expect(reapSlot(heap, other.slot, { blocks: "give", to: third.slot })).toMatchObject({ isFreed: true });
    expect(addresses.map((address) => ownerOf(heap, address))).toEqual([2, 2, 2]);
    expect(reapSlot(heap, third.slot, { blocks: "give" }).blocks.length).toBe(2);
    expect(addresses.map((address) => ownerOf(heap, address))).toEqual([0, 0, 0]);
    for (const block of addresses.slice(0, 2)) heap.free(block);
    heap.pages.free(addresses[2] as number, 3);
    expectAsAtFirst();
  });

  it("frees later what was kept at first", () => {
    other.alloc(100);
    reapSlot(heap, other.slot);
    expect(reapSlot(heap, other.slot, { blocks: "free" }).blocks.length).toBe(1);
    expectAsAtFirst();
  });

  it("does nothing about a slot that is free, or another thread's by now", () => {
    const nothing = { blocks: [], pageRuns: [], returnedPages: 0, isFreed: true };
    expect(reapSlot(heap, 7)).toMatchObject(nothing);
    expect(reapSlot(heap, other.slot, { generation: 7 })).toMatchObject(nothing);
    expect(slotStats(heap)).toMatchObject([{ state: "held" }, { state: "held" }]);
    other.free(other.alloc(100_000));
    expectClean(heap);
  });

  it("takes a slot from a thread that runs on after all: its slow paths say so", () => {
    reapSlot(heap, other.slot);
    expect(thrownBy(() => other.alloc(200_000)).code).toBe("DETACHED");
  });

  it("gives back the locks of the dead, and what they guard is whole", () => {
    const peek = new Peek(heap);
    const word = peek.headerWord(Header.PAGES_LOCK);
    layersOf(heap).memory.words[word] = lockOwner(other.slot, layersOf(heap).slots.generation(other.slot));
    const zone = layersOf(heap).pages.zones[1];
    zone?.set(2, 12345);
    expect(reapSlot(heap, other.slot).takenOverLocks).toBe(1);
    expectAsAtFirst();
  });

  it("refuses what is no slot, the caller's own, a free one, and receivers that are none", () => {
    for (const slot of [-1, 64, 1.5, Number.NaN])
      expectRefusal(heap, () => reapSlot(heap, slot), "BAD_ARGUMENT", "there is no slot");
    expectRefusal(heap, () => reapSlot(heap, heap.slot), "BAD_ARGUMENT", "the caller's own");
    const give = (to: number) => () => reapSlot(heap, other.slot, { blocks: "give", to });
    for (const to of [other.slot, 9]) expectRefusal(heap, give(to), "BAD_ARGUMENT", "no thread holds the slot");
    expectRefusal(heap, give(-1), "BAD_ARGUMENT", "to is the number of a slot");
    for (const blocks of ["burn", { give: 0 }]) {
      const wrong = { blocks } as unknown as { blocks: "free" };
      const text = 'blocks is "keep", "free" or "give" (to the slot that to names), not';
      expectRefusal(heap, () => reapSlot(heap, other.slot, wrong), "BAD_ARGUMENT", text);
    }
  });
});

describe("a thread that waits for a lock whose holder is dead", () => {
  it("inherits it as soon as the slot is marked as dead, and repairs what it guards", () => {
    const { slots, caches, memory } = layersOf(heap);
    const kind = new Peek(heap).kindAt(heap.alloc(64));
    const record = caches.record(kind);
    // As if it had died within: the count of free blocks is wrong, the lock is held.
    memory.words[record + 9] = -77;
    memory.words[record + 23] = lockOwner(other.slot, slots.generation(other.slot));
    slots.markDead(other.slot, layersOf(other).sync.generation);
    for (let index = 0; index < 2000; index++) heap.alloc(64);
    expect(reapSlot(heap, other.slot).takenOverLocks).toBe(0);
    expectClean(heap);
  });
});

describe("transfer", () => {
  it("makes blocks and runs of pages another slot's, so that they outlive the thread", () => {
    const addresses = [other.alloc(100), other.alloc(100_000), other.pages.alloc(3)];
    for (const address of addresses) transferBlock(other, address, heap.slot);
    expect(addresses.map((address) => ownerOf(other, address))).toEqual([0, 0, 0]);
    expect(reapSlot(heap, other.slot, { blocks: "free" }).blocks).toEqual([]);
    expect(addresses.map((address) => ownerOf(heap, address))).toEqual([0, 0, 0]);
    expectClean(heap);
  });

  it("refuses what is nobody's, and slots without a thread", () => {
    const block = heap.alloc(100);
    const run = heap.pages.alloc(3);
    for (const address of [0, 1, block + 16, run + PAGE_SIZE, 0.5, -16]) {
      expectRefusal(
        heap,
        () => transferBlock(heap, address, other.slot),
        "INVALID_ADDRESS",
        "no live block or run of pages",
      );
    }
    for (const slot of [5, -1, 64, Number.NaN]) {
      expectRefusal(heap, () => transferBlock(heap, block, slot), "BAD_ARGUMENT", "no thread holds the slot");
    }
  });
});

describe("reserve", () => {
  it("keeps a slot for one thread, which attaches with the handle once", () => {
    const handle = structuredClone(heap.reserve());
    expect(handle.place).toMatchObject({ slot: 2, generation: 1 });
    expect(slotStats(heap)[2]).toMatchObject({ slot: 2, state: "reserved" });
    expectClean(heap);
    const third = Heap.attach(handle);
    expect(third.slot).toBe(2);
    expect(thrownBy(() => Heap.attach(structuredClone(handle))).code).toBe("NO_SLOT");
    expect(Heap.attach(heap.reserve()).slot).toBe(3);
    expectClean(heap);
  });

  it("is over when the slot is reaped", () => {
    const handle = structuredClone(heap.reserve());
    expect(reapSlot(heap, 2)).toMatchObject({ isFreed: true, returnedPages: 0 });
    expect(thrownBy(() => Heap.attach(handle)).code).toBe("NO_SLOT");
    const { slots, memory } = layersOf(heap);
    expect(memory.words[slots.word(2, SlotRecord.STATE)]).toBe(stateWord(slots.generation(2), SlotState.FREE));
    expectClean(heap);
  });
});
