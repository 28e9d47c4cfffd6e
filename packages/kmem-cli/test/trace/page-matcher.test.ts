import { describe, expect, it } from "vitest";
import { LiveBytes } from "../../src/trace/live-bytes.ts";
import { OP, PAGE_BYTES } from "../../src/trace/op-stream.ts";
import { PageMatcher } from "../../src/trace/page-matcher.ts";
import { SlotPool } from "../../src/trace/slot-pool.ts";
import { OpList, type OpTuple } from "./support.ts";

interface Fixture {
  readonly sink: OpList;
  readonly total: LiveBytes;
  readonly matcher: PageMatcher;
}

function fixture(): Fixture {
  const sink = new OpList();
  const total = new LiveBytes();
  return { sink, total, matcher: new PageMatcher(sink, new SlotPool(), total) };
}

function alloc(slot: number, order: number): OpTuple {
  return [OP.PAGE_ALLOC, 0, slot, order, 0];
}

function free(slot: number, pageCount: number, offset: number): OpTuple {
  return [OP.PAGE_FREE, 0, slot, pageCount, offset];
}

describe("PageMatcher", () => {
  it("matches whole blocks by page frame", () => {
    const { sink, matcher, total } = fixture();
    matcher.alloc(0x1000, 3);
    matcher.alloc(0x2000, 0);
    matcher.free(0x1000, 3);
    matcher.alloc(0x3000, 1);
    expect(sink.ops).toEqual([alloc(0, 3), alloc(1, 0), free(0, 8, 0), alloc(0, 1)]);
    expect(matcher.counts().pageFree).toEqual({
      freeCount: 1,
      nullFreeCount: 0,
      matchedCount: 1,
      insideCount: 0,
      pieceCount: 0,
      unknownCount: 0,
    });
    expect(matcher.live).toMatchObject({ peakLiveBytes: 9 * PAGE_BYTES, liveBytes: 3 * PAGE_BYTES, liveBlockCount: 2 });
    expect(total).toEqual(matcher.live);
  });

  it("takes a block back in pieces, and gives its slot out when the last is gone (point 11)", () => {
    const { sink, matcher } = fixture();
    matcher.alloc(0x1000, 2);
    matcher.free(0x1000, 0);
    matcher.free(0x1002, 1);
    matcher.alloc(0x2000, 0);
    matcher.free(0x1001, 0);
    matcher.alloc(0x3000, 0);
    expect(sink.ops).toEqual([alloc(0, 2), free(0, 1, 0), free(0, 2, 2), alloc(1, 0), free(0, 1, 1), alloc(0, 0)]);
    expect(matcher.counts().pageFree).toMatchObject({ freeCount: 3, matchedCount: 1, insideCount: 2, pieceCount: 3 });
    expect(matcher.live).toMatchObject({ liveBytes: 2 * PAGE_BYTES, liveBlockCount: 2 });
  });

  it("skips pages that are not live, a second free of a piece too (point 11)", () => {
    const { sink, matcher } = fixture();
    matcher.free(0x1000, 0);
    matcher.alloc(0x1000, 1);
    matcher.free(0x1001, 0);
    matcher.free(0x1001, 0);
    matcher.free(0x1002, 0);
    expect(sink.ops).toEqual([alloc(0, 1), free(0, 1, 1)]);
    expect(matcher.counts().pageFree).toMatchObject({ freeCount: 4, matchedCount: 0, insideCount: 1, unknownCount: 3 });
  });

  it("takes back all that is live in a range that is freed as one", () => {
    const { sink, matcher } = fixture();
    matcher.alloc(0x1001, 0);
    matcher.alloc(0x1002, 1);
    matcher.alloc(0x1004, 2);
    matcher.free(0x1004, 0);
    matcher.free(0x1000, 3);
    expect(sink.ops.slice(3)).toEqual([free(2, 1, 0), free(0, 1, 0), free(1, 2, 0), free(2, 3, 1)]);
    expect(matcher.counts().pageFree).toMatchObject({ matchedCount: 1, insideCount: 1, unknownCount: 0 });
    expect(matcher.live.liveBlockCount).toBe(0);
  });

  it("frees pages that are given out again, and only them", () => {
    const { sink, matcher } = fixture();
    matcher.alloc(0x1000, 2);
    matcher.alloc(0x1001, 0);
    matcher.alloc(0x1000, 1);
    expect(sink.ops).toEqual([alloc(0, 2), free(0, 1, 1), alloc(1, 0), free(0, 1, 0), free(1, 1, 0), alloc(1, 1)]);
    expect(matcher.counts()).toMatchObject({ impliedFreeCount: 2, pageFree: { freeCount: 0 } });
  });

  it("counts allocations that failed", () => {
    const { sink, matcher } = fixture();
    matcher.alloc(0, 4);
    expect(sink.ops).toEqual([]);
    expect(matcher.counts().failedAllocCount).toBe(1);
  });

  it("tells page frames apart beyond 32 bits", () => {
    const { sink, matcher } = fixture();
    matcher.alloc(2 ** 40 + 5, 0);
    matcher.alloc(5, 0);
    matcher.alloc(2 ** 32 - 1, 1);
    matcher.free(2 ** 40 + 5, 0);
    matcher.free(2 ** 32, 0);
    expect(sink.ops.slice(3)).toEqual([free(0, 1, 0), free(2, 1, 1)]);
    expect(matcher.counts().impliedFreeCount).toBe(0);
  });

  it("takes more blocks than it first has room for", () => {
    const { sink, matcher } = fixture();
    for (let i = 1; i <= 3000; i += 1) matcher.alloc(i * 16, i % 4);
    for (let i = 1; i <= 3000; i += 1) matcher.free(i * 16, i % 4);
    expect(matcher.counts().pageFree).toMatchObject({ matchedCount: 3000, pieceCount: 0 });
    expect(sink.ops.at(-1)).toEqual(free(2999, 1, 0));
    expect(matcher.live.liveBytes).toBe(0);
  });
});
