import type { AllocatorResult, ReplayReport, TimeFigures } from "kmem-cli/internal/replay/report";
import { quantile } from "kmem-cli/internal/system/statistics";
import { threeDigits } from "kmem-cli/internal/system/units";

const FIRST_QUARTILE = 0.25;
const THIRD_QUARTILE = 0.75;
const NS_DIGITS = 3;
const SHARE_DIGITS = 4;

/** A trace or a load, and what the allocators made of it. */
export interface Measured {
  readonly name: string;
  readonly peakLiveBytes: number;
  readonly results: readonly AllocatorResult[];
}

/** The malloc traces of a report; objects and pages of kernel traces have tables of their own. */
export function measuredTraces(report: ReplayReport): Measured[] {
  return report.traces.flatMap(({ name, workloads }) =>
    workloads
      .filter(({ kind }) => kind === "blocks")
      .map(({ live, results }) => ({ name, peakLiveBytes: live.peakLiveBytes, results })),
  );
}

function resultOf(results: readonly AllocatorResult[], allocator: string): AllocatorResult | undefined {
  return results.find((result) => result.allocator === allocator);
}

export function nsPerOp(results: readonly AllocatorResult[], allocator: string): number | undefined {
  return resultOf(results, allocator)?.time?.medianNsPerOp;
}

/** A figure as a cell shows it, a dash for none. */
export function show(value: number | undefined): string {
  return value === undefined ? "–" : threeDigits(value);
}

/** Stands behind a figure that is of the first operations only. */
export const CUT_MARK = "\\*";
/** What that mark means, for the text below a table. */
export const CUT_NOTE: string = `${CUT_MARK} so slow that it was cut off: of the first operations only`;

/** ns per operation with half the distance of the quartiles, as `10.9 ±0.4`; of one round the median alone. */
export function timeCell(results: readonly AllocatorResult[], allocator: string): string {
  const time = resultOf(results, allocator)?.time;
  if (time === undefined) return show(undefined);
  const { roundNsPerOp, medianNsPerOp, coveredShare = 1 } = time;
  const mark = coveredShare < 1 ? CUT_MARK : "";
  if (roundNsPerOp.length < 2) return threeDigits(medianNsPerOp) + mark;
  return `${threeDigits(medianNsPerOp)}${mark} ±${spreadText(spreadOf(roundNsPerOp), medianNsPerOp)}`;
}

/** Half the distance between the quartiles. */
export function spreadOf(values: readonly number[]): number {
  return (quantile(values, THIRD_QUARTILE) - quantile(values, FIRST_QUARTILE)) / 2;
}

/** A spread with as many digits after the point as its median is shown with. */
export function spreadText(spread: number, median: number): string {
  const [, fraction = ""] = threeDigits(median).split(".");
  return spread.toFixed(fraction.length);
}

/** The names of the columns that {@link timeColumns} fills. */
export const TIME_HEADER: readonly string[] = [
  "ns_per_op_median",
  "ns_per_op_min",
  "ns_per_op_q1",
  "ns_per_op_q3",
  "ns_per_op_max",
  "covered_share",
];

/** A time and its spread, for a CSV file. */
export function timeColumns(time: TimeFigures | undefined): string[] {
  if (time === undefined) return TIME_HEADER.map(() => "");
  const { medianNsPerOp, minNsPerOp, maxNsPerOp, roundNsPerOp, coveredShare = 1 } = time;
  const quartiles = [quantile(roundNsPerOp, FIRST_QUARTILE), quantile(roundNsPerOp, THIRD_QUARTILE)];
  const times = [medianNsPerOp, minNsPerOp, ...quartiles, maxNsPerOp].map((value) => value.toFixed(NS_DIGITS));
  return [...times, coveredShare === 1 ? "1" : coveredShare.toFixed(SHARE_DIGITS)];
}

/** Columns that stand in one table. */
export type Columns = readonly string[];

/** An allocator, as far as its place in the tables depends on it. */
export interface Placed {
  readonly name: string;
  readonly isNative: boolean;
}

const OWN_NAME = "kmem";

/**
 * The columns of the tables of one figure: kmem, in all its forms, beside the native mallocs; and where there are other
 * allocators in JavaScript or WebAssembly, kmem beside those.
 */
export function columnGroups(allocators: readonly Placed[]): Columns[] {
  const isMain = ({ name, isNative }: Placed): boolean => isNative || isOwn(name);
  const peers = allocators.filter((one) => !isMain(one)).map(({ name }) => name);
  const main = allocators.filter(isMain).map(({ name }) => name);
  if (peers.length === 0) return [main];
  return [main, [...(main.includes(OWN_NAME) ? [OWN_NAME] : []), ...peers]];
}

/** Whether a name is that of kmem, or of kmem in another mode. */
function isOwn(name: string): boolean {
  return name === OWN_NAME || name.startsWith(`${OWN_NAME}-`);
}
