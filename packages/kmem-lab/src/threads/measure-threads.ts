import { performance } from "node:perf_hooks";
import type { Absence } from "kmem-cli/internal/replay/contender";
import { describeEnvironment } from "kmem-cli/internal/replay/environment";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { median } from "kmem-cli/internal/system/statistics";
import { isReady, type ReadyThreadContender, type ThreadContender, warmupMs } from "./contenders.ts";
import type { ThreadJob, ThreadResult } from "./jobs.ts";
import { THREADS_REPORT_VERSION, type ThreadFigures, type ThreadRunReport, type ThreadsReport } from "./report.ts";
import { goalsOf } from "./throughput-goals.ts";
import type { ThreadWorkload } from "./workloads.ts";

const PERCENT = 100;
const NS_PER_SECOND = 1e9;
const MS_PER_SECOND = 1000;
/** Warming up goes in pieces of this share of a run of full length. */
const WARMUP_DIVISOR = 40;

/** How the threads are measured. */
export interface ThreadsOptions {
  readonly workloads: readonly ThreadWorkload[];
  /** In rising order. */
  readonly threadCounts: readonly number[];
  /** Processes of each contender at each workload and number of threads, at the most. */
  readonly roundCount: number;
  /** No round starts later than so many seconds after the first; the first one always runs. */
  readonly seconds?: number;
  /** The share of a run of full length that each run is. */
  readonly workPercent: number;
}

/** Is told how the measuring goes on. */
export interface ThreadsObserver {
  onContenders(ready: readonly ReadyThreadContender[], absent: readonly Absence[]): void;
  /** A round of a workload begins; rounds count from 1. */
  onRound(round: number, workload: string): void;
}

/**
 * Runs the workloads on every contender that can run here. The contenders take turns, each run is a process, and a
 * round is over all workloads before the next begins, so that whatever slows the machine for a while slows all.
 */
export async function measureThreads(
  contenders: readonly ThreadContender[],
  options: ThreadsOptions,
  observer: ThreadsObserver,
): Promise<ThreadsReport> {
  const prepared = await Promise.all(contenders.map((contender) => contender.prepare()));
  const ready = prepared.filter(isReady);
  const absent = prepared.flatMap((one) => (isReady(one) ? [] : [one]));
  observer.onContenders(ready, absent);
  const { workloads, threadCounts, workPercent, seconds = Number.POSITIVE_INFINITY } = options;
  const runs = workloads.map((workload) =>
    ready.flatMap((contender) =>
      threadCounts.map((count) => new ContenderRuns(contender, workload, count, workPercent)),
    ),
  );
  const startMs = performance.now();
  const isOver = (): boolean => performance.now() - startMs >= seconds * MS_PER_SECOND;
  let roundCount = 0;
  while (roundCount < options.roundCount && (roundCount === 0 || !isOver())) {
    roundCount += 1;
    for (const [index, { name }] of workloads.entries()) {
      observer.onRound(roundCount, name);
      for (const run of runs[index]!) await run.next();
    }
  }
  const reports = workloads.map(({ name, summary }, index) => {
    return { name, summary, results: runs[index]!.map((run) => run.report()) };
  });
  return {
    schema: "kmem-threads",
    version: THREADS_REPORT_VERSION,
    environment: describeEnvironment(),
    settings: { threadCounts, roundCount, workPercent },
    allocators: ready.map(({ name, version, isNative }) => ({ name, version, isNative })),
    absent,
    workloads: reports,
    goals: goalsOf(reports),
  };
}

/** One contender at one workload with one number of threads. After the first process that fails no other is started. */
class ContenderRuns {
  readonly #contender: ReadyThreadContender;
  readonly #job: ThreadJob;
  readonly #results: ThreadResult[] = [];
  readonly #problems = new Set<string>();
  #error: string | undefined;

  constructor(
    contender: ReadyThreadContender,
    { name, amount }: ThreadWorkload,
    laneCount: number,
    workPercent: number,
  ) {
    this.#contender = contender;
    this.#job = {
      workload: name,
      laneCount,
      amount: Math.max(1, Math.round((amount * workPercent) / PERCENT)),
      warmupAmount: Math.max(1, Math.round((amount * Math.min(workPercent, PERCENT)) / PERCENT / WARMUP_DIVISOR)),
      warmupMs: warmupMs(contender),
    };
  }

  async next(): Promise<void> {
    if (this.#error !== undefined || this.#problems.size > 0) return;
    try {
      const result = JSON.parse(await runProcess(this.#contender.command(this.#job))) as ThreadResult;
      for (const problem of problemsOf(result)) this.#problems.add(problem);
      this.#results.push(result);
    } catch (error) {
      this.#error = error instanceof Error ? error.message : String(error);
    }
  }

  report(): ThreadRunReport {
    const sound = this.#results.filter((result) => problemsOf(result).length === 0);
    const last = this.#results.at(-1);
    return {
      allocator: this.#contender.name,
      threadCount: this.#job.laneCount,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(sound.length === 0 ? {} : { figures: figuresFrom(sound) }),
      checks: {
        allocatedCount: last?.allocatedCount ?? 0,
        freedCount: last?.freedCount ?? 0,
        faultCount: this.#results.reduce((sum, { faultCount }) => sum + faultCount, 0),
        problems: [...this.#problems],
      },
    };
  }
}

/** What was wrong in a run. */
function problemsOf({ allocatedCount, freedCount, faultCount, problems }: ThreadResult): string[] {
  return [
    ...problems,
    ...(faultCount === 0 ? [] : [`${faultCount} blocks were not as they had been left`]),
    ...(allocatedCount === freedCount ? [] : [`${allocatedCount} blocks were allocated and ${freedCount} freed`]),
  ];
}

function figuresFrom(results: readonly ThreadResult[]): ThreadFigures {
  const seconds = results.map(({ elapsedNs }) => elapsedNs / NS_PER_SECOND);
  const rates = results.map(
    ({ allocatedCount, freedCount, elapsedNs }) => ((allocatedCount + freedCount) * NS_PER_SECOND) / elapsedNs,
  );
  return {
    operationCount: results[0]!.allocatedCount + results[0]!.freedCount,
    medianSeconds: median(seconds),
    medianOpsPerSecond: median(rates),
    minOpsPerSecond: Math.min(...rates),
    maxOpsPerSecond: Math.max(...rates),
    roundOpsPerSecond: rates,
  };
}
