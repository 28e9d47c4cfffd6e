import { describe, expect, it } from "vitest";
import { firstStamp, seal } from "../../../src/threads/work/seal.ts";
import { releaseList, Work } from "../../../src/threads/work/work.ts";
import { ModelHeap } from "../model-heap.ts";

describe("the work of a thread", () => {
  it("starts the same in each phase, and differently for each thread", () => {
    const work = new Work();
    work.start(3);
    const first = { ...work };
    work.save(1, 2, 3, 4, 5);
    expect(work).toMatchObject({ random: 1, stamp: 2, freedCount: 3, faultCount: 4, requestedBytes: 5 });
    work.start(3);
    expect(work).toEqual(first);
    work.start(4);
    expect(work.random).not.toBe(first.random);
  });

  it("frees the blocks of a part of a list, passes over what is none, and counts those that were damaged", () => {
    const heap = new ModelHeap();
    const thread = heap.thread();
    const list = new Int32Array(6);
    for (const index of [0, 1, 3, 5]) {
      list[index] = heap.alloc(32);
      seal(heap.words, list[index]!, 32, firstStamp(0));
    }
    heap.words[list[3]! / 4] = 0;
    const [first, , , , , last] = list;
    releaseList(thread, list, 1, 4);
    expect([...heap.live]).toEqual([first, last]);
    expect([...list]).toEqual([first, 0, 0, 0, 0, last]);
    expect(thread.work).toMatchObject({ freedCount: 2, faultCount: 1 });
  });
});
