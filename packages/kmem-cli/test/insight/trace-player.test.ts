import { describe, expect, it } from "vitest";
import { StatCollector } from "../../src/insight/collector.ts";
import { topText } from "../../src/insight/top-text.ts";
import { TracePlayer } from "../../src/insight/trace-player.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import { OP } from "../../src/trace/op-stream.ts";

describe("a trace that is played", () => {
  it("comes to what it comes to without, and waits for the time of each event", () => {
    const stream = new EventStream(true);
    const collector = new StatCollector(stream);
    let shownCount = 0;
    const show = (): void => {
      shownCount += 1;
    };
    let nowMs = 5;
    const clock = {
      now: () => nowMs,
      sleep: (ms: number) => {
        nowMs += ms;
      },
    };
    const player = new TracePlayer(collector, stream, { show, everyMs: 2, speed: 1000, clock });
    for (let slot = 0; slot < 50; slot += 1) {
      stream.context.timeNs = slot * 1e9;
      player.op(OP.MALLOC, 0, slot, 10, 0);
    }
    // 49 seconds of the trace at a thousand times its speed.
    expect(nowMs).toBe(5 + 49);
    expect(shownCount).toBeGreaterThan(20);
    expect(collector.objects.total).toMatchObject({ liveCount: 50, liveBytes: 500 });
  });

  it("is shown as a table of what is live", () => {
    const stream = new EventStream(true);
    stream.tables.caches.push({ name: "filp", objectBytes: 232, allocBytes: 256 });
    stream.tables.caches.push({ name: "gone", objectBytes: 8, allocBytes: 8 });
    const collector = new StatCollector(stream);
    stream.context.allocatedBytes = 256;
    collector.op(OP.CACHE_ALLOC, 0, 0, 232, 0);
    collector.op(OP.CACHE_ALLOC, 0, 1, 8, 1);
    collector.op(OP.CACHE_FREE, 0, 1, 8, 1);
    collector.op(OP.PAGE_ALLOC, 0, 2, 3, 0);
    const text = topText(collector, stream, "bytes", 10);
    expect(text).toMatch(/LIVE +TOTAL +OBJ SIZE +LIVE SIZE +PEAK NAME/);
    expect(text).toMatch(/1 +1 +232 B +232 B +232 B filp/);
    expect(text).toContain("pages of order 3");
    expect(text).not.toContain("gone");
  });
});
