import { join } from "node:path";
import { createHeap } from "kmem-cli/internal/contenders/kmem";
import { knownContenders } from "kmem-cli/internal/contenders/known-contenders";
import { nativeContender } from "kmem-cli/internal/contenders/native-contender";
import { GLIBC } from "kmem-cli/internal/contenders/native-malloc";
import { isReady, type ReadyContender } from "kmem-cli/internal/replay/contender";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { describe, expect, it } from "vitest";
import { NATIVE_MISSING, NATIVE_NOTE } from "../../../kmem-cli/test/contenders/support.ts";
import { bundledWorkloads } from "../../../kmem-cli/test/replay/support.ts";
import { BUNDLED_TRACES, withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { AREAS } from "../../src/loads/areas.ts";
import { CONSTRUCTED } from "../../src/loads/constructed.ts";
import { PAGE_RUNS } from "../../src/loads/page-runs.ts";
import { driftRatio, strayContenders } from "../../src/memory/drift-figures.ts";
import {
  DRIFT_PHASE_COUNT,
  DRIFT_TARGET_BYTES,
  driftOps,
  driftPlan,
  driftSegmentCount,
} from "../../src/memory/drift-ops.ts";
import { latencyOps } from "../../src/memory/latency-ops.ts";
import { measureCommand } from "../../src/memory/measure-command.ts";
import type { DriftResult, LatencyResult, MeasureJob, MemoryResult } from "../../src/memory/measure-jobs.ts";
import { disagreementPercent, tablesAtPeak } from "../../src/memory/memory-figures.ts";
import { memoryOps } from "../../src/memory/memory-ops.ts";
import { measureDrift, measureLoadMemory, measureMemory } from "../../src/memory/run-measures.ts";

const DRIFT_OPS = 900_000;
const TRACE = "sqlite_file.trace.zst";

async function glibc(): Promise<ReadyContender> {
  const ready = await nativeContender(GLIBC).prepare();
  if (!isReady(ready)) throw new Error(ready.reason);
  return ready;
}

async function answerOf<Result>(contender: ReadyContender, job: MeasureJob): Promise<Result> {
  return JSON.parse(await runProcess(await measureCommand(contender, job))) as Result;
}

describe("the memory of kmem on a trace", () => {
  it.each([TRACE, "mid-6.12-hashedptr.trace.txt.zst"])(
    "is what it was, to the page, when all is freed and trimmed: %s",
    async (file) => {
      await withTempDir(async (folder) => {
        for (const workload of await bundledWorkloads(file, folder)) {
          const { kind, opsPath, closingPath, live } = workload;
          const result = memoryOps(() => createHeap(live), { mode: "memory", kind, opsPath, closingPath });
          const own = result.own!;
          expect(result).toMatchObject({ opCount: workload.opCount, failureCount: 0 });
          expect(result.peakLiveBytes).toBe(live.peakLiveBytes);
          expect(own.trimmedBytes).toBe(own.initialBytes);
          expect(own.peakBytes).toBeGreaterThan(own.usableAtPeakBytes);
          expect(tablesAtPeak(own)).toBeGreaterThan(0);
          // Own accounting has tables for every page in use, a fifteenth of it, of which runs of pages touch few.
          if (result.resident !== undefined) expect(disagreementPercent(result)).toBeGreaterThan(-7);
        }
      });
    },
  );

  it("agrees with its own accounting where few pages are given back", async () => {
    await withTempDir(async (folder) => {
      const [workload] = await bundledWorkloads("lua_bintrees.trace.zst", folder);
      const result = memoryOps(() => createHeap(workload!.live), { mode: "memory", ...workload! });
      if (result.resident !== undefined) expect(Math.abs(disagreementPercent(result)!)).toBeLessThan(5);
    });
  });
});

describe("the memory of the synthetic loads", () => {
  it.each([PAGE_RUNS, CONSTRUCTED, AREAS])(
    "is as much as is live at least, and all given back: $name",
    async (load) => {
      const kmem = await knownContenders()[0]!.prepare();
      if (!isReady(kmem)) throw new Error(kmem.reason);
      const [measure] = await measureLoadMemory(
        [load],
        () => [kmem],
        () => {},
      );
      expect(measure).toMatchObject({ workload: load.name, allocator: "kmem", result: { failureCount: 0 } });
      const { peakLiveBytes, own, resident } = measure!.result!;
      expect(own!.trimmedBytes).toBeLessThan(2 ** 17);
      expect(own!.peakBytes).toBeGreaterThan(peakLiveBytes);
      if (resident === undefined) return;
      expect(resident.peakBytes).toBeGreaterThan(peakLiveBytes);
      expect(resident.peakBytes).toBeLessThan(peakLiveBytes * 2);
    },
  );
});

describe("a drift", () => {
  it("has as many bytes live at each segment's end, give or take a block", () => {
    const result = driftOps(createHeap(driftPlan(DRIFT_OPS)), { mode: "drift", opCount: DRIFT_OPS });
    expect(result.segments).toHaveLength(DRIFT_PHASE_COUNT + 1);
    for (const { liveBytes } of result.segments.slice(1)) {
      expect(Math.abs(liveBytes - DRIFT_TARGET_BYTES)).toBeLessThanOrEqual(2 ** 16);
    }
    expect(driftRatio(result.segments, "footprintBytes")).toBeGreaterThan(1);
  });

  it("is long in segments, and ends with the mix that it began with", () => {
    for (const opCount of [1000, 100_000_000]) expect((driftSegmentCount(opCount) - 1) % DRIFT_PHASE_COUNT).toBe(0);
    expect(driftSegmentCount(100_000_000)).toBe(5 * DRIFT_PHASE_COUNT + 1);
  });

  it.skipIf(NATIVE_MISSING)(`is the same in C${NATIVE_NOTE}`, async () => {
    const own = driftOps(createHeap(driftPlan(DRIFT_OPS)), { mode: "drift", opCount: DRIFT_OPS });
    const native = await answerOf<DriftResult>(await glibc(), { mode: "drift", opCount: DRIFT_OPS });
    const shape = ({ segments }: DriftResult) =>
      segments.map(({ liveBytes, liveBlockCount }) => [liveBytes, liveBlockCount]);
    expect(native.randomState).toBe(own.randomState);
    expect(shape(native)).toEqual(shape(own));
  });

  it("tells who did other operations", () => {
    const segments = [{ liveBytes: 1, liveBlockCount: 1 }];
    const of = (allocator: string, randomState: number) => ({
      allocator,
      result: { opCount: 1, segments, randomState },
    });
    expect(strayContenders([of("a", 1), of("b", 1), of("c", 2), { allocator: "d" }])).toEqual(["c"]);
  });
});

describe("single operations", () => {
  it("are all timed, and nothing else, with no garbage collected meanwhile", async () => {
    await withTempDir(async (folder) => {
      const [workload] = await bundledWorkloads(TRACE, folder);
      const job = { mode: "latency", ...workload!, warmupCount: 1, passCount: 2 } as const;
      const check = ({ opCount, failureCount, operations, timer }: LatencyResult): void => {
        const total = operations.buckets.reduce((sum, [, count]) => sum + count, 0);
        expect([opCount, failureCount, total]).toEqual([workload!.opCount * 2, 0, workload!.opCount * 2]);
        expect(timer.buckets.length).toBeGreaterThan(0);
      };
      check(await latencyOps(createHeap(workload!.live), job));
      const kmem = await knownContenders()[0]!.prepare();
      if (!isReady(kmem)) throw new Error(kmem.reason);
      const answer = await answerOf<LatencyResult>(kmem, job);
      check(answer);
      expect(answer.gcCount).toBe(0);
      if (NATIVE_MISSING === undefined) check(await answerOf<LatencyResult>(await glibc(), job));
    });
  });
});

describe("the measures of contenders", () => {
  const broken: ReadyContender = {
    name: "broken",
    isNative: false,
    canCheck: false,
    version: "1",
    module: "data:text/javascript,process.exit(3)",
    command: () => expect.unreachable("no job of a replay"),
  };

  it("go on when a process fails, and say so", async () => {
    expect(await measureDrift(1, 2, [broken], () => {})).toEqual([
      { allocator: "broken", error: "ended with exit code 3" },
    ]);
  });

  it.skipIf(NATIVE_MISSING)(`are alike for native ones${NATIVE_NOTE}`, async () => {
    const [measure] = await measureMemory([join(BUNDLED_TRACES, TRACE)], [await glibc()], () => {});
    const { resident, peakLiveBytes } = measure!.result as MemoryResult;
    expect(measure).toMatchObject({ workload: "sqlite_file", allocator: "glibc" });
    expect(resident).toMatchObject({ scope: "process", trimmedBy: "malloc_trim" });
    expect(resident!.peakBytes).toBeGreaterThan(peakLiveBytes * 0.95);
    expect(resident!.trimmedBytes).toBeLessThan(resident!.peakBytes);
  });
});
