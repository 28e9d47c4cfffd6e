import { describe, expect, it } from "vitest";
import { HandOver } from "../../../src/threads/work/hand-over.ts";
import { firstStamp, seal } from "../../../src/threads/work/seal.ts";
import { createShared } from "../../../src/threads/work/shared-state.ts";
import type { WorkThread } from "../../../src/threads/work/work.ts";
import { ModelHeap } from "../model-heap.ts";

function giveOne(thread: WorkThread, over: HandOver): number {
  const start = over.awaitRoom();
  const block = thread.alloc(16);
  seal(thread.words, block, 16, firstStamp(thread.lane));
  thread.shared[start] = block;
  over.give(1);
  return block;
}

describe("handing lists to the next lane", () => {
  it("ends with the lane itself where there is no other, and never waits for ever", () => {
    const heap = new ModelHeap();
    const thread = heap.thread();
    const over = new HandOver(thread);
    for (let count = 0; count < 20; count += 1) giveOne(thread, over);
    over.end();
    expect(heap.live.size).toBe(0);
    expect(thread.work).toMatchObject({ freedCount: 20, faultCount: 0 });
  });

  it("goes round: each lane frees what the one before has given", () => {
    const heap = new ModelHeap();
    const shared = createShared(3);
    const threads = [0, 1, 2].map((lane) => heap.thread({ shared, lane, laneCount: 3 }));
    const overs = threads.map((thread) => new HandOver(thread));
    const blocks = threads.map((thread, lane) => giveOne(thread, overs[lane]!));
    overs[0]!.takeAll();
    expect([...heap.live]).toEqual([blocks[0], blocks[1]]);
    overs[1]!.end();
    expect([...heap.live]).toEqual([blocks[1]]);
    overs[2]!.end();
    overs[0]!.end();
    expect(heap.live.size).toBe(0);
    expect(threads.map(({ work }) => work.freedCount)).toEqual([1, 1, 1]);
  });
});
