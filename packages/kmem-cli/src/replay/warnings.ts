import { median } from "../system/statistics.ts";
import type { AllocatorResult, ReportEnvironment, ReportWarning, TraceReport } from "./report.ts";
import type { RunOptions } from "./run-workload.ts";

/** From so many processes that want to run, for each CPU, those that are timed have to share. */
const LOAD_PER_CPU = 0.5;
/** How many times the median distance from the median makes an outlier of a round. */
const OUTLIER_DISTANCE = 10;
/** Of fewer rounds nobody can say which is out of line. */
const OUTLIER_ROUNDS_MIN = 5;
/** Rounds this close to the median are good whatever the others are, as a share of it. */
const CLOSE_SHARE = 0.05;
const LOAD_DIGITS = 1;

/** Why the times of a report may be worth less than they look: a sentence each. */
export function warningsOf(
  { loadAverage = 0, cpuCount }: ReportEnvironment,
  { roundCount }: Pick<RunOptions, "roundCount">,
  traces: readonly TraceReport[],
): ReportWarning[] {
  if (roundCount === 0) return [];
  const warnings: ReportWarning[] = [];
  if (loadAverage >= LOAD_PER_CPU * cpuCount) {
    const load = `${loadAverage.toFixed(LOAD_DIGITS)} processes wanted to run on ${cpuCount} CPUs`;
    warnings.push({
      code: "LOADED",
      text: `the machine was busy before the replay began (${load}): compare times on one that is not`,
    });
  }
  const results = traces.flatMap(({ name, workloads }) =>
    workloads.flatMap(({ kind, results: all }) => all.map((result) => ({ where: `${name} (${kind})`, result }))),
  );
  for (const { where, result } of results) {
    const text = outlierText(result);
    if (text !== undefined) warnings.push({ code: "OUTLIERS", text: `${where}: ${text}` });
  }
  const fewer = results.filter(({ result: { time } }) => time !== undefined && time.roundNsPerOp.length < roundCount);
  if (fewer.length > 0) {
    const least = new Map<string, number>();
    for (const { result } of fewer) {
      const { allocator, time } = result;
      least.set(allocator, Math.min(least.get(allocator) ?? roundCount, time!.roundNsPerOp.length));
    }
    const list = Array.from(least, ([allocator, count]) => `${allocator} ${count}`).join(", ");
    warnings.push({ code: "FEWER_ROUNDS", text: `fewer than ${roundCount} rounds for want of time: ${list}` });
  }
  return warnings;
}

/** The rounds that are far from the others; the first one often is, where something had to be loaded first. */
export function outliersOf(rounds: readonly number[]): number[] {
  if (rounds.length < OUTLIER_ROUNDS_MIN) return [];
  const middle = median(rounds);
  const distance = median(rounds.map((round) => Math.abs(round - middle)));
  const farFrom = Math.max(OUTLIER_DISTANCE * distance, CLOSE_SHARE * middle);
  return rounds.flatMap((round, index) => (Math.abs(round - middle) > farFrom ? [index] : []));
}

function outlierText({ allocator, time }: AllocatorResult): string | undefined {
  const outliers = outliersOf(time?.roundNsPerOp ?? []);
  if (outliers.length === 0) return undefined;
  const isFirst = outliers.length === 1 && outliers[0] === 0;
  const which = isFirst ? "the first round" : `round ${outliers.map((index) => index + 1).join(", ")}`;
  return `${allocator}: ${which} of ${time!.roundNsPerOp.length} is far from the others; something else ran meanwhile`;
}
