import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { compileTrace } from "kmem-cli/internal/forms/compile-trace";
import type { ReadyContender } from "kmem-cli/internal/replay/contender";
import type { AccountResult } from "kmem-cli/internal/replay/jobs";
import { traceName } from "kmem-cli/internal/replay/replay-traces";
import { makeWorkloads, type Workload } from "kmem-cli/internal/replay/workload";
import { withTempFolder } from "kmem-cli/internal/system/cleanup";
import { runProcess } from "kmem-cli/internal/system/run-process";
import type { Load } from "../loads/load.ts";
import { measureCommand } from "./measure-command.ts";
import type { DriftResult, LatencyResult, MeasureJob, MemoryResult } from "./measure-jobs.ts";
import { medianDrift } from "./median-drift.ts";

/** What one contender made of one workload. */
export interface TraceMeasure<Result> {
  /** The trace, and of kernel traces the kind of operations too. */
  readonly workload: string;
  readonly allocator: string;
  /** Absent when its process failed. */
  readonly result?: Result;
  readonly error?: string;
}

/** What one contender made of a drift. */
export type DriftMeasure = Omit<TraceMeasure<DriftResult>, "workload">;

/** Is told what is being measured. */
export type OnMeasure = (workload: string, allocator: string) => void;

/** So many operations are timed by themselves at the least: a ten-thousandth of them must still be many. */
const LATENCY_OPS_MIN = 2_000_000;
const LATENCY_PASSES_MAX = 25;
/** So many are done before: the slow half of an allocator, one call in hundreds, is to be compiled and warm, too. */
const LATENCY_WARMUP_OPS = 10_000_000;

/** What a process of a native contender answers to `memory`. */
interface NativeMemory extends AccountResult {
  readonly freedResidentBytes: number;
  readonly trimmedResidentBytes: number;
  readonly trimmedBy: string;
}

/** Reads the memory of each contender on each trace. */
export function measureMemory(
  traces: readonly string[],
  contenders: readonly ReadyContender[],
  onMeasure: OnMeasure,
): Promise<TraceMeasure<MemoryResult>[]> {
  return measureTraces(traces, contenders, onMeasure, memoryOf);
}

/** Reads the memory of each contender on each synthetic load that it takes part in. */
export async function measureLoadMemory(
  loads: readonly Load[],
  contendersOf: (load: Load) => readonly ReadyContender[],
  onMeasure: OnMeasure,
): Promise<TraceMeasure<MemoryResult>[]> {
  const measures: TraceMeasure<MemoryResult>[] = [];
  for (const load of loads) {
    await withTempFolder(async (folder) => {
      const workload = load.make(folder);
      for (const contender of contendersOf(load)) {
        onMeasure(load.name, contender.name);
        const outcome = await outcomeOf(() => memoryOf(contender, workload));
        measures.push({ workload: load.name, allocator: contender.name, ...outcome });
      }
    });
  }
  return measures;
}

/** Times each operation of each contender on each trace. */
export function measureLatency(
  traces: readonly string[],
  contenders: readonly ReadyContender[],
  onMeasure: OnMeasure,
): Promise<TraceMeasure<LatencyResult>[]> {
  return measureTraces(traces, contenders, onMeasure, (contender, { kind, opsPath, closingPath, opCount }) => {
    const passCount = Math.min(LATENCY_PASSES_MAX, Math.ceil(LATENCY_OPS_MIN / opCount));
    const warmupCount = Math.ceil(LATENCY_WARMUP_OPS / opCount);
    return run(contender, { mode: "latency", kind, opsPath, closingPath, warmupCount, passCount });
  });
}

/** Has each contender do so many operations of a changing mix, in turns; of the rounds' bytes the medians count. */
export async function measureDrift(
  opCount: number,
  roundCount: number,
  contenders: readonly ReadyContender[],
  onMeasure: OnMeasure,
): Promise<DriftMeasure[]> {
  const rounds = new Map<string, Outcome<DriftResult>[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < roundCount; round += 1) {
    for (const contender of contenders) {
      onMeasure("drift", contender.name);
      rounds.get(contender.name)!.push(await outcomeOf(() => run<DriftResult>(contender, { mode: "drift", opCount })));
    }
  }
  return [...rounds].map(([allocator, outcomes]) => {
    const failed = outcomes.find((outcome) => "error" in outcome);
    const results = outcomes.flatMap((outcome) => ("result" in outcome ? [outcome.result] : []));
    return { allocator, ...(failed ?? { result: medianDrift(results) }) };
  });
}

async function measureTraces<Result>(
  traces: readonly string[],
  contenders: readonly ReadyContender[],
  onMeasure: OnMeasure,
  measure: (contender: ReadyContender, workload: Workload) => Promise<Result>,
): Promise<TraceMeasure<Result>[]> {
  const measures: TraceMeasure<Result>[] = [];
  await withTempFolder(async (folder) => {
    for (const [index, trace] of traces.entries()) {
      const own = join(folder, String(index));
      mkdirSync(own);
      const opsPath = join(own, "trace.ops");
      const summary = await compileTrace(trace, opsPath);
      for (const workload of makeWorkloads(summary, opsPath, own)) {
        const name = workload.kind === "blocks" ? traceName(trace) : `${traceName(trace)} ${workload.kind}`;
        for (const contender of contenders) {
          onMeasure(name, contender.name);
          const outcome = await outcomeOf(() => measure(contender, workload));
          measures.push({ workload: name, allocator: contender.name, ...outcome });
        }
      }
      rmSync(own, { recursive: true });
    }
  });
  return measures;
}

async function run<Result>(contender: ReadyContender, job: MeasureJob): Promise<Result> {
  return JSON.parse(await runProcess(await measureCommand(contender, job))) as Result;
}

type Outcome<Result> = { readonly result: Result } | { readonly error: string };

async function outcomeOf<Result>(measure: () => Promise<Result>): Promise<Outcome<Result>> {
  try {
    return { result: await measure() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

async function memoryOf(contender: ReadyContender, { kind, opsPath, closingPath }: Workload): Promise<MemoryResult> {
  const answer = await run<MemoryResult | NativeMemory>(contender, { mode: "memory", kind, opsPath, closingPath });
  return "freedResidentBytes" in answer ? nativeMemory(answer) : answer;
}

function nativeMemory(answer: NativeMemory): MemoryResult {
  const { opCount, failureCount, requestedBytes, peakLiveBytes, peakFootprintBytes } = answer;
  return {
    opCount,
    failureCount,
    requestedBytes,
    peakLiveBytes,
    resident: {
      scope: "process",
      peakBytes: peakFootprintBytes,
      freedBytes: answer.freedResidentBytes,
      trimmedBytes: answer.trimmedResidentBytes,
      trimmedBy: answer.trimmedBy,
    },
  };
}
