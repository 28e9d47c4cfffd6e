import { type CsvRecord, numberIn } from "../figures/csv.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { blockTraces, footprintIn, meanRatio, namesIn, nsIn, SMALL_TRACE_BYTES } from "../figures/ratios.ts";

/** What a chart of categories shows: for each series one value, or none, for each category. */
export interface CategoryData {
  readonly categories: readonly string[];
  readonly series: readonly { readonly name: string; readonly values: readonly (number | undefined)[] }[];
}

/** What a chart of lines shows. */
export interface LineData {
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

/** An allocator so many times slower than kmem would press all others flat in a chart whose axis is not logarithmic. */
const SLOW_RATIO = 6;
/** The same of one that takes so many times the memory. */
const FAT_RATIO = 3;

/** ns per operation by trace; allocators of another order of magnitude are left to the tables. */
export function traceTimes(files: FigureFiles): CategoryData {
  const records = blockTraces(files.read("traces"));
  const isNear = (name: string): boolean => (meanRatio(records, [name, "kmem"], nsIn) ?? 0) <= SLOW_RATIO;
  return byTrace(
    records.filter((record) => isNear(record["allocator"] ?? "")),
    nsIn,
  );
}

/** Resident memory over live bytes at peak, of traces that are more than a few pages; hogs are left to the tables. */
export function traceFootprints(files: FigureFiles): CategoryData {
  const isLarge = (record: CsvRecord): boolean => (numberIn(record, "peak_live_bytes") ?? 0) >= SMALL_TRACE_BYTES;
  const records = files.read("memory").filter(isLarge);
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
  const records = files.read("live-blocks");
  const series = namesIn(records, "allocator").map((name) => {
    const points = records
      .filter((record) => record["allocator"] === name)
      .flatMap((record) => {
        const [x, y] = [numberIn(record, "live_blocks"), nsIn(record)];
        return x === undefined || y === undefined ? [] : [[x, y] as const];
      });
    return { name, points };
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
    const values = categories.map((trace) => {
      const record = own.find((one) => one[column] === trace);
      return record === undefined ? undefined : figure(record);
    });
    return { name, values };
  });
  return { categories, series: series.filter(({ values }) => values.some((value) => value !== undefined)) };
}
