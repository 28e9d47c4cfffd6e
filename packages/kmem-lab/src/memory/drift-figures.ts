import { median } from "kmem-cli/internal/system/statistics";
import { formatBytes, formatCount, threeDigits } from "kmem-cli/internal/system/units";
import type { Cells } from "../figures/csv.ts";
import { DRIFT_PHASE_COUNT } from "./drift-ops.ts";
import type { DriftSegment } from "./measure-jobs.ts";
import type { DriftMeasure } from "./run-measures.ts";

const NOTHING = "–";

type Bytes = "residentBytes" | "footprintBytes";

/** Every segment's end, for the CSV file. */
export function driftRows(measures: readonly DriftMeasure[]): Cells {
  const header = ["allocator", "operations", "segment", "live_bytes", "live_blocks", "resident_bytes", "own_bytes"];
  const rows = measures.flatMap(({ allocator, result }) =>
    (result?.segments ?? []).map(({ liveBytes, liveBlockCount, residentBytes, footprintBytes }, index) => [
      allocator,
      result!.opCount,
      index + 1,
      liveBytes,
      liveBlockCount,
      residentBytes ?? "",
      footprintBytes ?? "",
    ]),
  );
  return [header, ...rows];
}

/** Bytes at the end over those at the start; undefined where they were not read. */
export function driftRatio(segments: readonly DriftSegment[], of: Bytes): number | undefined {
  const [first, last] = [segments[0]?.[of], segments.at(-1)?.[of]];
  return first === undefined || last === undefined || first === 0 ? undefined : last / first;
}

/** Of the bytes at the segments' ends: the median at those of the later cycles, whose mix is the first's, over the first. */
export function cyclesRatio(bytes: readonly (number | undefined)[]): number | undefined {
  const [start, ...later] = bytes.filter((_, index) => index % DRIFT_PHASE_COUNT === 0);
  const known = later.filter((one) => one !== undefined);
  return known.length === 0 || start === undefined || start === 0 ? undefined : median(known) / start;
}

/** Memory at the end over that at the start, the same bytes being live and of the same sizes. */
export function driftTable(measures: readonly DriftMeasure[]): Cells {
  const opCount = measures.find(({ result }) => result !== undefined)?.result?.opCount ?? 0;
  const header = [`drift over ${formatCount(opCount)} operations`, "live, start", "live, end"];
  const bytes = (value: number | undefined): string => (value === undefined ? NOTHING : formatBytes(value));
  const kinds: readonly Bytes[] = ["residentBytes", "footprintBytes"];
  const rows = measures.map(({ allocator, result }) => {
    const segments = result?.segments ?? [];
    const cells = kinds.flatMap((kind) => {
      const ratio = driftRatio(segments, kind);
      const cycled = cyclesRatio(segments.map((segment) => segment[kind]));
      return [
        bytes(segments[0]?.[kind]),
        bytes(segments.at(-1)?.[kind]),
        ratio === undefined ? NOTHING : `**${threeDigits(ratio)}**`,
        cycled === undefined ? NOTHING : threeDigits(cycled),
      ];
    });
    return [
      allocator,
      bytes(segments[0]?.liveBytes),
      bytes(segments.at(-1)?.liveBytes),
      ...cells,
      bytes(result?.trimmedFootprintBytes),
    ];
  });
  const ratios = ["end", "end / start", "median of the cycles / start"];
  return [[...header, "resident, start", ...ratios, "own, start", ...ratios, "own, end, trimmed"], ...rows];
}

/** Contenders that did not do the same operations as the first: a fault of the generators. */
export function strayContenders(measures: readonly DriftMeasure[]): string[] {
  const done = measures.flatMap(({ allocator, result }) => (result === undefined ? [] : [{ allocator, result }]));
  const first = done[0]?.result;
  const isSame = (one: (typeof done)[number]): boolean =>
    one.result.randomState === first?.randomState &&
    one.result.segments.at(-1)?.liveBytes === first.segments.at(-1)?.liveBytes;
  return done.filter((one) => !isSame(one)).map(({ allocator }) => allocator);
}
