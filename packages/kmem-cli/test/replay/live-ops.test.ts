import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LiveOps } from "../../src/replay/live-ops.ts";
import { OP, WORDS_PER_OP } from "../../src/trace/op-stream.ts";
import { type OpTuple, readOps, withTempDir } from "../trace/support.ts";
import { wordsOf } from "./support.ts";

const TOTALS = { kind: "kernel", slotCount: 8, peakLiveBytes: 0, peakLiveBlockCount: 0, requestedBytes: 0 } as const;

function freesAfter(ops: readonly OpTuple[]): Promise<OpTuple[]> {
  const words = wordsOf(ops);
  const liveOps = new LiveOps(8);
  for (let at = 0; at < words.length; at += WORDS_PER_OP) liveOps.take(words, at);
  return withTempDir((folder) => {
    const path = join(folder, "closing");
    liveOps.writeFrees(path, TOTALS, []);
    return readOps(path);
  });
}

describe("the operations that free what is live", () => {
  it("fit what each block is, at its last size", async () => {
    const frees = await freesAfter([
      [OP.MALLOC, 0, 0, 10, 0],
      [OP.CALLOC, 0, 1, 20, 0],
      [OP.ALIGNED, 6, 2, 30, 0],
      [OP.MALLOC, 0, 3, 40, 0],
      [OP.REALLOC, 0, 3, 50, 40],
      [OP.CACHE_ALLOC, 0, 4, 60, 7],
      [OP.PAGE_ALLOC, 0, 5, 2, 0],
    ]);
    expect(frees).toEqual([
      [OP.FREE, 0, 0, 10, 0],
      [OP.FREE, 0, 1, 20, 0],
      [OP.FREE, 0, 2, 30, 0],
      [OP.FREE, 0, 3, 50, 0],
      [OP.CACHE_FREE, 0, 4, 60, 7],
      [OP.PAGE_FREE, 0, 5, 4, 0],
    ]);
  });

  it("leave out what has been freed", async () => {
    const frees = await freesAfter([
      [OP.MALLOC, 0, 0, 10, 0],
      [OP.FREE, 0, 0, 10, 0],
      [OP.CACHE_ALLOC, 0, 1, 60, 0],
      [OP.CACHE_FREE, 0, 1, 60, 0],
      [OP.PAGE_ALLOC, 0, 2, 0, 0],
      [OP.PAGE_FREE, 0, 2, 1, 0],
    ]);
    expect(frees).toEqual([]);
  });

  it("give back each run of pages that is still held", async () => {
    const frees = await freesAfter([
      [OP.PAGE_ALLOC, 0, 0, 3, 0],
      [OP.PAGE_FREE, 0, 0, 1, 0],
      [OP.PAGE_FREE, 0, 0, 2, 3],
      [OP.PAGE_FREE, 0, 0, 1, 7],
    ]);
    expect(frees).toEqual([
      [OP.PAGE_FREE, 0, 0, 2, 1],
      [OP.PAGE_FREE, 0, 0, 2, 5],
    ]);
  });

  it("know a slot that is used again after its pages came back in pieces", async () => {
    const frees = await freesAfter([
      [OP.PAGE_ALLOC, 0, 0, 1, 0],
      [OP.PAGE_FREE, 0, 0, 1, 1],
      [OP.PAGE_FREE, 0, 0, 1, 0],
      [OP.MALLOC, 0, 0, 99, 0],
    ]);
    expect(frees).toEqual([[OP.FREE, 0, 0, 99, 0]]);
  });
});
