import type { AllocatorResult, ReplayReport, WorkloadReport } from "../replay/report.ts";

type Value = string | number | undefined;

interface ExportedColumn {
  readonly name: string;
  readonly value: (result: AllocatorResult, workload: WorkloadReport) => Value;
}

/** Every figure of a result, unrounded, in the units that the names say. */
const COLUMNS: readonly ExportedColumn[] = [
  { name: "workload", value: (_result, { kind }) => kind },
  { name: "operations", value: (_result, { opCount }) => opCount },
  { name: "allocator", value: ({ allocator }) => allocator },
  { name: "median_ns_per_op", value: ({ time }) => time?.medianNsPerOp },
  { name: "min_ns_per_op", value: ({ time }) => time?.minNsPerOp },
  { name: "max_ns_per_op", value: ({ time }) => time?.maxNsPerOp },
  { name: "rounds", value: ({ time }) => time?.roundNsPerOp.length },
  { name: "requested_bytes", value: ({ memory }) => memory?.requestedBytes },
  { name: "allocated_bytes", value: ({ memory }) => memory?.allocatedBytes },
  { name: "internal_fragmentation_percent", value: ({ memory }) => memory?.internalFragmentationPercent },
  { name: "peak_live_bytes", value: ({ memory }) => memory?.peakLiveBytes },
  { name: "peak_footprint_bytes", value: ({ memory }) => memory?.peakFootprintBytes },
  { name: "overhead_at_peak_percent", value: ({ memory }) => memory?.overheadAtPeakPercent },
  { name: "failed_allocations", value: ({ memory }) => memory?.failureCount },
  { name: "memory_limit_bytes", value: ({ limited }) => limited?.memoryBytes },
  { name: "failed_in_limit", value: ({ limited }) => limited?.failureCount },
  { name: "smallest_memory_bytes", value: ({ fit }) => fit?.fitBytes },
  { name: "error", value: ({ error }) => error },
];

const MARKDOWN_DIGITS = 4;

/** The rows of a report: a trace's name, then the values of the columns. */
function rowsOf({ traces }: Pick<ReplayReport, "traces">): Value[][] {
  return traces.flatMap(({ name, workloads }) =>
    workloads.flatMap((workload) =>
      workload.results.map((result) => [name, ...COLUMNS.map(({ value }) => value(result, workload))]),
    ),
  );
}

/** The results as CSV with a header, all figures as they are in the JSON. */
export function exportedCsv(report: Pick<ReplayReport, "traces">): string {
  const rows = [["trace", ...COLUMNS.map(({ name }) => name)], ...rowsOf(report)];
  return rows.map((row) => `${row.map((value) => csvField(String(value ?? ""))).join(",")}\n`).join("");
}

/** The results as a table in Markdown; columns without a figure are left out, and figures rounded to four digits. */
export function exportedMarkdown(report: Pick<ReplayReport, "traces">): string {
  const rows = rowsOf(report);
  const header = ["trace", ...COLUMNS.map(({ name }) => name)];
  const shown = header.map((_, column) => rows.some((row) => row[column] !== undefined));
  const line = (cells: readonly string[]): string => `| ${cells.filter((_, column) => shown[column]).join(" | ")} |\n`;
  const isFigure = (column: number): boolean => rows.some((row) => typeof row[column] === "number");
  return [
    line(header.map((name) => name.replaceAll("_", " "))),
    line(header.map((_, column) => (isFigure(column) ? "---:" : ":---"))),
    ...rows.map((row) => line(row.map(markdownCell))),
  ].join("");
}

function csvField(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function markdownCell(value: Value): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value.replaceAll("|", "\\|").replaceAll("\n", " ");
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return String(Number(value.toPrecision(MARKDOWN_DIGITS)));
}
