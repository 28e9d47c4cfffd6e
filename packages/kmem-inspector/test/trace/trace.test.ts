import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeDump, dumpHeap, Heap } from "kmem";
import { traceStat } from "kmem-cli/internal/commands/stat";
import { beforeAll, describe, expect, it } from "vitest";
import { mallocEvent, mallocTrace } from "../../../kmem-cli/test/trace/malloc-trace-bytes.ts";
import { ALLOCATOR_NAMES } from "../../src/trace/allocators.ts";
import { Replay, type ReplayPlan } from "../../src/trace/replay.ts";
import { TraceService } from "../../src/work/trace-service.ts";

const folder = fileURLToPath(new URL("../../../kmem-cli/traces/", import.meta.url));

async function opened(name: string): Promise<TraceService> {
  const service = new TraceService();
  await service.open({ name: folder + name, bytes: new Uint8Array(readFileSync(folder + name)) });
  return service;
}

describe("the model of a trace", () => {
  it.each(["sqlite_file.trace.zst"])("has the figures of kmem stat: %s", async (name) => {
    const path = folder + name;
    const service = new TraceService();
    const outline = await service.open({ name: path, bytes: new Uint8Array(readFileSync(path)) });
    const expected = await traceStat(path);
    expect(outline.report).toEqual(expected);
    expect(outline.peak.bytes).toBe(expected.peak.bytes);
    expect(outline.eventCount).toBe(expected.trace.opCount);
    const end = service.point(outline.eventCount);
    expect([end.liveBytes, end.liveBlocks]).toEqual([
      expected.objects.total.liveBytes,
      expected.objects.total.liveCount,
    ]);
    expect(service.point(outline.peak.event).liveBytes).toBe(expected.peak.bytes);
    const course = service.course(0, outline.eventCount, 100);
    expect([course.length, course[0]!.liveBytes, course.at(-1)]).toEqual([101, 0, end]);
  });

  it("follows what is live event by event", async () => {
    const events = [mallocEvent(0, 0, 100), mallocEvent(0, 1, 50), mallocEvent(1, 0, 0)];
    const service = new TraceService();
    const { eventCount } = await service.open({ name: "small", bytes: mallocTrace(events) });
    expect(eventCount).toBe(3);
    expect([0, 1, 2, 3, 9].map((event) => service.point(event).liveBytes)).toEqual([0, 100, 150, 50, 50]);
    expect([0, 2, 3].map((event) => service.event(event)?.name)).toEqual(["malloc", "free", undefined]);
  });

  it("says of what is no trace why", async () => {
    const open = (bytes: Uint8Array): Promise<unknown> => new TraceService().open({ name: "x", bytes });
    await expect(open(new TextEncoder().encode('{"snapshot":{"meta":{}}}'))).rejects.toThrow("heap snapshot");
    await expect(open(new Uint8Array([0, 1, 2, 3, 0, 5]))).rejects.toThrow("neither text nor a binary trace");
  });
});

/** A short trace of blocks that come and go. */
async function planOf(eventCount: number): Promise<ReplayPlan> {
  const slots = 64;
  const live = new Set<number>();
  const events = Array.from({ length: eventCount }, (_, index) => {
    const slot = (index * 29) % slots;
    if (live.delete(slot)) return mallocEvent(1, slot, 0);
    live.add(slot);
    return mallocEvent(0, slot, 16 + ((index * 97) % 5000));
  });
  const service = new TraceService();
  const words = { slotCount: slots, peakLow: slots * 5000 };
  await service.open({ name: "short", bytes: mallocTrace(events, words) });
  return service.plan();
}

describe("a trace on an allocator", () => {
  let plan: ReplayPlan;

  beforeAll(async () => {
    plan = await planOf(2000);
  });

  it.each(ALLOCATOR_NAMES)("is replayed on %s, to any event and back", (allocator) => {
    const replay = new Replay(allocator, plan);
    const { failureCount, peakFootprintBytes, footprintBytes, events } = replay.course();
    expect([failureCount, events.at(-1)]).toEqual([0, plan.eventCount]);
    expect(peakFootprintBytes).toBe(Math.max(...footprintBytes));
    const half = replay.occupancyAt(Math.floor(plan.eventCount / 2));
    const earlier = replay.occupancyAt(100);
    expect(replay.occupancyAt(Math.floor(plan.eventCount / 2))).toEqual(half);
    expect([earlier.event, half.event]).toEqual([100, plan.eventCount / 2]);
    expect(half.footprintBytes).toBeGreaterThanOrEqual(half.liveBytes);
    expect(replay.occupancyAt(plan.eventCount).footprintBytes).toBe(footprintBytes.at(-1));
  });

  it("counts what is live as the trace does, and gives the heap of kmem at an event as a dump", async () => {
    const trace = await opened("sqlite_file.trace.zst");
    const event = 20_000;
    const replay = new Replay("kmem", trace.plan());
    const { liveBytes } = replay.occupancyAt(event);
    const point = trace.point(event);
    expect(liveBytes).toBe(point.liveBytes);
    const { stats } = describeDump(replay.dumpAt(event)!);
    expect(stats.liveBlocks).toBe(point.liveBlocks);
    expect(new Replay("buddy", plan).dumpAt(10)).toBeUndefined();
    expect(describeDump(dumpHeap(Heap.create({ sizeBytes: 2 ** 20 }))).stats.liveBlocks).toBe(0);
  });

  it("says at which event an allocator has no memory first", async () => {
    const huge = 2 ** 31;
    const events = [mallocEvent(0, 0, 64), mallocEvent(0, 1, huge), mallocEvent(0, 2, huge), mallocEvent(0, 3, 64)];
    const service = new TraceService();
    await service.open({ name: "huge", bytes: mallocTrace(events) });
    // The allocator is told of less than the trace takes.
    const small = { ...service.plan(), totals: { ...service.plan().totals, peakLiveBytes: 100 } };
    const { failureCount, firstFailure } = new Replay("kmem", small).course();
    expect([failureCount, firstFailure]).toEqual([2, 1]);
  });
});
