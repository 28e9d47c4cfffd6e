import { describe, expect, it } from "vitest";
import { CacheRegistry } from "../../src/trace/cache-registry.ts";
import { LiveBytes } from "../../src/trace/live-bytes.ts";
import { NO_NAME } from "../../src/trace/name-table.ts";
import { ObjectMatcher } from "../../src/trace/object-matcher.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { SlotPool } from "../../src/trace/slot-pool.ts";
import { OpList } from "./support.ts";

const HIGH = 0xffff8885 | 0;
const A = 0x1000;
const B = 0x2000;

interface Fixture {
  readonly sink: OpList;
  readonly total: LiveBytes;
  readonly matcher: ObjectMatcher;
}

function fixture(): Fixture {
  const sink = new OpList();
  const total = new LiveBytes();
  return { sink, total, matcher: new ObjectMatcher(sink, new SlotPool(), new CacheRegistry(), total) };
}

describe("ObjectMatcher", () => {
  it("matches a free with the allocation at its address and uses the slot again", () => {
    const { sink, matcher } = fixture();
    matcher.kmalloc(HIGH, A, 10, 16);
    matcher.kmalloc(HIGH, B, 20, 32);
    matcher.kfree(HIGH, A);
    matcher.kmalloc(HIGH, 0x3000, 30, 32);
    expect(sink.ops).toEqual([
      [OP.MALLOC, 0, 0, 10, 0],
      [OP.MALLOC, 0, 1, 20, 0],
      [OP.FREE, 0, 0, 10, 0],
      [OP.MALLOC, 0, 0, 30, 0],
    ]);
    expect(matcher.counts().kfree).toEqual({ freeCount: 1, nullFreeCount: 0, matchedCount: 1, unknownCount: 0 });
    expect(matcher.counts().allocatedBytes).toBe(80);
  });

  it("tells addresses apart that differ in their upper half only", () => {
    const { sink, matcher } = fixture();
    matcher.kmalloc(1, A, 10, 16);
    matcher.kmalloc(2, A, 20, 32);
    matcher.kfree(1, A);
    expect(sink.ops.at(-1)).toEqual([OP.FREE, 0, 0, 10, 0]);
    expect(matcher.counts().impliedFreeCount).toBe(0);
  });

  it("skips a free of an address that is not live, and counts it for the call that made it (point 6)", () => {
    const { sink, matcher } = fixture();
    matcher.kfree(HIGH, A);
    matcher.cacheFree(HIGH, A, NO_NAME);
    matcher.kmalloc(HIGH, A, 10, 16);
    matcher.kfree(HIGH, A);
    matcher.kfree(HIGH, A);
    expect(sink.ops).toHaveLength(2);
    expect(matcher.counts().kfree).toMatchObject({ freeCount: 3, matchedCount: 1, unknownCount: 2 });
    expect(matcher.counts().cacheFree).toMatchObject({ freeCount: 1, matchedCount: 0, unknownCount: 1 });
  });

  it("frees what was live at an address that is given out again (point 6)", () => {
    const { sink, matcher } = fixture();
    matcher.cacheAlloc(HIGH, A, NO_NAME, 256, 256);
    matcher.kmalloc(HIGH, A, 10, 16);
    expect(sink.ops).toEqual([
      [OP.CACHE_ALLOC, 0, 0, 256, 0],
      [OP.CACHE_FREE, 0, 0, 256, 0],
      [OP.MALLOC, 0, 0, 10, 0],
    ]);
    expect(matcher.counts().impliedFreeCount).toBe(1);
    expect(matcher.live).toMatchObject({ liveBytes: 10, liveBlockCount: 1, requestedBytes: 266 });
  });

  it("frees an object for what it is, whichever call frees it (point 7)", () => {
    const { sink, matcher } = fixture();
    matcher.cacheAlloc(HIGH, A, NO_NAME, 640, 640);
    matcher.kmalloc(HIGH, B, 10, 16);
    matcher.kfree(HIGH, A);
    matcher.cacheFree(HIGH, B, NO_NAME);
    expect(sink.ops.slice(2)).toEqual([
      [OP.CACHE_FREE, 0, 0, 640, 0],
      [OP.FREE, 0, 1, 10, 0],
    ]);
    expect(matcher.counts()).toMatchObject({
      crossFreeCount: 2,
      kfree: { matchedCount: 1 },
      cacheFree: { matchedCount: 1 },
    });
  });

  it("counts allocations that failed", () => {
    const { sink, matcher } = fixture();
    matcher.kmalloc(0, 0, 10, 0);
    matcher.cacheAlloc(0, 0, NO_NAME, 10, 16);
    expect(sink.ops).toEqual([]);
    expect(matcher.counts()).toMatchObject({ failedAllocCount: 2, allocatedBytes: 0 });
  });

  it("keeps its own figures and adds to the total", () => {
    const { total, matcher } = fixture();
    total.addBlock(1000);
    matcher.kmalloc(HIGH, A, 10, 16);
    matcher.kfree(HIGH, A);
    expect(matcher.live).toMatchObject({ peakLiveBytes: 10, liveBytes: 0, requestedBytes: 10 });
    expect(total).toMatchObject({ peakLiveBytes: 1010, liveBytes: 1000, requestedBytes: 1010 });
  });

  it("takes more objects than it first has room for", () => {
    const { sink, matcher } = fixture();
    const count = 5000;
    for (let i = 0; i < count; i += 1) matcher.kmalloc(HIGH, i * 16, i, i);
    for (let i = 0; i < count; i += 1) matcher.kfree(HIGH, i * 16);
    expect(matcher.counts().kfree.matchedCount).toBe(count);
    expect(sink.ops.at(-1)).toEqual([OP.FREE, 0, count - 1, count - 1, 0]);
  });
});

describe("large kmallocs (point 5)", () => {
  it("are marked: their pages stand in the trace a second time", () => {
    const { matcher } = fixture();
    matcher.kmalloc(HIGH, A, 8192, 8192);
    matcher.kmalloc(HIGH, B, 8193, 16384);
    expect(matcher.counts()).toMatchObject({ largeKmallocCount: 1, largeKmallocBytes: 16384 });
  });

  it("are one allocation when two functions report the same one", () => {
    const { sink, matcher } = fixture();
    matcher.kmalloc(HIGH, A, 9208, 16384);
    matcher.kfree(HIGH, B);
    matcher.kmalloc(HIGH, A, 9208, 16384);
    matcher.kfree(HIGH, A);
    expect(sink.ops.map(([code]) => code)).toEqual([OP.MALLOC, OP.FREE]);
    expect(matcher.counts()).toMatchObject({ repeatedReportCount: 1, impliedFreeCount: 0, largeKmallocCount: 1 });
    expect(matcher.live.requestedBytes).toBe(9208);
  });

  it("are new ones after a free, a third time, with other sizes or later on", () => {
    const { matcher } = fixture();
    matcher.kmalloc(HIGH, A, 9208, 16384);
    matcher.kfree(HIGH, A);
    matcher.kmalloc(HIGH, A, 9208, 16384);
    expect(matcher.counts()).toMatchObject({ repeatedReportCount: 0, impliedFreeCount: 0, largeKmallocCount: 2 });
    matcher.kmalloc(HIGH, A, 9208, 16384);
    matcher.kmalloc(HIGH, A, 9208, 16384);
    expect(matcher.counts()).toMatchObject({ repeatedReportCount: 1, impliedFreeCount: 1, largeKmallocCount: 3 });
    matcher.kmalloc(HIGH, A, 9209, 16384);
    expect(matcher.counts()).toMatchObject({ repeatedReportCount: 1, impliedFreeCount: 2, largeKmallocCount: 4 });
    for (let i = 0; i < 8; i += 1) matcher.kfree(HIGH, B);
    matcher.kmalloc(HIGH, A, 9209, 16384);
    expect(matcher.counts()).toMatchObject({ repeatedReportCount: 1, impliedFreeCount: 3, largeKmallocCount: 5 });
  });

  it("are not small ones, which nobody reports twice", () => {
    const { matcher } = fixture();
    matcher.kmalloc(HIGH, A, 64, 64);
    matcher.kmalloc(HIGH, A, 64, 64);
    expect(matcher.counts()).toMatchObject({ repeatedReportCount: 0, impliedFreeCount: 1 });
  });
});
