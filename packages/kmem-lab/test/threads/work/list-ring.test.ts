import { describe, expect, it } from "vitest";
import {
  awaitFree,
  awaitFull,
  giveList,
  isFree,
  isFull,
  LIST_CAPACITY,
  listStart,
  nextToGive,
  nextToTake,
  RING_WORDS,
  releasePlace,
} from "../../../src/threads/work/list-ring.ts";
import { firstStamp, seal } from "../../../src/threads/work/seal.ts";
import { ringStart } from "../../../src/threads/work/shared-state.ts";
import type { WorkThread } from "../../../src/threads/work/work.ts";
import { ModelHeap } from "../model-heap.ts";

const PLACES = 8;

function give(thread: WorkThread, ring: number, ticket: number, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const block = thread.alloc(16);
    seal(thread.words, block, 16, firstStamp(0));
    thread.shared[listStart(ring, ticket) + index] = block;
  }
  giveList(thread.shared, ring, ticket, count);
}

describe("a ring of lists", () => {
  it("holds eight lists, is full then, and goes on lap after lap", () => {
    const heap = new ModelHeap();
    const thread = heap.thread();
    const { shared } = thread;
    const ring = ringStart(0);
    for (let lap = 0; lap < 3; lap += 1) {
      const first = lap * PLACES;
      for (let ticket = first; ticket < first + PLACES; ticket += 1) {
        expect([isFree(shared, ring, ticket), isFull(shared, ring, ticket)]).toEqual([true, false]);
        give(thread, ring, ticket, ticket % 3);
        expect([isFree(shared, ring, ticket), isFull(shared, ring, ticket)]).toEqual([false, true]);
      }
      expect(isFree(shared, ring, first + PLACES)).toBe(false);
      for (let ticket = first; ticket < first + PLACES; ticket += 1) {
        awaitFull(shared, ring, ticket);
        releasePlace(thread, ring, ticket);
        expect(isFull(shared, ring, ticket)).toBe(false);
        awaitFree(shared, ring, ticket + PLACES);
      }
      expect(heap.live.size).toBe(0);
    }
    expect(thread.work).toMatchObject({ freedCount: 24, faultCount: 0 });
  });

  it("gives each ticket once, to givers and to takers", () => {
    const { shared } = new ModelHeap().thread();
    const ring = ringStart(0);
    expect([nextToGive(shared, ring), nextToGive(shared, ring), nextToTake(shared, ring)]).toEqual([0, 1, 0]);
    expect([nextToGive(shared, ring), nextToTake(shared, ring)]).toEqual([2, 1]);
  });

  it("keeps its lists apart, and inside of its words", () => {
    const starts = Array.from({ length: PLACES }, (_, ticket) => listStart(0, ticket));
    for (const [index, start] of starts.entries()) {
      expect(start + LIST_CAPACITY).toBe(starts[index + 1] ?? RING_WORDS);
    }
    expect(listStart(0, PLACES)).toBe(starts[0]);
  });
});
