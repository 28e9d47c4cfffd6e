import { performance } from "node:perf_hooks";
import process from "node:process";
import type { Contender } from "kmem-cli/internal/replay/contender";
import { type ReplayObserver, replayTraces } from "kmem-cli/internal/replay/replay-traces";
import { type AllocatorResult, hasFailed } from "kmem-cli/internal/replay/report";
import type { RunOptions } from "kmem-cli/internal/replay/run-workload";
import type { MarkedTexts } from "../figures/documents.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { columnGroups } from "../figures/measured.ts";
import { currentLoad, notePartRun } from "../figures/part-runs.ts";
import { KNOWN_LOADS } from "../loads/known-loads.ts";
import { measurePrograms } from "../programs/measure-programs.ts";
import type { ThreadContender } from "../threads/contenders.ts";
import { measureThreads } from "../threads/measure-threads.ts";
import { hasThreadsFailed, threadsFaults } from "../threads/report.ts";
import { THREAD_WORKLOADS } from "../threads/workloads.ts";
import { BenchContenders, withLimits } from "./bench-contenders.ts";
import { measureLiveBlocks } from "./live-blocks.ts";
import { measureLoads } from "./measure-loads.ts";
import { liveBlocksFigures, loadFigures, threadFigures, traceFigures } from "./write-figures.ts";

/** The parts that this command measures, in its order. */
export const PART_NAMES = ["traces", "live", "loads", "threads"] as const;
export type PartName = (typeof PART_NAMES)[number];

/** Rounds of all but the traces. */
const OTHER_ROUNDS = 3;
/** Runs of half the full length, a minute and a half in all: of shorter ones the figures of two threads vary more. */
const THREAD_WORK_PERCENT = 50;
const THREAD_COUNTS: readonly number[] = [1, 2];
const MS_PER_SECOND = 1000;

/** What the parts are measured with. */
export interface PartsContext {
  readonly traces: readonly string[];
  readonly contenders: readonly Contender[];
  readonly threadContenders: readonly ThreadContender[];
  /** Rounds of the traces; the other parts have three at the most. */
  readonly roundCount: number;
  readonly files: FigureFiles;
  /** Is told the texts of a part as soon as it has been measured. */
  readonly onPart: (part: PartName, texts: MarkedTexts) => void;
}

interface Measuring extends PartsContext {
  readonly bench: BenchContenders;
  readonly otherRounds: number;
}

/** What a part comes to. */
interface PartResult {
  readonly texts: MarkedTexts;
  readonly roundCount: number;
}

/** Something broke while a part was measured; what the message says is a line for each thing. */
export class PartError extends Error {
  override readonly name = "PartError";
}

const MEASURE: Readonly<Record<PartName, (measuring: Measuring) => Promise<PartResult>>> = {
  traces: measureTraces,
  live: measureLive,
  loads: measureLoadsAndPrograms,
  threads: measureThreadPart,
};

/**
 * Measures parts one after another, and writes the CSV files of each as soon as it is done. How long each took and the
 * load meanwhile are said on standard error and noted.
 *
 * @throws PartError when an allocator breaks; the parts before it are written.
 */
export async function measureParts(parts: readonly PartName[], context: PartsContext): Promise<void> {
  const contenders = withLimits(context.contenders);
  const bench = await BenchContenders.prepare(contenders);
  for (const { name, reason } of bench.absent) say(`${name} is not here: ${reason}`);
  const measuring = { ...context, contenders, bench, otherRounds: Math.min(context.roundCount, OTHER_ROUNDS) };
  const allocators = bench.ready.map(({ name, version }) => `${name} ${version}`).join(", ");
  for (const part of parts) {
    const startMs = performance.now();
    const loadBefore = currentLoad();
    const { texts, roundCount } = await MEASURE[part](measuring);
    const seconds = (performance.now() - startMs) / MS_PER_SECOND;
    notePartRun(context.files, { part, seconds, roundCount, loadBefore, loadAfter: currentLoad(), allocators });
    say(`${part}: ${seconds.toFixed(0)} s`);
    context.onPart(part, texts);
  }
}

/** A line on standard error: a run takes minutes, and what is measured should not be disturbed. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function measureTraces({ traces, contenders, roundCount, bench, files }: Measuring): Promise<PartResult> {
  const observer: ReplayObserver = {
    onContenders: () => {},
    onReading: () => {},
    onTrace: ({ name }) => say(`  ${name}`),
    onReplaying: () => {},
  };
  const report = await replayTraces(traces, contenders, { roundCount, checkEvery: undefined }, observer);
  if (report.allocators.length === 0) throw new PartError("none of the allocators is available here");
  const readFaults = report.traces.flatMap(({ error }) => error ?? []);
  const runFaults = report.traces.flatMap(({ name, workloads }) =>
    workloads.flatMap(({ results }) => resultFaults(name, results)),
  );
  if (hasFailed(report)) throw new PartError([...readFaults, ...runFaults].join("\n"));
  return { texts: traceFigures(report, columnGroups(bench.ready), files), roundCount };
}

async function measureLive({ bench, otherRounds, files }: Measuring): Promise<PartResult> {
  const reports = await measureLiveBlocks(
    (count) => bench.forLiveBlocks(count),
    runOptions(otherRounds),
    (count) => say(`  ${count} live blocks`),
  );
  for (const { liveBlockCount, results } of reports) warn(`${liveBlockCount} live blocks`, results);
  return { texts: liveBlocksFigures(reports, columnGroups(bench.ready), files), roundCount: otherRounds };
}

async function measureLoadsAndPrograms({ bench, otherRounds, files }: Measuring): Promise<PartResult> {
  const options = runOptions(otherRounds);
  const contendersOf = bench.forLoad.bind(bench);
  const reports = await measureLoads(KNOWN_LOADS, contendersOf, options, (name) => say(`  ${name}`));
  for (const { name, results } of reports) warn(name, results);
  say("  WebAssembly programs");
  const programs = await measurePrograms(otherRounds);
  if (programs.absentReason !== undefined) say(`no WebAssembly programs: ${programs.absentReason}`);
  return { texts: loadFigures(reports, programs, columnGroups(bench.ready), files), roundCount: otherRounds };
}

async function measureThreadPart({ threadContenders, otherRounds, files }: Measuring): Promise<PartResult> {
  const report = await measureThreads(
    threadContenders,
    {
      workloads: THREAD_WORKLOADS,
      threadCounts: THREAD_COUNTS,
      roundCount: otherRounds,
      workPercent: THREAD_WORK_PERCENT,
    },
    { onContenders: () => {}, onRound: (round, workload) => say(`  threads, round ${round}: ${workload}`) },
  );
  if (hasThreadsFailed(report)) throw new PartError(threadsFaults(report).join("\n"));
  return { texts: threadFigures(report, files), roundCount: otherRounds };
}

function runOptions(roundCount: number): RunOptions {
  return { roundCount, checkEvery: undefined };
}

/** An allocator that cannot do a load has no figure in it, and the reason is told. */
function warn(what: string, results: readonly AllocatorResult[]): void {
  for (const fault of resultFaults(what, results)) say(fault);
}

function resultFaults(what: string, results: readonly AllocatorResult[]): string[] {
  return results.flatMap(({ allocator, error }) => (error === undefined ? [] : [`${allocator}, ${what}: ${error}`]));
}
