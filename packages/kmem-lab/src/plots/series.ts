import { type CsvRecord, numberIn } from "../figures/csv.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { blockTraces, footprintIn, meanRatio, namesIn, nsIn, SMALL_TRACE_BYTES } from "../figures/ratios.ts";

/** What a chart of categories shows: for each series one value, or none, for each category. */
export interface CategoryData {
  readonly categories: readonly string[];
  readonly series: readonly {
    readonly name: string;
    readonly values: readonly (number | undefined)[];
    /** From the first quartile to the third, where rounds have been compared. */
    readonly spreads?: readonly (Spread | undefined)[];
  }[];
}

/** A low and a high value. */
export type Spread = readonly [low: number, high: number];

/** What a chart of lines shows. */
export interface LineData {
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
    readonly spreads: readonly (Spread | undefined)[];
  }[];
}

/** The allocators of a chart, five at most: the tables have all. */
const SHOWN: readonly string[] = ["kmem", "glibc", "mimalloc", "tcmalloc", "wasm-dlmalloc"];

function isShown(record: CsvRecord): boolean {
  return SHOWN.includes(record["allocator"] ?? "");
}

function spreadIn(record: CsvRecord): Spread | undefined {
  const [low, high] = [numberIn(record, "ns_per_op_q1"), numberIn(record, "ns_per_op_q3")];
  return low === undefined || high === undefined ? undefined : [low, high];
}

/** An allocator so many times slower than kmem would press all others flat in a chart whose axis is not logarithmic. */
const SLOW_RATIO = 6;
/** The same of one that takes so many times the memory. */
const FAT_RATIO = 3;

/** ns per operation by trace; allocators of another order of magnitude are left to the tables. */
export function traceTimes(files: FigureFiles): CategoryData {
  const records = blockTraces(files.read("traces")).filter(isShown);
  const isNear = (name: string): boolean => (meanRatio(records, [name, "kmem"], nsIn) ?? 0) <= SLOW_RATIO;
  return byTrace(
    records.filter((record) => isNear(record["allocator"] ?? "")),
    nsIn,
  );
}

/** Resident memory over live bytes at peak, of traces that are more than a few pages; hogs are left to the tables. */
export function traceFootprints(files: FigureFiles): CategoryData {
  const isLarge = (record: CsvRecord): boolean => (numberIn(record, "peak_live_bytes") ?? 0) >= SMALL_TRACE_BYTES;
  const records = files.read("memory").filter(isLarge).filter(isShown);
  const isNear = (name: string): boolean =>
    (meanRatio(records, [name, "kmem"], footprintIn, "workload") ?? 0) <= FAT_RATIO;
  return byTrace(
    records.filter((record) => isNear(record["allocator"] ?? "")),
    footprintIn,
    "workload",
  );
}

/** ns per operation of random churn by live blocks. */
export function churnTimes(files: FigureFiles): LineData {
  const records = files.read("live-blocks").filter(isShown);
  const series = namesIn(records, "allocator").map((name) => {
    const measured = records
      .filter((record) => record["allocator"] === name)
      .flatMap((record) => {
        const [x, y] = [numberIn(record, "live_blocks"), nsIn(record)];
        return x === undefined || y === undefined ? [] : [{ point: [x, y] as const, spread: spreadIn(record) }];
      });
    return { name, points: measured.map(({ point }) => point), spreads: measured.map(({ spread }) => spread) };
  });
  return { series: series.filter(({ points }) => points.length > 0) };
}

function byTrace(
  records: readonly CsvRecord[],
  figure: (record: CsvRecord) => number | undefined,
  column = "trace",
): CategoryData {
  const categories = namesIn(records, column);
  const series = namesIn(records, "allocator").map((name) => {
    const own = records.filter((record) => record["allocator"] === name);
    const found = categories.map((trace) => own.find((one) => one[column] === trace));
    const values = found.map((record) => (record === undefined ? undefined : figure(record)));
    if (figure !== nsIn) return { name, values };
    return { name, values, spreads: found.map((record) => (record === undefined ? undefined : spreadIn(record))) };
  });
  return { categories, series: series.filter(({ values }) => values.some((value) => value !== undefined)) };
}
