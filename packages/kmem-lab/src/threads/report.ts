import type { Absence } from "kmem-cli/internal/replay/contender";
import type { ReportEnvironment } from "kmem-cli/internal/replay/report";

/** Goes up when a field of the document changes its meaning or goes away; new fields alone leave it as it is. */
export const THREADS_REPORT_VERSION = 2;

/** All that `kmem-lab threads` found out: the document that `--json` prints, and what its text is made from. */
export interface ThreadsReport {
  readonly schema: "kmem-threads";
  readonly version: typeof THREADS_REPORT_VERSION;
  readonly environment: ReportEnvironment;
  readonly settings: {
    /** Threads side by side, in rising order. */
    readonly threadCounts: readonly number[];
    /** Processes of each contender at each workload and number of threads. */
    readonly roundCount: number;
    /** The share of a run of full length that each was, in percent. */
    readonly workPercent: number;
  };
  /** Those that took part, in the order of the table. */
  readonly allocators: readonly { readonly name: string; readonly version: string; readonly isNative: boolean }[];
  /** Those that could not, and why. */
  readonly absent: readonly Absence[];
  readonly workloads: readonly ThreadWorkloadReport[];
  /** What kmem goals, and what came of it. */
  readonly goals: readonly ThroughputGoal[];
}

export interface ThreadWorkloadReport {
  readonly name: string;
  readonly summary: string;
  /** By allocator, then by number of threads. */
  readonly results: readonly ThreadRunReport[];
}

/** One allocator at one workload with one number of threads. */
export interface ThreadRunReport {
  readonly allocator: string;
  readonly threadCount: number;
  /** Why there are no figures, or not all: its process failed. */
  readonly error?: string;
  /** Absent when no round came to an end. */
  readonly figures?: ThreadFigures;
  readonly checks: ThreadChecks;
}

/** An operation is an allocation or a free. */
export interface ThreadFigures {
  readonly operationCount: number;
  /** Median of the rounds. */
  readonly medianSeconds: number;
  readonly medianOpsPerSecond: number;
  readonly minOpsPerSecond: number;
  readonly maxOpsPerSecond: number;
  /** By round. */
  readonly roundOpsPerSecond: readonly number[];
}

/** What was looked at in every round. */
export interface ThreadChecks {
  /** In one round; the same in all. */
  readonly allocatedCount: number;
  readonly freedCount: number;
  /** Blocks that were not as they had been left, over all rounds. */
  readonly faultCount: number;
  /** What was wrong, in sentences. */
  readonly problems: readonly string[];
}

/** A ratio that kmem is to reach. */
export interface ThroughputGoal {
  readonly name: string;
  readonly goal: number;
  /** Absent where one of the two figures is. */
  readonly ratio?: number;
}

/** Whether anything failed: a process that broke, a block or a heap that was not as it should be. */
export function hasThreadsFailed({ allocators, workloads }: ThreadsReport): boolean {
  const results = workloads.flatMap((workload) => workload.results);
  return (
    allocators.length === 0 ||
    results.some(({ error, checks }) => error !== undefined || checks.faultCount > 0 || checks.problems.length > 0)
  );
}

/** What went wrong, a line each. */
export function threadsFaults({ workloads }: ThreadsReport): string[] {
  return workloads.flatMap(({ name, results }) =>
    results.flatMap(({ allocator, threadCount, error, checks }) => {
      const problems = [...(error === undefined ? [] : [error]), ...checks.problems];
      return problems.map((problem) => `${allocator}, ${name}, threads: ${threadCount}: ${problem}`);
    }),
  );
}

/** The figures of one allocator at one workload with one number of threads. */
export function figuresOf(
  { results }: ThreadWorkloadReport,
  allocator: string,
  threadCount: number,
): ThreadFigures | undefined {
  return results.find((result) => result.allocator === allocator && result.threadCount === threadCount)?.figures;
}
