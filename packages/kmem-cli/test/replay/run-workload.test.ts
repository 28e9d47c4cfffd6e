import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";
import type { ReadyContender } from "../../src/replay/contender.ts";
import type { Job } from "../../src/replay/jobs.ts";
import type { AllocatorResult } from "../../src/replay/report.ts";
import { countProcesses, type RunOptions, runWorkload } from "../../src/replay/run-workload.ts";
import { TimeBudget } from "../../src/replay/time-budget.ts";
import type { Workload } from "../../src/replay/workload.ts";
import { withTempDir } from "../trace/support.ts";

const LIVE = {
  requestedBytes: 0,
  peakLiveBytes: 0,
  peakLiveBlockCount: 0,
  liveBytesAtEnd: 0,
  liveBlockCountAtEnd: 0,
} as const;
const WORKLOAD: Workload = { kind: "blocks", opsPath: "ops", closingPath: "closing", opCount: 10, live: LIVE };

const ACCOUNT = {
  opCount: 10,
  failureCount: 1,
  requestedBytes: 750,
  allocatedBytes: 1000,
  peakLiveBytes: 400,
  peakFootprintBytes: 500,
};

/** A contender whose processes answer what is given, in turns for each mode, and append their name to a log. */
function scripted(name: string, log: string, answers: Partial<Record<Job["mode"], unknown[]>>): ReadyContender {
  return {
    name,
    isNative: false,
    canCheck: answers.check !== undefined,
    canLimit: answers.fit !== undefined,
    version: "1",
    command: ({ mode }) => {
      appendFileSync(log, `${name}:${mode} `);
      const answer = answers[mode]?.shift();
      const script =
        answer === undefined ? "process.exit(3)" : `console.log(${JSON.stringify(JSON.stringify(answer))})`;
      return { file: process.execPath, args: ["-e", script] };
    },
  };
}

const timed = (...passNs: number[]) => ({ opCount: 10, failureCount: 0, passNs });

function runScripted(
  contenders: (log: string) => ReadyContender[],
  roundCount: number,
  checkEvery?: number,
  more: Partial<RunOptions> = {},
): Promise<{ results: AllocatorResult[]; log: string[]; processCount: number; planned: number }> {
  return withTempDir(async (folder) => {
    const log = join(folder, "log");
    writeFileSync(log, "");
    const all = contenders(log);
    const options = { roundCount, checkEvery, ...more };
    let processCount = 0;
    const results = await runWorkload(WORKLOAD, all, options, () => {
      processCount += 1;
    });
    const lines = readFileSync(log, "utf8").trim().split(" ");
    return { results, log: lines, processCount, planned: countProcesses(all, options) };
  });
}

describe("a workload", () => {
  it("is timed by the contenders in turns, round by round", async () => {
    const { log, processCount, planned } = await runScripted(
      (path) => [
        scripted("a", path, { account: [ACCOUNT], time: [timed(1), timed(2)] }),
        scripted("b", path, { account: [ACCOUNT], time: [timed(3), timed(4)] }),
      ],
      2,
    );
    expect(log).toEqual(["a:account", "b:account", "a:time", "b:time", "a:time", "b:time"]);
    expect(processCount).toBe(planned);
  });

  it("takes the median of the rounds, and of each round the median of its passes", async () => {
    const rounds = [timed(100, 900, 110), timed(500, 510, 490), timed(200, 210, 190)];
    const { results } = await runScripted((path) => [scripted("a", path, { account: [ACCOUNT], time: rounds })], 3);
    expect(results[0]?.time).toEqual({
      medianNsPerOp: 20,
      minNsPerOp: 11,
      maxNsPerOp: 50,
      roundNsPerOp: [11, 50, 20],
    });
  });

  it("has figures of memory in percent", async () => {
    const { results } = await runScripted((path) => [scripted("a", path, { account: [ACCOUNT] })], 0);
    expect(results).toEqual([
      {
        allocator: "a",
        memory: {
          requestedBytes: 750,
          allocatedBytes: 1000,
          internalFragmentationPercent: 25,
          peakLiveBytes: 400,
          peakFootprintBytes: 500,
          overheadAtPeakPercent: 25,
          failureCount: 1,
          substituteCacheCount: 0,
        },
      },
    ]);
  });

  it("is checked by those that can be, when it should be", async () => {
    const checked = { opCount: 10, failureCount: 0, heapCheckCount: 1, faultCount: 0, faults: [] };
    const contenders = (path: string): ReadyContender[] => [
      scripted("a", path, { account: [ACCOUNT], check: [checked] }),
      scripted("b", path, { account: [ACCOUNT] }),
    ];
    const withCheck = await runScripted(contenders, 0, 100);
    expect(withCheck.log).toEqual(["a:check", "a:account", "b:account"]);
    expect(withCheck.results.map(({ check }) => check)).toEqual([checked, undefined]);
    expect(withCheck.processCount).toBe(withCheck.planned);
    expect((await runScripted(contenders, 0)).log).toEqual(["a:account", "b:account"]);
  });

  it("is timed less often where time is short, but once by each", async () => {
    const contenders = (path: string): ReadyContender[] => [
      scripted("a", path, { account: [ACCOUNT], time: [timed(1), timed(2), timed(3)] }),
      scripted("b", path, { account: [ACCOUNT], time: [timed(3)] }),
    ];
    const spent = new TimeBudget(0, () => 0);
    const { log, results, processCount, planned } = await runScripted(contenders, 3, undefined, { budget: spent });
    expect(log).toEqual(["a:account", "b:account", "a:time", "b:time"]);
    expect(results.map(({ time }) => time?.roundNsPerOp.length)).toEqual([1, 1]);
    expect(processCount).toBe(planned);
  });

  it("is replayed in memories of given sizes by those that take one", async () => {
    const unusableIndexes = [
      [0, 0.5],
      [0, 1],
    ];
    const samples = { opsPerSample: 10, liveBytes: [1], footprintBytes: [2], unusableIndexes };
    const found = { fitBytes: 8192, grainBytes: 4096, trialCount: 3 };
    const contenders = (path: string): ReadyContender[] => [
      scripted("a", path, {
        account: [
          { ...ACCOUNT, samples },
          { ...ACCOUNT, failureCount: 7 },
          { ...ACCOUNT, samples },
        ],
        fit: [found],
      }),
      scripted("b", path, { account: [ACCOUNT] }),
      scripted("c", path, { account: [ACCOUNT, ACCOUNT], fit: [{ grainBytes: 4096, trialCount: 1, problem: "why" }] }),
    ];
    const options = { fits: true, memoryBytes: 65_536, sampleCount: 1 };
    const { log, results, processCount, planned } = await runScripted(contenders, 0, undefined, options);
    expect(log.join(" ")).toBe("a:account a:account a:fit a:account b:account c:account c:account c:fit");
    expect(results[0]).toMatchObject({
      memory: { samples: { opsPerSample: 10, liveBytes: [1], footprintBytes: [2] } },
      limited: { memoryBytes: 65_536, failureCount: 7 },
      fit: { ...found, unusable: { mean: [0, 0.75], worst: [0, 1] } },
    });
    expect(results[1]).not.toHaveProperty("fit");
    expect(results[2]?.fit).toEqual({ grainBytes: 4096, trialCount: 1, problem: "why" });
    expect(processCount).toBe(planned);
  });

  it("is given up by a contender that breaks, and by no other", async () => {
    const { results, log, processCount, planned } = await runScripted(
      (path) => [
        scripted("a", path, { account: [ACCOUNT], time: [timed(1)] }),
        scripted("b", path, { account: [ACCOUNT], time: [timed(1), timed(2), timed(3)] }),
      ],
      3,
    );
    expect(log).toEqual(["a:account", "b:account", "a:time", "b:time", "a:time", "b:time", "b:time"]);
    expect(results[0]?.error).toBe("time: ended with exit code 3");
    expect(results[0]?.memory?.peakLiveBytes).toBe(400);
    expect(results[1]?.error).toBeUndefined();
    expect(results[1]?.time?.roundNsPerOp).toHaveLength(3);
    expect(processCount).toBe(planned);
  });
});
