import { type PlainRow, plainTable } from "../system/plain-table.ts";
import type { TextStyle } from "../system/terminal.ts";
import { formatBytes, formatCount, formatPercent } from "../system/units.ts";
import { sweepValueText } from "./sweep-grid.ts";
import type { SweepPoint, SweepReport } from "./sweep-report.ts";

const NOTHING = "–";

/** The table of a sweep, a row for each point under its workload. */
export function sweepTable({ dimensions, points }: SweepReport, { colors }: TextStyle): string {
  const rows: PlainRow[] = [];
  let heading = "";
  for (const point of points) {
    const name = `${point.trace} (${point.kind})`;
    if (name !== heading) rows.push({ heading: colors.bold(name) });
    heading = name;
    const values = point.values.map((value, index) => sweepValueText(dimensions[index]!.name, value));
    rows.push(["", ...values, ...figures(point)]);
  }
  const heads = ["peak\nfootprint", "overhead\nat peak", "internal\nfrag.", "failed\nallocs", "smallest\nmemory"];
  return plainTable(["sweep", ...dimensions.map(({ name }) => name), ...heads], rows);
}

function figures(point: SweepPoint): string[] {
  if (point.error !== undefined) return [point.error, NOTHING, NOTHING, NOTHING, NOTHING];
  const text = (value: number | undefined, format: (value: number) => string): string =>
    value === undefined ? NOTHING : format(value);
  return [
    text(point.peakFootprintBytes, formatBytes),
    text(point.overheadAtPeakPercent, formatPercent),
    text(point.internalFragmentationPercent, formatPercent),
    text(point.failureCount, formatCount),
    text(point.fitBytes, formatBytes),
  ];
}
