import { join } from "node:path";
import { Heap, heapStats } from "kmem";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { TimeResult } from "../../src/replay/jobs.ts";
import type { ReplayHeap } from "../../src/replay/replay-heap.ts";
import { timeOps } from "../../src/replay/time-ops.ts";
import { OpReader } from "../../src/trace/op-reader.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { type OpTuple, withTempDir } from "../trace/support.ts";
import { heapWith, outOfMemory, writeOps } from "./support.ts";

const OPS: readonly OpTuple[] = [
  [OP.MALLOC, 0, 0, 100, 0],
  [OP.MALLOC, 0, 1, 200, 0],
  [OP.FREE, 0, 0, 100, 0],
];

function time(heap: ReplayHeap, passes: { warmupMs: number; timedCount: number }): Promise<TimeResult> {
  return withTempDir((folder) => {
    const opsPath = join(folder, "ops");
    const closingPath = join(folder, "closing");
    writeOps(opsPath, OPS);
    writeOps(closingPath, [[OP.FREE, 0, 1, 200, 0]]);
    return timeOps(heap, { mode: "time", kind: "blocks", opsPath, closingPath, passes });
  });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("timed passes", () => {
  it("are as many as planned after one that warms up, and leave nothing live", async () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    let allocCount = 0;
    const counting = heapWith(() => ({
      alloc: (sizeBytes) => {
        allocCount += 1;
        return heap.alloc(sizeBytes);
      },
      free: (address) => heap.free(address),
    }));
    const result = await time(counting, { warmupMs: 0, timedCount: 3 });
    expect(allocCount).toBe(4 * 2);
    expect(result).toMatchObject({ opCount: 3, failureCount: 0 });
    expect(result.passNs).toHaveLength(3);
    expect(result.passNs.every((ns) => ns >= 0)).toBe(true);
    expect(heapStats(heap).liveBlocks).toBe(0);
  });

  it("begin when warming up has taken its time, and time the replay but not the reading", async () => {
    let clockMs = 0;
    let allocCount = 0;
    vi.spyOn(performance, "now").mockImplementation(() => clockMs);
    const { next } = OpReader.prototype;
    vi.spyOn(OpReader.prototype, "next").mockImplementation(function (this: OpReader) {
      clockMs += 1000;
      return next.call(this);
    });
    const slow = heapWith((inner) => ({
      alloc: (sizeBytes) => {
        allocCount += 1;
        clockMs += 1;
        return inner.alloc(sizeBytes);
      },
    }));
    const { passNs } = await time(slow, { warmupMs: 7, timedCount: 1 });
    // Two allocations a pass, so a pass takes two milliseconds: four of them to warm up.
    expect(allocCount).toBe(2 * 4 + 2);
    expect(passNs).toEqual([2e6]);
  });

  it("begin after 10,000 passes though these take no time that a clock shows", async () => {
    let allocCount = 0;
    vi.spyOn(performance, "now").mockImplementation(() => 0);
    const fast = heapWith((inner) => ({
      alloc: (sizeBytes) => {
        allocCount += 1;
        return inner.alloc(sizeBytes);
      },
    }));
    await time(fast, { warmupMs: 7, timedCount: 1 });
    expect(allocCount).toBe(2 * 10_000 + 2);
  });

  it("count failures by the pass", async () => {
    const result = await time(
      heapWith(() => ({ alloc: outOfMemory })),
      { warmupMs: 0, timedCount: 5 },
    );
    expect(result.failureCount).toBe(2);
  });
});
