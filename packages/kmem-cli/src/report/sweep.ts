import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { kmemWith } from "../contenders/sweep-contender.ts";
import { compileTrace } from "../forms/compile-trace.ts";
import type { TraceForm } from "../forms/known-forms.ts";
import { isReady } from "../replay/contender.ts";
import { traceName } from "../replay/replay-traces.ts";
import { runWorkload } from "../replay/run-workload.ts";
import { makeWorkloads, type Workload } from "../replay/workload.ts";
import { withTempFolder } from "../system/cleanup.ts";
import { gridOf, settingOf } from "./sweep-grid.ts";
import type { SweepDimension, SweepPoint, SweepReport } from "./sweep-report.ts";
import { SweepState } from "./sweep-state.ts";

/** How a sweep runs. */
export interface SweepOptions {
  /** Whether the smallest memory is looked for, where the memory is not swept. */
  readonly fits: boolean;
  /** Tells this version of kmem from another. */
  readonly version: string;
  /** Where the points that are done are kept, for a sweep that goes on where it was interrupted. */
  readonly statePath?: string;
  readonly form?: TraceForm;
  /** Points at a time. Default: as many as there are processors. */
  readonly parallelCount?: number;
  readonly onPoint?: (doneCount: number, pointCount: number) => void;
}

interface Task {
  readonly id: string;
  readonly values: readonly number[];
  readonly trace: string;
  readonly workload: Workload;
}

/**
 * Replays traces on kmem at every point of a grid, several at a time, and asks for memory alone: times of processes
 * that run beside each other say nothing. Throws as `compileTrace`, and SweepStateError.
 */
export async function sweep(
  paths: readonly string[],
  dimensions: readonly SweepDimension[],
  options: SweepOptions,
): Promise<SweepReport> {
  return withTempFolder(async (folder) => {
    const traces: { readonly name: string; readonly workloads: readonly Workload[] }[] = [];
    for (const [number, path] of paths.entries()) {
      traces.push({ name: traceName(path), workloads: await workloadsOf(path, join(folder, String(number)), options) });
    }
    const grid = gridOf(dimensions);
    const tasks = traces.flatMap(({ name, workloads }, number) =>
      workloads.flatMap((workload) =>
        grid.map(
          (values): Task => ({ id: `${number} ${workload.kind} ${values.join(" ")}`, values, trace: name, workload }),
        ),
      ),
    );
    const state = new SweepState(options.statePath, keyOf(dimensions, options, tasks));
    await runAll(tasks, dimensions, options, state);
    return { dimensions, points: tasks.map(({ id }) => state.find(id)!) };
  });
}

async function workloadsOf(path: string, folder: string, { form }: SweepOptions): Promise<Workload[]> {
  mkdirSync(folder);
  const opsPath = join(folder, "trace.ops");
  const summary = await compileTrace(path, opsPath, form === undefined ? {} : { form });
  return makeWorkloads(summary, opsPath, folder);
}

/** Tells one sweep from another: what is asked, and every operation of the traces. */
function keyOf(dimensions: readonly SweepDimension[], { fits, version }: SweepOptions, tasks: readonly Task[]): string {
  const hash = createHash("sha256").update(JSON.stringify([version, dimensions, fits, tasks.map(({ id }) => id)]));
  for (const path of new Set(tasks.map(({ workload }) => workload.opsPath))) hash.update(readFileSync(path));
  return hash.digest("hex");
}

/** Does what the state has not; whoever is free takes the next. */
async function runAll(
  tasks: readonly Task[],
  dimensions: readonly SweepDimension[],
  options: SweepOptions,
  state: SweepState,
): Promise<void> {
  const left = tasks.filter(({ id }) => state.find(id) === undefined);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let task = left[next++]; task !== undefined; task = left[next++]) {
      state.add(task.id, await runPoint(task, dimensions, options));
      options.onPoint?.(state.doneCount, tasks.length);
    }
  };
  const count = Math.min(left.length, options.parallelCount ?? availableParallelism());
  await Promise.all(Array.from({ length: count }, work));
}

async function runPoint(
  { values, trace, workload }: Task,
  dimensions: readonly SweepDimension[],
  { fits }: SweepOptions,
): Promise<SweepPoint> {
  const { options, memoryBytes } = settingOf(dimensions, values);
  const contender = await kmemWith(options).prepare();
  if (!isReady(contender)) throw new Error(contender.reason);
  const run = {
    roundCount: 0,
    checkEvery: undefined,
    fits: fits && memoryBytes === undefined,
    // In a memory of a given size that is all there is to know.
    ...(memoryBytes === undefined ? {} : { accountMemoryBytes: memoryBytes }),
  };
  const [result] = await runWorkload(workload, [contender], run, () => {});
  const { memory, fit, error } = result!;
  return {
    values,
    trace,
    kind: workload.kind,
    ...(error === undefined ? {} : { error }),
    ...(memory === undefined
      ? {}
      : {
          peakFootprintBytes: memory.peakFootprintBytes,
          overheadAtPeakPercent: memory.overheadAtPeakPercent,
          internalFragmentationPercent: memory.internalFragmentationPercent,
          failureCount: memory.failureCount,
        }),
    ...(fit?.fitBytes === undefined ? {} : { fitBytes: fit.fitBytes }),
  };
}
