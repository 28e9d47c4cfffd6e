import { median } from "kmem-cli/internal/system/statistics";
import { threeDigits } from "kmem-cli/internal/system/units";
import type { Cells } from "../figures/csv.ts";
import { type Columns, show, spreadOf, spreadText, TIME_HEADER, timeCell, timeColumns } from "../figures/measured.ts";
import type { ProgramReport, ProgramsReport } from "../programs/measure-programs.ts";
import type { LoadReport } from "./measure-loads.ts";

const MS_DIGITS = 3;
const NS_PER_MS = 1e6;

/** Every figure of the synthetic loads, for the CSV file. */
export function loadRows(reports: readonly LoadReport[]): Cells {
  const rows = reports.flatMap(({ name, opCount, results }) =>
    results.map(({ allocator, time, memory, error }) => [
      name,
      allocator,
      opCount,
      ...timeColumns(time),
      memory?.peakLiveBytes ?? "",
      memory?.peakFootprintBytes ?? "",
      memory?.failureCount ?? "",
      error ?? "",
    ]),
  );
  const memoryHeader = ["peak_live_bytes", "peak_footprint_bytes", "failures", "error"];
  return [["load", "allocator", "operations", ...TIME_HEADER, ...memoryHeader], ...rows];
}

/** ns per operation of the synthetic loads. */
export function loadTimeTable(reports: readonly LoadReport[], names: Columns): Cells {
  return [
    ["ns per operation", ...names],
    ...reports.map(({ name, results }) => [name, ...names.map((allocator) => timeCell(results, allocator))]),
  ];
}

/** What the loads do, as a list in Markdown. */
export function loadList(reports: readonly LoadReport[]): string {
  return reports.map(({ name, summary }) => `- **${name}**: ${summary}`).join("\n");
}

/** Every figure of the WebAssembly programs, for the CSV file. */
export function programRows({ results }: ProgramsReport): Cells {
  const rows = results.map(({ program, allocator, callCount, roundMs }) => [
    program,
    allocator,
    callCount,
    median(roundMs).toFixed(MS_DIGITS),
    Math.min(...roundMs).toFixed(MS_DIGITS),
    Math.max(...roundMs).toFixed(MS_DIGITS),
  ]);
  return [["program", "allocator", "calls", "ms_median", "ms_min", "ms_max"], ...rows];
}

/** Milliseconds of a run, programs down, allocators across, and the first one's time over the second's. */
export function programTable({ results }: ProgramsReport): Cells {
  const names = [...new Set(results.map(({ allocator }) => allocator))];
  const [first = "", second = ""] = names;
  const rows = [...new Set(results.map(({ program }) => program))].map((program) => {
    const of = (allocator: string): ProgramReport | undefined =>
      results.find((one) => one.program === program && one.allocator === allocator);
    const [own, other] = [of(first), of(second)];
    const ratio = own === undefined || other === undefined ? undefined : median(own.roundMs) / median(other.roundMs);
    return [program, ...names.map((name) => msCell(of(name))), show(ratio)];
  });
  return [["a run", ...names.map((name) => `${name}: ms (ns per call)`), "first / second"], ...rows];
}

function msCell(report: ProgramReport | undefined): string {
  if (report === undefined) return show(undefined);
  const { roundMs, callCount } = report;
  const medianMs = median(roundMs);
  const spread = roundMs.length < 2 ? "" : ` ±${spreadText(spreadOf(roundMs), medianMs)}`;
  return `${threeDigits(medianMs)}${spread} (${threeDigits((medianMs * NS_PER_MS) / callCount)})`;
}
