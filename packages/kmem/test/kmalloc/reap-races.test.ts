import { beforeEach, describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, heapStats, ownerOf, reapSlot, slotStats } from "../../src/index.ts";
import { PAGE_SIZE, SlotRecord, SlotState } from "../../src/layout.ts";
import { stateWord } from "../../src/sync/state-word.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** What threads do in the midst of what another one does: each `before` runs right before a function is called once. */
function before<Name extends string>(
  target: Record<Name, (...args: never[]) => unknown>,
  name: Name,
  work: () => void,
): void {
  const original = target[name];
  Object.assign(target, {
    [name]: (...args: never[]) => {
      Object.assign(target, { [name]: original });
      work();
      return original.apply(target, args);
    },
  });
}

let heap: Heap;
let bytesAtFirst: unknown;
let dead: Heap;
let other: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
  other = Heap.attach(heap.reserve());
  heap.trim();
  bytesAtFirst = heapStats(heap).bytes;
  dead = Heap.attach(heap.reserve());
});

function expectAsAtFirst(): void {
  other.trim();
  heap.trim();
  expect(heapStats(heap).bytes).toEqual(bytesAtFirst);
  expectClean(heap);
}

describe("while a thread reaps, another one", () => {
  it.each([
    ["the end", 4, 4],
    ["the middle", 2, 3],
    ["the start", 0, 3],
  ])("frees %s of a run of the dead: each page is free once", (_, first, count) => {
    const run = dead.pages.alloc(8);
    before(layersOf(heap).pages.frames as never, "compareExchangeOwner", () => {
      other.pages.free(run + first * PAGE_SIZE, count);
    });
    expect(reapSlot(heap, dead.slot, { blocks: "free" }).isFreed).toBe(true);
    expectAsAtFirst();
  });

  it("frees a part of a run that is given: all that is left is the receiver's", () => {
    const run = dead.pages.alloc(8);
    before(layersOf(heap).pages.frames as never, "compareExchangeOwner", () =>
      other.pages.free(run + 2 * PAGE_SIZE, 3),
    );
    reapSlot(heap, dead.slot, { blocks: "give", to: heap.slot });
    expect([run, run + 5 * PAGE_SIZE].map((address) => ownerOf(heap, address))).toEqual([heap.slot, heap.slot]);
    heap.pages.free(run, 2);
    heap.pages.free(run + 5 * PAGE_SIZE, 3);
    expectAsAtFirst();
  });

  it("frees a block of the dead and gets it again: it stays live", () => {
    const block = dead.alloc(200);
    const others: number[] = [];
    before(layersOf(heap).sheaves as never, "putBypassingSheaf", () => {
      other.free(block);
      while (others.at(-1) !== block && others.length < 1000) others.push(other.alloc(200));
    });
    reapSlot(heap, dead.slot, { blocks: "free" });
    expect(ownerOf(heap, block)).toBe(other.slot);
    for (const address of others) other.free(address);
    expectClean(heap);
  });
});

describe("a slot that is taken again", () => {
  it("is not marked dead by who knows of its former thread, at any instant of the taking", () => {
    const { slot } = dead;
    const { slots, sync } = layersOf(dead);
    reapSlot(heap, slot, { blocks: "free" });
    const { compareExchange } = Atomics;
    let calls = 0;
    const stale = (words: Int32Array, word: number, former: number, next: number): number => {
      const found = compareExchange(words, word, former, next);
      Object.assign(Atomics, { compareExchange });
      calls++;
      slots.markDead(slot, sync.generation);
      Object.assign(Atomics, { compareExchange: stale });
      return found;
    };
    Object.assign(Atomics, { compareExchange: stale });
    try {
      expect(slots.take()).toBe(slot);
    } finally {
      Object.assign(Atomics, { compareExchange });
    }
    expect(calls).toBeGreaterThan(0);
    expect(slots.isHeld(slot)).toBe(true);
    expect(slots.generation(slot)).toBe(sync.generation + 1);
    slots.release(slot);
    expectAsAtFirst();
  });

  it("is free after a thread died while it was about to free it", () => {
    const { slot } = dead;
    const { memory, slots, sync } = layersOf(dead);
    reapSlot(heap, slot, { blocks: "free" });
    const word = slots.word(slot, SlotRecord.STATE);
    memory.words[word] = stateWord(sync.generation, SlotState.RELEASING);
    expect(slotStats(heap).map(({ state }) => state)).toEqual(["held", "held"]);
    expectClean(heap);
    expect(reapSlot(heap, slot).isFreed).toBe(true);
    expect(slots.isFree(slot)).toBe(true);
    expectAsAtFirst();
    expect(Heap.attach(heap.reserve()).slot).toBe(slot);
  });
});

it("a run that another thread frees, and of which its slot then has a part again, is not freed as a whole", () => {
  const run = other.pages.alloc(64);
  const others: number[] = [];
  before(layersOf(heap).pages.frames as never, "claimRun", () => {
    other.pages.free(run, 64);
    while (others.at(-1) !== run && others.length < 1000) others.push(other.pages.alloc(2));
  });
  const error = thrownBy(() => heap.pages.free(run, 64));
  expect(error.code).toBe("INVALID_FREE");
  expect(ownerOf(heap, run)).toBe(other.slot);
  for (const address of others) other.pages.free(address, 2);
  reapSlot(heap, dead.slot, { blocks: "free" });
  expectAsAtFirst();
});
