import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import type { ThreadContender } from "../../src/threads/contenders.ts";
import type { ThreadJob, ThreadResult } from "../../src/threads/jobs.ts";
import { measureThreads, type ThreadsOptions } from "../../src/threads/measure-threads.ts";
import type { ThreadsReport } from "../../src/threads/report.ts";
import { findWorkload } from "../../src/threads/workloads.ts";

const SOUND: ThreadResult = {
  elapsedNs: 1e6,
  allocatedCount: 500,
  freedCount: 500,
  faultCount: 0,
  requestedBytesMod32: 1,
  problems: [],
};

/** A contender whose processes answer what they are told to, and of whose jobs a log is kept. */
function scripted(name: string, log: string, answer: (run: number, job: ThreadJob) => unknown): ThreadContender {
  let run = 0;
  const prepare = async () => ({
    name,
    version: "0",
    isNative: true,
    command: (job: ThreadJob) => {
      run += 1;
      appendFileSync(log, `${name} ${job.workload} ${job.laneCount}\n`);
      return { file: process.execPath, args: ["-p", JSON.stringify(JSON.stringify(answer(run, job)))] };
    },
  });
  return { name, prepare };
}

const OPTIONS: ThreadsOptions = {
  workloads: [findWorkload("sh6"), findWorkload("local")],
  threadCounts: [1, 2],
  roundCount: 2,
  workPercent: 50,
};

/** Measures, and answers the report and the order of the runs. */
function measured(
  answers: Readonly<Record<string, (run: number, job: ThreadJob) => unknown>>,
  options: Partial<ThreadsOptions> = {},
): Promise<{ readonly report: ThreadsReport; readonly runs: readonly string[] }> {
  return withTempDir(async (folder) => {
    const log = join(folder, "log");
    writeFileSync(log, "");
    const contenders = Object.entries(answers).map(([name, answer]) => scripted(name, log, answer));
    const observer = { onContenders: () => {}, onRound: () => {} };
    const report = await measureThreads(contenders, { ...OPTIONS, ...options }, observer);
    return { report, runs: readFileSync(log, "utf8").trim().split("\n") };
  });
}

describe("measuring threads", () => {
  it("lets the contenders take turns, a round over all workloads at a time", async () => {
    const { runs } = await measured({ a: () => SOUND, b: () => SOUND });
    const round = ["a sh6 1", "a sh6 2", "b sh6 1", "b sh6 2", "a local 1", "a local 2", "b local 1", "b local 2"];
    expect(runs).toEqual([...round, ...round]);
  });

  it("asks for the share of the work that is wanted, the same of everyone", async () => {
    const jobs: ThreadJob[] = [];
    const one = { workloads: [findWorkload("sh6")], threadCounts: [2], roundCount: 1 };
    await measured({ a: (_, job) => jobs.push(job) && SOUND }, one);
    const { amount } = findWorkload("sh6");
    expect(jobs).toMatchObject([{ workload: "sh6", laneCount: 2, amount: amount / 2 }]);
    expect(jobs[0]!.warmupAmount).toBeLessThan(amount / 20);
  });

  it("takes the median of the rounds, and the slowest and fastest", async () => {
    const elapsed = [4e6, 1e6, 2e6];
    const { report } = await measured(
      { kmem: (run) => ({ ...SOUND, elapsedNs: elapsed[run - 1] }) },
      { workloads: [findWorkload("local")], threadCounts: [1], roundCount: 3 },
    );
    expect(report.workloads[0]!.results[0]).toMatchObject({
      allocator: "kmem",
      threadCount: 1,
      figures: {
        operationCount: 1000,
        medianSeconds: 2e-3,
        medianOpsPerSecond: 5e5,
        minOpsPerSecond: 2.5e5,
        maxOpsPerSecond: 1e6,
        roundOpsPerSecond: [2.5e5, 1e6, 5e5],
      },
      checks: { allocatedCount: 500, freedCount: 500, faultCount: 0, problems: [] },
    });
    expect(report.goals).toEqual([{ name: "local: 2 threads / 1 thread", goal: 1.9 }]);
  });

  it("begins no round after its time, but one at least", async () => {
    const { report } = await measured({ a: () => SOUND }, { roundCount: 1000, seconds: 0 });
    expect(report.settings.roundCount).toBe(1);
  });

  it.each([
    ["a seal that was broken", { faultCount: 2 }, "2 blocks were not as they had been left"],
    ["a block that was not freed", { freedCount: 499 }, "500 blocks were allocated and 499 freed"],
    ["what the process found", { problems: ["3 slots are held"] }, "3 slots are held"],
  ])("reports %s, and starts no other process there", async (_, over, problem) => {
    const { report, runs } = await measured({ a: () => ({ ...SOUND, ...over }) });
    expect(runs).toHaveLength(4);
    for (const { results } of report.workloads) {
      for (const { figures, checks } of results) expect([figures, checks.problems]).toEqual([undefined, [problem]]);
    }
  });

  it("reports a process that broke, and keeps the figures of the rounds before", async () => {
    const { report } = await measured({ a: (run) => (run === 1 ? SOUND : undefined) }, { threadCounts: [1] });
    const [result] = report.workloads[0]!.results;
    expect(result!.error).toMatch(/JSON/);
    expect(result!.figures?.roundOpsPerSecond).toHaveLength(1);
  });

  it("says who is absent", async () => {
    const gone: ThreadContender = { name: "gone", prepare: async () => ({ name: "gone", reason: "it left" }) };
    const observer = { onContenders: () => {}, onRound: () => {} };
    const report = await measureThreads([gone], OPTIONS, observer);
    expect(report).toMatchObject({ allocators: [], absent: [{ name: "gone", reason: "it left" }] });
  });
});
