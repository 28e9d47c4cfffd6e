import { formatCount } from "kmem-cli/internal/system/units";
import type { Cells } from "../figures/csv.ts";
import { percentileNs, shortestNs } from "./histogram.ts";
import type { LatencyResult } from "./measure-jobs.ts";
import type { TraceMeasure } from "./run-measures.ts";

const PERCENTILES: readonly number[] = [50, 99, 99.9, 99.99];
const NOTHING = "–";

type Measure = TraceMeasure<LatencyResult>;

/** Every figure, for the CSV file; durations as the clock had them. */
export function latencyRows(measures: readonly Measure[]): Cells {
  const names = [...PERCENTILES.map((percent) => `p${String(percent).replace(".", "_")}_ns`), "max_ns"];
  const header = ["workload", "allocator", "operations", "failures", "collections", ...names];
  const rows = measures.map(({ workload, allocator, result }) => [
    workload,
    allocator,
    result?.opCount ?? "",
    result?.failureCount ?? "",
    result?.gcCount ?? "",
    ...(result === undefined ? names.map(() => "") : durations(result.operations)),
    ...(result === undefined ? names.map(() => "") : durations(result.timer)),
    result === undefined ? "" : shortestNs(result.timer),
  ]);
  return [[...header, ...names.map((name) => `timer_${name}`), "timer_resolves_ns"], ...rows];
}

function durations(of: LatencyResult["timer"]): number[] {
  return [...PERCENTILES.map((percent) => percentileNs(of, percent)), of.maxNs];
}

/** The worst operations: each duration less what the clock takes in the middle, with the clock's own beside them. */
export function latencyTable(measures: readonly Measure[]): Cells {
  const rows = measures.map(({ workload, allocator, result }) => {
    if (result === undefined)
      return [workload, allocator, ...PERCENTILES.map(() => NOTHING), NOTHING, NOTHING, NOTHING];
    const clockNs = percentileNs(result.timer, 50);
    const own = durations(result.operations).map((ns) => formatCount(Math.max(0, ns - clockNs)));
    const [, , , worst] = durations(result.timer);
    return [workload, allocator, ...own, String(clockNs), formatCount(worst! - clockNs)];
  });
  const names = PERCENTILES.map((percent) => `p${percent}`);
  return [["ns of single operations", "allocator", ...names, "max", "clock", "clock alone, p99.99"], ...rows];
}
