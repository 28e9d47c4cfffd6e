import type { AllocatorResult, ReplayReport } from "../report/report.ts";
import { geometricMean } from "../report/statistics.ts";
import { formatBytes, formatCount, threeDigits } from "../report/units.ts";
import type { LiveBlocksReport } from "./live-blocks.ts";

/** A trace whose live bytes never reach this is a few pages: what it needs says more of the page size than of waste. */
const SMALL_TRACE_BYTES = 1_000_000;

/** Cells of a table, the first row being the header. */
export type Cells = readonly (readonly (string | number)[])[];

interface Measured {
  readonly name: string;
  readonly peakLiveBytes: number;
  readonly results: readonly AllocatorResult[];
}

/** The malloc traces of a report; objects and pages of kernel traces have tables of their own. */
function measuredTraces(report: ReplayReport): Measured[] {
  return report.traces.flatMap(({ name, workloads }) =>
    workloads
      .filter(({ kind }) => kind === "blocks")
      .map(({ live, results }) => ({ name, peakLiveBytes: live.peakLiveBytes, results })),
  );
}

function resultOf(results: readonly AllocatorResult[], allocator: string): AllocatorResult | undefined {
  return results.find((result) => result.allocator === allocator);
}

function nsPerOp(results: readonly AllocatorResult[], allocator: string): number | undefined {
  return resultOf(results, allocator)?.time?.medianNsPerOp;
}

function footprintRatio(result: AllocatorResult | undefined): number | undefined {
  const memory = result?.memory;
  return memory === undefined ? undefined : memory.peakFootprintBytes / memory.peakLiveBytes;
}

function show(value: number | undefined): string {
  return value === undefined ? "–" : threeDigits(value);
}

/** Every figure of every trace, for the CSV file. */
export function traceRows(report: ReplayReport): Cells {
  const rows = report.traces.flatMap(({ name, workloads }) =>
    workloads.flatMap(({ kind, opCount, results }) =>
      results.map(({ allocator, time, memory }) => [
        name,
        kind,
        allocator,
        opCount,
        time?.medianNsPerOp.toFixed(3) ?? "",
        time?.minNsPerOp.toFixed(3) ?? "",
        time?.maxNsPerOp.toFixed(3) ?? "",
        memory?.requestedBytes ?? "",
        memory?.allocatedBytes ?? "",
        memory?.peakLiveBytes ?? "",
        memory?.peakFootprintBytes ?? "",
        memory?.failureCount ?? "",
      ]),
    ),
  );
  const header = ["trace", "kind", "allocator", "operations", "ns_per_op_median", "ns_per_op_min", "ns_per_op_max"];
  const memoryHeader = ["requested_bytes", "allocated_bytes", "peak_live_bytes", "peak_footprint_bytes", "failures"];
  return [[...header, ...memoryHeader], ...rows];
}

/** ns per operation on the malloc traces, with geometric means of kmem's time over each other allocator's. */
export function timeTable(report: ReplayReport): Cells {
  const names = report.allocators.map(({ name }) => name);
  const traces = measuredTraces(report);
  const rows = traces.map(({ name, results }) => [
    name,
    ...names.map((allocator) => show(nsPerOp(results, allocator))),
  ]);
  const ratios = names.map((allocator) => {
    const factors = traces.flatMap(({ results }) => {
      const own = nsPerOp(results, "kmem");
      const other = nsPerOp(results, allocator);
      return own === undefined || other === undefined ? [] : [own / other];
    });
    return `**${show(geometricMean(factors))}**`;
  });
  return [["ns per operation", ...names], ...rows, ["**kmem's time / this one's, geometric mean**", ...ratios]];
}

/** Footprint at peak over live bytes at peak on the malloc traces, with geometric means. */
export function footprintTable(report: ReplayReport): Cells {
  const names = report.allocators.map(({ name }) => name);
  const traces = measuredTraces(report);
  const mean = (of: readonly Measured[], allocator: string): string =>
    `**${show(geometricMean(of.flatMap(({ results }) => footprintRatio(resultOf(results, allocator)) ?? [])))}**`;
  const large = traces.filter(({ peakLiveBytes }) => peakLiveBytes >= SMALL_TRACE_BYTES);
  return [
    ["footprint / live bytes, at peak", "live at peak", ...names],
    ...traces.map(({ name, peakLiveBytes, results }) => [
      name,
      formatBytes(peakLiveBytes),
      ...names.map((allocator) => show(footprintRatio(resultOf(results, allocator)))),
    ]),
    ["**geometric mean, traces of 1 MB live and more**", "", ...names.map((allocator) => mean(large, allocator))],
    ["**geometric mean, all traces**", "", ...names.map((allocator) => mean(traces, allocator))],
  ];
}

/** ns per operation of random churn by live blocks, and how much the largest costs over the smallest. */
export function liveBlocksTable(reports: readonly LiveBlocksReport[]): Cells {
  const names = reports[0]?.results.map(({ allocator }) => allocator) ?? [];
  const first = reports[0];
  const last = reports.at(-1);
  const growth = names.map((allocator) => {
    const from = nsPerOp(first?.results ?? [], allocator);
    const to = nsPerOp(last?.results ?? [], allocator);
    return `**${show(from === undefined || to === undefined ? undefined : to / from)}**`;
  });
  return [
    ["live blocks", ...names],
    ...reports.map(({ liveBlockCount, results }) => [
      formatCount(liveBlockCount),
      ...names.map((allocator) => show(nsPerOp(results, allocator))),
    ]),
    ["**last / first**", ...growth],
  ];
}

/** Every figure of the churn, for the CSV file. */
export function liveBlocksRows(reports: readonly LiveBlocksReport[]): Cells {
  const rows = reports.flatMap(({ liveBlockCount, opCount, results }) =>
    results.map(({ allocator, time, memory }) => [
      liveBlockCount,
      allocator,
      opCount,
      time?.medianNsPerOp.toFixed(3) ?? "",
      time?.minNsPerOp.toFixed(3) ?? "",
      time?.maxNsPerOp.toFixed(3) ?? "",
      memory?.peakLiveBytes ?? "",
      memory?.peakFootprintBytes ?? "",
    ]),
  );
  const header = ["live_blocks", "allocator", "operations", "ns_per_op_median", "ns_per_op_min", "ns_per_op_max"];
  return [[...header, "peak_live_bytes", "peak_footprint_bytes"], ...rows];
}
