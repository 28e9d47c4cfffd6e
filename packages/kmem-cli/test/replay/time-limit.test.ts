import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createHeap } from "../../src/contenders/kmem.ts";
import { accountOps } from "../../src/replay/footprint-of-ops.ts";
import { coverage, OPS_PER_LOOK, TimeLimit } from "../../src/replay/time-limit.ts";
import { timeOps } from "../../src/replay/time-ops.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { withTempDir } from "../trace/support.ts";
import { writeOps } from "./support.ts";

const OP_COUNT = 4 * OPS_PER_LOOK;
const passes = { warmupMs: 0, timedCount: 3 };

let nowMs = 0;

beforeEach(() => {
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Pairs of malloc and free, in files. */
async function withOps<Result>(use: (files: { opsPath: string; closingPath: string }) => Result): Promise<Result> {
  return withTempDir(async (folder) => {
    const files = { opsPath: join(folder, "ops"), closingPath: join(folder, "closing") };
    writeOps(
      files.opsPath,
      Array.from({ length: OP_COUNT }, (_, index) => [index % 2 === 0 ? OP.MALLOC : OP.FREE, 0, 0, 100, 0] as const),
    );
    writeOps(files.closingPath, []);
    return use(files);
  });
}

/** A heap on which each step to the next look at the clock takes 10 ms. */
function slowHeap(): ReturnType<typeof createHeap> {
  const heap = createHeap({ peakLiveBytes: 0 });
  const alloc = heap.alloc.bind(heap);
  let count = 0;
  return Object.assign(heap, {
    alloc: (sizeBytes: number): number => {
      count += 1;
      if (count % (OPS_PER_LOOK / 2) === 0) nowMs += 10;
      return alloc(sizeBytes);
    },
  });
}

describe("the limit of a process", () => {
  it("cuts the first pass and tells which share of it was done", async () => {
    const job = { mode: "time", kind: "blocks", passes, limitMs: 15 } as const;
    const result = await withOps((files) => timeOps(slowHeap(), { ...job, ...files }));
    expect(result.passNs).toHaveLength(1);
    expect(result.opCount % OPS_PER_LOOK).toBe(0);
    expect(result.opCount).toBeLessThan(OP_COUNT);
    expect(result.coveredShare).toBe(result.opCount / OP_COUNT);
  });

  it("leaves a pass that was cut out where there are whole ones", async () => {
    const job = { mode: "time", kind: "blocks", passes: { warmupMs: 0, timedCount: 1000 }, limitMs: 100 } as const;
    const result = await withOps((files) => timeOps(slowHeap(), { ...job, ...files }));
    expect(result).toMatchObject({ opCount: OP_COUNT });
    expect(result).not.toHaveProperty("coveredShare");
    expect(result.passNs.length).toBeLessThan(1000);
  });

  it("cuts the account", async () => {
    const job = { mode: "account", kind: "blocks", limitMs: 15 } as const;
    const result = await withOps((files) => accountOps(slowHeap(), { ...job, ...files }));
    expect(result.opCount).toBeLessThan(OP_COUNT);
    expect(result.coveredShare).toBe(result.opCount / OP_COUNT);
    expect(result.requestedBytes).toBe((result.opCount / 2) * 100);
  });

  it("may count the processor's time, which the clock runs ahead of on a busy machine", () => {
    let cpuUs = 5000;
    vi.spyOn(process, "cpuUsage").mockImplementation(() => ({ user: cpuUs, system: 0 }));
    nowMs = 0;
    const limit = new TimeLimit({ cpuLimitMs: 10 });
    const lookAt = (clockMs: number, cpuMs: number): boolean => {
      nowMs = clockMs;
      cpuUs = 5000 + cpuMs * 1000;
      return limit.look();
    };
    const looks = [lookAt(5, 5), lookAt(12, 6), lookAt(15, 9), lookAt(17, 10)];
    expect([limit.isSet, ...looks]).toEqual([true, false, false, false, true]);
  });

  it("is none where nobody sets one", () => {
    expect(new TimeLimit({}).look()).toBe(false);
    expect(coverage(7, 7)).toEqual({});
    const limit = new TimeLimit({ limitMs: 0 });
    expect([limit.isOver, limit.look(), limit.isOver]).toEqual([false, true, true]);
  });
});
