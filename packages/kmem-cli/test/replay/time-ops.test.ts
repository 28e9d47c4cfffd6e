import { join } from "node:path";
import { Heap } from "kmem";
import { describe, expect, it } from "vitest";
import type { TimeResult } from "../../src/replay/jobs.ts";
import type { ReplayHeap } from "../../src/replay/replay-heap.ts";
import { timeOps } from "../../src/replay/time-ops.ts";
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
    expect(result.passNs.every((ns) => ns > 0)).toBe(true);
    expect(heap.stats().liveBlocks).toBe(0);
  });

  it("begin when warming up has taken its time", async () => {
    let allocCount = 0;
    const slow = heapWith((inner) => ({
      alloc: (sizeBytes) => {
        allocCount += 1;
        const end = performance.now() + 1;
        while (performance.now() < end);
        return inner.alloc(sizeBytes);
      },
    }));
    await time(slow, { warmupMs: 7, timedCount: 1 });
    // Two allocations a pass, so a pass takes two milliseconds: four passes of warming up.
    expect(allocCount).toBeGreaterThanOrEqual(2 * 4);
    expect(allocCount).toBeLessThanOrEqual(2 * 5);
  });

  it("time the replay and not the reading", async () => {
    const idle = heapWith(() => ({ alloc: () => 16, free: () => {} }));
    const { passNs } = await time(idle, { warmupMs: 0, timedCount: 9 });
    expect(Math.min(...passNs)).toBeLessThan(100_000);
  });

  it("count failures by the pass", async () => {
    const result = await time(
      heapWith(() => ({ alloc: outOfMemory })),
      { warmupMs: 0, timedCount: 5 },
    );
    expect(result.failureCount).toBe(2);
  });
});
