import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Matcher } from "../../src/trace/matcher.ts";
import { NO_NAME } from "../../src/trace/name-table.ts";
import { OP, PAGE_BYTES } from "../../src/trace/op-stream.ts";
import { OpModel } from "./op-model.ts";
import { OpList } from "./support.ts";

const HIGH = 0xffff8885 | 0;

describe("Matcher", () => {
  it("never matches an address with a page frame", () => {
    const sink = new OpList();
    const matcher = new Matcher(sink);
    matcher.kmalloc(0, 0x1000, 10, 16);
    matcher.pageFree(0x1000, 0);
    matcher.pageAlloc(0x2000, 0);
    matcher.kfree(0, 0x2000);
    expect(sink.ops.map(([code]) => code)).toEqual([OP.MALLOC, OP.PAGE_ALLOC]);
    expect(matcher.pageCounts().pageFree.unknownCount).toBe(1);
    expect(matcher.objectCounts().kfree.unknownCount).toBe(1);
  });

  it("keeps objects and pages apart, and their sum as a replay holds them (point 5)", () => {
    const matcher = new Matcher(new OpList());
    matcher.pageAlloc(0x2000, 2);
    matcher.kmalloc(HIGH, 0x2000000, 16384, 16384);
    matcher.cacheAlloc(HIGH, 0x1000, NO_NAME, 100, 104);
    matcher.pageFree(0x2000, 2);
    expect(matcher.liveObjects).toMatchObject({ peakLiveBytes: 16484, requestedBytes: 16484 });
    expect(matcher.livePages).toMatchObject({ peakLiveBytes: 4 * PAGE_BYTES, liveBytes: 0 });
    expect(matcher.totals()).toEqual({
      kind: "kernel",
      slotCount: 3,
      peakLiveBytes: 16484 + 4 * PAGE_BYTES,
      peakLiveBlockCount: 3,
      requestedBytes: 16484 + 4 * PAGE_BYTES,
    });
  });

  it("makes operations that can be replayed out of any events", () => {
    // Few addresses and frames, so that frees hit, miss, repeat and overlap.
    const event = fc.record({
      kind: fc.constantFrom("kmalloc", "kfree", "cacheAlloc", "cacheFree", "pageAlloc", "pageFree"),
      place: fc.nat(12),
      size: fc.constantFrom(0, 8, 96, 9000, 20000),
      order: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const model = new OpModel();
        const matcher = new Matcher(model);
        for (const { kind, place, size, order } of events) {
          if (kind === "kmalloc") matcher.kmalloc(0, place * 16, size, size);
          else if (kind === "kfree") matcher.kfree(0, place * 16);
          else if (kind === "cacheAlloc") matcher.cacheAlloc(0, place * 16, NO_NAME, size, size);
          else if (kind === "cacheFree") matcher.cacheFree(0, place * 16, NO_NAME);
          else if (kind === "pageAlloc") matcher.pageAlloc(place, order);
          else matcher.pageFree(place, order);
        }
        expect(matcher.total.liveBytes).toBe(model.liveBytes);
        expect(matcher.total.liveBlockCount).toBe(model.live.size);
        const totals = matcher.totals();
        expect(totals.peakLiveBytes).toBe(model.peakLiveBytes);
        expect(totals.requestedBytes).toBe(model.requestedBytes);
        expect(totals.slotCount).toBe(model.highestSlot + 1);
        expect(totals.slotCount).toBe(totals.peakLiveBlockCount);
        const { kfree, cacheFree } = matcher.objectCounts();
        for (const match of [kfree, cacheFree]) expect(match.matchedCount + match.unknownCount).toBe(match.freeCount);
        const { freeCount, matchedCount, insideCount, unknownCount } = matcher.pageCounts().pageFree;
        expect(matchedCount + insideCount + unknownCount).toBe(freeCount);
      }),
    );
  });
});
