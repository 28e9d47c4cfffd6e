import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, heapStats, reapSlot } from "../../src/index.ts";
import { Header, SlotRecord, SlotState } from "../../src/layout.ts";
import { headerWord } from "../../src/memory/header.ts";
import { stateWord } from "../../src/sync/state-word.ts";
import { createTraceRing } from "../../src/trace/index.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** A heap that another realm has: its threads are none of this one's, so that to attach takes a slot. */
function full(slotCount: number, leave: (heap: Heap) => void): { heap: Heap; attach: () => Heap } {
  const heap = Heap.create({ sizeBytes: 4 * MIB, slotCount });
  for (let slot = 1; slot < slotCount; slot++) {
    const other = Heap.attach(heap.reserve());
    other.free(other.alloc(1000));
    other.pages.free(other.pages.alloc(1), 1);
    leave(other);
    layersOf(heap).slots.markDead(slot, layersOf(heap).slots.generation(slot));
  }
  return { heap, attach: () => attachFromOutside(heap) };
}

/** As a thread does that has no slot of the heap yet. */
function attachFromOutside(heap: Heap): Heap {
  const state = layersOf(heap).slots.word(heap.slot, SlotRecord.STATE);
  const { words } = layersOf(heap).memory;
  // This thread's own slot is taken for nobody's just then, so that it is not joined.
  words[state] = stateWord(layersOf(heap).sync.generation, SlotState.RESERVED);
  try {
    return Heap.attach(heap.source);
  } finally {
    words[state] = layersOf(heap).sync.heldState;
  }
}

describe("where every slot is held, and most are of threads that are gone", () => {
  it("who comes takes one over that means nothing any more, with what is left of its thread", () => {
    const { heap, attach } = full(4, () => {});
    const before = heapStats(heap).bytes;
    const other = attach();
    expect(other.slot).toBe(1);
    const block = other.alloc(1000);
    other.free(block);
    other.detach();
    expect(reapSlot(heap, 2)).toMatchObject({ isFreed: true });
    expect(reapSlot(heap, 3)).toMatchObject({ isFreed: true });
    heap.trim();
    expectClean(heap);
    expect(heapStats(heap).bytes.freePageBytes).toBeGreaterThan(before.freePageBytes);
  });

  it("with the locks that the dead held, and its place in the queue", () => {
    const { heap, attach } = full(2, (other) => {
      layersOf(other).sync.waiters.enter();
      const { sync, geometry } = layersOf(other);
      sync.locks.acquire(headerWord(geometry, Header.PAGES_LOCK));
    });
    const other = attach();
    expect(other.slot).toBe(1);
    expect(layersOf(heap).sync.waiters.hasWaiters).toBe(false);
    expectClean(heap);
  });

  it("a slot is reserved in the same way", () => {
    const { heap } = full(3, () => {});
    expect(heap.reserve().place?.slot).toBe(1);
    expect(heap.reserve().place?.slot).toBe(2);
    expect(thrownBy(() => heap.reserve()).code).toBe("NO_SLOT");
    expectClean(heap);
  });

  it.each<readonly [string, (heap: Heap) => unknown]>([
    ["a block", (other) => other.alloc(16)],
    ["a large block", (other) => other.alloc(100_000)],
    ["pages", (other) => other.pages.alloc(1)],
    ["a ring", (other) => createTraceRing(other, 4)],
  ])("but not one whose number still says whose things are: %s", (_, leave) => {
    const { heap, attach } = full(3, leave);
    for (const call of [attach, () => heap.reserve()]) {
      const error = thrownBy(call);
      expect(error).toMatchObject({ code: "NO_SLOT", details: { slotCount: 3, dead: [1, 2] } });
      expect(error.message).toContain("wait for reapSlot: 1, 2");
    }
    reapSlot(heap, 2, { blocks: "free" });
    expect(attach().slot).toBe(2);
    expectClean(heap);
  });
});
