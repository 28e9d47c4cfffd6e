import { geometricMean } from "kmem-cli/internal/system/statistics";
import { type CsvRecord, numberIn } from "./csv.ts";

/** A trace whose live bytes never reach this is a few pages: what it needs says more of the page size than of waste. */
export const SMALL_TRACE_BYTES = 1_000_000;

/** Rows of the malloc traces: a kernel's objects and pages are another matter. */
export function blockTraces(records: readonly CsvRecord[]): CsvRecord[] {
  return records.filter((record) => record["kind"] === "blocks");
}

/** The names in a column, in the order in which they come up. */
export function namesIn(records: readonly CsvRecord[], column: string): string[] {
  return [...new Set(records.map((record) => record[column] ?? ""))];
}

/** ns per operation in a row. */
export function nsIn(record: CsvRecord | undefined): number | undefined {
  return record === undefined ? undefined : numberIn(record, "ns_per_op_median");
}

/** Resident memory at peak over live bytes at peak in a row of `memory`; undefined of the first operations only. */
export function footprintIn(record: CsvRecord): number | undefined {
  const footprintBytes = numberIn(record, "resident_peak_bytes");
  const liveBytes = numberIn(record, "peak_live_bytes");
  if ((numberIn(record, "covered_share") ?? 1) < 1) return undefined;
  return footprintBytes === undefined || liveBytes === undefined ? undefined : footprintBytes / liveBytes;
}

/**
 * The geometric mean, over all traces (named in `column`) that both have, of what `figure` says of one allocator over
 * what it says of another; undefined where they have none in common.
 */
export function meanRatio(
  records: readonly CsvRecord[],
  [own, other]: readonly [string, string],
  figure: (record: CsvRecord) => number | undefined,
  column = "trace",
): number | undefined {
  const ratios = namesIn(records, column).flatMap((trace) => {
    const of = (allocator: string): number | undefined => {
      const record = records.find((one) => one[column] === trace && one["allocator"] === allocator);
      return record === undefined ? undefined : figure(record);
    };
    const [ownFigure, otherFigure] = [of(own), of(other)];
    return ownFigure === undefined || otherFigure === undefined ? [] : [ownFigure / otherFigure];
  });
  return geometricMean(ratios);
}
