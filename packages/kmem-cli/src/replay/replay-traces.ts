import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { compileTrace } from "../forms/compile-trace.ts";
import type { TraceForm } from "../forms/known-forms.ts";
import { describeEmpty } from "../forms/nothing-understood.ts";
import { withTempFolder } from "../system/cleanup.ts";
import { inputProblem, systemReason } from "../system/input-problem.ts";
import { STDIN_PATH } from "../system/open-input.ts";
import { printableLine } from "../system/printable.ts";
import type { EventStream } from "../trace/event-context.ts";
import type { OpSink } from "../trace/op-stream.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import type { TraceProgress } from "../trace/trace-progress.ts";
import { type Absence, type Contender, isReady, type ReadyContender } from "./contender.ts";
import { describeEnvironment, type LoadMeter } from "./environment.ts";
import { meansOf } from "./geometric-means.ts";
import { REPORT_VERSION, type ReplayReport, type TraceReport, type WorkloadReport } from "./report.ts";
import { countProcesses, type RunOptions, runWorkload } from "./run-workload.ts";
import { TimeBudget } from "./time-budget.ts";
import { warningsOf } from "./warnings.ts";
import { makeWorkloads, type Workload } from "./workload.ts";

/** Is told how a replay goes on. */
export interface ReplayObserver {
  /** The contenders are ready, or absent. */
  onContenders(ready: readonly ReadyContender[], absent: readonly Absence[]): void;
  onReading(name: string, progress: TraceProgress): void;
  /** A trace has been read, or cannot be. */
  onTrace(trace: TraceReport): void;
  onReplaying(name: string, doneCount: number, processCount: number): void;
}

/** How traces are read and replayed. */
export interface ReplayOptions extends Omit<RunOptions, "budget"> {
  /** What the traces are taken for, whatever they look like. */
  readonly form?: TraceForm;
  /** How long the replay of each trace may take. Default: as long as it takes. */
  readonly budgetMs?: number;
  /** Takes the events of a trace as well, as they are read; its number counts from 0. */
  readonly watch?: (traceNumber: number, stream: EventStream) => OpSink;
  /** The load of the machine; only tests bring one. */
  readonly load?: LoadMeter;
}

/**
 * Replays traces, one after another, on every contender that can run here. A trace that cannot be read and a
 * contender that fails are in the report; the others go on. Without a contender no trace is read.
 *
 * @param paths files, or `-` for standard input.
 */
export async function replayTraces(
  paths: readonly string[],
  contenders: readonly Contender[],
  options: ReplayOptions,
  observer: ReplayObserver,
): Promise<ReplayReport> {
  const environment = describeEnvironment(options.load);
  const prepared = await Promise.all(contenders.map((contender) => contender.prepare()));
  const ready = prepared.filter(isReady);
  const absent = prepared.flatMap((one) => (isReady(one) ? [] : [one]));
  observer.onContenders(ready, absent);
  const unreadable = ready.length === 0 ? new Map<string, TraceReport>() : reportUnreadable(paths, observer);
  const traces = await withTempFolder(async (folder) => {
    const reports: TraceReport[] = [];
    for (const [number, path] of ready.length === 0 ? [] : paths.entries()) {
      const context = { number, folder: join(folder, String(number)), ready, options, observer };
      reports.push(unreadable.get(path) ?? (await replayTrace(path, context)));
    }
    return reports;
  });
  return {
    schema: "kmem-replay",
    version: REPORT_VERSION,
    environment,
    settings: {
      roundCount: options.roundCount,
      ...(options.checkEvery === undefined ? {} : { checkEvery: options.checkEvery }),
      ...(options.budgetMs === undefined ? {} : { budgetMs: options.budgetMs }),
      ...(options.memoryBytes === undefined ? {} : { memoryBytes: options.memoryBytes }),
    },
    allocators: ready.map(({ name, version, isNative, note }) => {
      return { name, version, isNative, ...(note === undefined ? {} : { note }) };
    }),
    absent,
    traces,
    means: meansOf(
      traces.flatMap(({ workloads }) => workloads),
      ready.map(({ name }) => name),
    ),
    warnings: warningsOf(environment, options, traces),
  };
}

interface ReplayContext {
  readonly number: number;
  /** Exists as long as the replay of the trace takes. */
  readonly folder: string;
  readonly ready: readonly ReadyContender[];
  readonly options: ReplayOptions;
  readonly observer: ReplayObserver;
}

/** Says of the files that cannot be read why not, before the others are read; their reports by path. */
function reportUnreadable(paths: readonly string[], observer: ReplayObserver): Map<string, TraceReport> {
  const reports = new Map<string, TraceReport>();
  for (const path of new Set(paths)) {
    const problem = path === STDIN_PATH ? undefined : inputProblem(path);
    if (problem === undefined) continue;
    const report: TraceReport = { path, name: traceName(path), error: `${path}: ${problem}`, workloads: [] };
    reports.set(path, reportTrace(report, observer));
  }
  return reports;
}

async function replayTrace(path: string, context: ReplayContext): Promise<TraceReport> {
  const { number, folder, options, observer } = context;
  const name = traceName(path);
  const opsPath = join(folder, "trace.ops");
  mkdirSync(folder);
  try {
    const summary = await compileTrace(path, opsPath, {
      ...(options.form === undefined ? {} : { form: options.form }),
      ...(options.watch === undefined ? {} : { watch: (stream) => options.watch!(number, stream) }),
      onProgress: (progress) => observer.onReading(name, progress),
    });
    const read: TraceReport = { path, name, summary, workloads: [] };
    if (summary.opCount === 0) return reportTrace({ ...read, error: describeEmpty(summary) }, observer);
    reportTrace(read, observer);
    return { ...read, workloads: await runWorkloads(name, makeWorkloads(summary, opsPath, folder), context) };
  } catch (error) {
    return reportTrace({ path, name, error: describeError(path, error), workloads: [] }, observer);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runWorkloads(
  name: string,
  workloads: readonly Workload[],
  { ready, options, observer }: ReplayContext,
): Promise<WorkloadReport[]> {
  const processCount = workloads.length * countProcesses(ready, options);
  let doneCount = 0;
  const onProcess = (): void => {
    doneCount += 1;
    observer.onReplaying(name, doneCount, processCount);
  };
  const budget = options.budgetMs === undefined ? undefined : new TimeBudget(options.budgetMs);
  let opsLeft = workloads.reduce((sum, { opCount }) => sum + opCount, 0);
  const reports: WorkloadReport[] = [];
  for (const workload of workloads) {
    const { kind, opCount, live } = workload;
    const run = budget === undefined ? options : { ...options, budget: budget.part(opCount / opsLeft) };
    reports.push({ kind, opCount, live, results: await runWorkload(workload, ready, run, onProcess) });
    opsLeft -= opCount;
  }
  return reports;
}

function reportTrace(trace: TraceReport, observer: ReplayObserver): TraceReport {
  observer.onTrace(trace);
  return trace;
}

/** The name of a trace in tables: the file's, without what only says how it is written. */
export function traceName(path: string): string {
  return path === STDIN_PATH ? "standard input" : printableLine(basename(path).replace(/(\.(trace|txt|zst|gz))+$/, ""));
}

/** What went wrong with a trace, with the file's name. Errors of this program itself are thrown on. */
function describeError(path: string, error: unknown): string {
  if (error instanceof TraceFormatError) return error.message;
  const reason = systemReason(error);
  if (reason === undefined) throw error;
  return `${path}: ${reason}`;
}
