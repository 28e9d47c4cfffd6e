import type { LiveSummary, TraceSummary } from "../trace/trace-summary.ts";
import type { Absence } from "./contender.ts";
import type { CheckResult, MemorySamples } from "./jobs.ts";
import type { WorkloadKind } from "./workload.ts";

/** Goes up when a field of the document changes its meaning or goes away; new fields alone leave it as it is. */
export const REPORT_VERSION = 1;

/**
 * All that `kmem replay` found out: the document that `--json` prints, and what its text is made from. Sizes are in
 * bytes and times in nanoseconds, as the names say; what is missing could not be found out.
 */
export interface ReplayReport {
  readonly schema: "kmem-replay";
  readonly version: typeof REPORT_VERSION;
  readonly environment: ReportEnvironment;
  readonly settings: ReportSettings;
  /** The allocators that took part, in the order of the table. */
  readonly allocators: readonly ReportAllocator[];
  /** Those that did not, though asked for, and why. */
  readonly absent: readonly Absence[];
  /** In the order in which they were given. */
  readonly traces: readonly TraceReport[];
  /** Over all traces, for each kind of workload that there was. */
  readonly means: readonly MeanReport[];
  /** Why the times may be worth less than they look. */
  readonly warnings: readonly ReportWarning[];
}

export interface ReportWarning {
  readonly code: "LOADED" | "OUTLIERS" | "FEWER_ROUNDS";
  readonly text: string;
}

export interface ReportEnvironment {
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly cpuModel: string;
  readonly cpuCount: number;
  /** Processes that ran or wanted to, over the minute before the replay; absent where the system does not say. */
  readonly loadAverage?: number;
}

export interface ReportSettings {
  /** Processes of each allocator for each workload that timed it. */
  readonly roundCount: number;
  /** Operations between two checks of the heap; absent without `--check`. */
  readonly checkEvery?: number;
  /** How long each trace might take, where that was limited: slow allocators then have fewer rounds. */
  readonly budgetMs?: number;
  /** The memory of which was asked what is refused in it. */
  readonly memoryBytes?: number;
}

export interface ReportAllocator {
  readonly name: string;
  readonly version: string;
  readonly isNative: boolean;
  /** What must be known to read its figures. */
  readonly note?: string;
}

export interface TraceReport {
  /** As it was given. */
  readonly path: string;
  /** Short, for tables. */
  readonly name: string;
  /** Why the trace could not be read or replayed. */
  readonly error?: string;
  /** What was in it; absent when it could not be read. */
  readonly summary?: TraceSummary;
  readonly workloads: readonly WorkloadReport[];
}

/** One list of operations, replayed by every allocator; a kernel trace has one of objects and one of pages. */
export interface WorkloadReport {
  readonly kind: WorkloadKind;
  readonly opCount: number;
  /** As the trace has it. */
  readonly live: LiveSummary;
  /** In the order of the allocators. */
  readonly results: readonly AllocatorResult[];
}

/** What one allocator made of one workload. */
export interface AllocatorResult {
  readonly allocator: string;
  /** Why there are no figures, or not all: its process failed. */
  readonly error?: string;
  readonly time?: TimeFigures;
  readonly memory?: MemoryFigures;
  /** In the memory that was asked for. */
  readonly limited?: LimitFigures;
  /** The smallest memory that will do. */
  readonly fit?: FitFigures;
  readonly check?: CheckResult;
}

export interface TimeFigures {
  /** Nanoseconds per operation: each round's is the median of its passes, and this the median of the rounds. */
  readonly medianNsPerOp: number;
  readonly minNsPerOp: number;
  readonly maxNsPerOp: number;
  /** By round. */
  readonly roundNsPerOp: readonly number[];
  /** Where the time ran out: the least share of the operations, the first ones, that a round is of. */
  readonly coveredShare?: number;
}

export interface MemoryFigures {
  readonly requestedBytes: number;
  readonly allocatedBytes: number;
  /** The share of what was allocated that nobody asked for. */
  readonly internalFragmentationPercent: number;
  readonly peakLiveBytes: number;
  readonly peakFootprintBytes: number;
  /** By how much the peak footprint exceeds the peak live bytes. */
  readonly overheadAtPeakPercent: number;
  /** Allocations that were refused. */
  readonly failureCount: number;
  /** Slab caches that the allocator could not make, so that its general allocator served them. */
  readonly substituteCacheCount: number;
  /** Of an allocator that cannot free: the frees that did nothing. */
  readonly ignoredFreeCount?: number;
  /** Where the time ran out: the share of the operations, the first ones, that these figures are of. */
  readonly coveredShare?: number;
  /** Where they were asked for. */
  readonly samples?: MemorySamples;
}

export interface LimitFigures {
  readonly memoryBytes: number;
  /** Allocations that were refused in it. */
  readonly failureCount: number;
  readonly coveredShare?: number;
}

export interface FitFigures {
  /** The workload goes through in a memory of so many bytes, and not in one that is smaller by the grain. */
  readonly fitBytes?: number;
  readonly grainBytes: number;
  readonly trialCount: number;
  /** Why there is none. */
  readonly problem?: string;
  /** In that memory, by order: the share of the free pages that an allocation cannot use, over the workload. */
  readonly unusable?: UnusableFigures;
}

export interface UnusableFigures {
  readonly mean: readonly number[];
  readonly worst: readonly number[];
}

/** Geometric means over the workloads of one kind. */
export interface MeanReport {
  readonly kind: WorkloadKind;
  readonly workloadCount: number;
  /** What the ratios are of: the first allocator. */
  readonly base: string;
  readonly allocators: readonly MeanFigures[];
}

export interface MeanFigures {
  readonly allocator: string;
  /** The base's time divided by this allocator's: below 1, the base is faster. */
  readonly baseTimeRatio?: number;
  readonly overheadAtPeakPercent?: number;
}

/** Whether anything failed: a trace that could not be read, an allocator that broke, a fault that a check found. */
export function hasFailed(report: Pick<ReplayReport, "traces" | "allocators">): boolean {
  const results = report.traces.flatMap(({ workloads }) => workloads.flatMap((workload) => workload.results));
  return (
    report.allocators.length === 0 ||
    report.traces.some(({ error }) => error !== undefined) ||
    results.some(({ error, check }) => error !== undefined || (check?.faultCount ?? 0) > 0)
  );
}
