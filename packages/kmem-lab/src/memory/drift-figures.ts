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

/** Bytes at the end over those at the end of segment `from`; undefined where they were not read. */
export function driftRatio(segments: readonly DriftSegment[], of: Bytes, from = 0): number | undefined {
  const [first, last] = [segments[from]?.[of], segments.at(-1)?.[of]];
  return first === undefined || last === undefined || first === 0 ? undefined : last / first;
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
      // Whether it goes on growing, or has come to rest once every mix has been there.
      const cycled = driftRatio(segments, kind, DRIFT_PHASE_COUNT);
      return [
        bytes(segments[0]?.[kind]),
        bytes(segments.at(-1)?.[kind]),
        ratio === undefined ? NOTHING : `**${threeDigits(ratio)}**`,
        cycled === undefined || segments.length === DRIFT_PHASE_COUNT + 1 ? NOTHING : threeDigits(cycled),
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
  const ratios = ["end", "end / start", "end / after one cycle"];
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
