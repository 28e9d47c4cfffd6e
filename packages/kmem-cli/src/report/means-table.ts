import type { MeanFigures, MeanReport } from "../replay/report.ts";
import type { WorkloadKind } from "../replay/workload.ts";
import { type PlainRow, plainTable } from "../system/plain-table.ts";
import type { TextStyle } from "../system/terminal.ts";
import { formatPercent } from "../system/units.ts";

const NOTHING = "–";
const RATIO_DIGITS = 2;

const KIND_NAMES: Readonly<Record<WorkloadKind, string>> = {
  blocks: "malloc traces",
  objects: "kernel objects",
  pages: "kernel pages",
  runs: "runs of pages",
  areas: "areas of vmalloc",
  constructed: "constructed objects",
};

/** The table of geometric means; undefined when there are none. */
export function meansTable(means: readonly MeanReport[], style: TextStyle): string | undefined {
  const [first] = means;
  if (first === undefined) return undefined;
  const isCompared = first.allocators.some((figures) => figures.allocator !== first.base && figures.baseTimeRatio);
  const rows = means.flatMap((mean): PlainRow[] => [
    { heading: style.colors.bold(`${KIND_NAMES[mean.kind]} (${mean.workloadCount})`) },
    ...(isCompared ? [row(`  ${mean.base}'s time / theirs`, mean, ratioText)] : []),
    row("  overhead at peak", mean, overheadText),
  ]);
  const table = plainTable(["geometric means", ...first.allocators.map(({ allocator }) => allocator)], rows);
  return isCompared ? `${table}\n${style.colors.dim(`(a time ratio below 1: ${first.base} is faster)`)}` : table;
}

function row(label: string, mean: MeanReport, text: (figures: MeanFigures, base: string) => string): string[] {
  return [label, ...mean.allocators.map((figures) => text(figures, mean.base))];
}

/** The base beside itself says nothing. */
function ratioText({ allocator, baseTimeRatio }: MeanFigures, base: string): string {
  return baseTimeRatio === undefined || allocator === base ? NOTHING : baseTimeRatio.toFixed(RATIO_DIGITS);
}

function overheadText({ overheadAtPeakPercent }: MeanFigures): string {
  return overheadAtPeakPercent === undefined ? NOTHING : formatPercent(overheadAtPeakPercent);
}
