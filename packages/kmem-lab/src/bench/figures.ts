import type { ReplayReport } from "kmem-cli/internal/replay/report";
import { geometricMean } from "kmem-cli/internal/system/statistics";
import { formatCount } from "kmem-cli/internal/system/units";
import type { Cells } from "../figures/csv.ts";
import {
  type Columns,
  measuredTraces,
  nsPerOp,
  show,
  TIME_HEADER,
  timeCell,
  timeColumns,
} from "../figures/measured.ts";
import type { LiveBlocksReport } from "./live-blocks.ts";

/** Every figure of every trace, for the CSV file. */
export function traceRows(report: ReplayReport): Cells {
  const rows = report.traces.flatMap(({ name, workloads }) =>
    workloads.flatMap(({ kind, opCount, results }) =>
      results.map(({ allocator, time, memory }) => [
        name,
        kind,
        allocator,
        opCount,
        ...timeColumns(time),
        memory?.requestedBytes ?? "",
        memory?.allocatedBytes ?? "",
        memory?.peakLiveBytes ?? "",
        memory?.peakFootprintBytes ?? "",
        memory?.failureCount ?? "",
      ]),
    ),
  );
  const memoryHeader = ["requested_bytes", "allocated_bytes", "peak_live_bytes", "peak_footprint_bytes", "failures"];
  return [["trace", "kind", "allocator", "operations", ...TIME_HEADER, ...memoryHeader], ...rows];
}

/** ns per operation on the malloc traces, with geometric means of kmem's time over each other allocator's. */
export function timeTable(report: ReplayReport, names: Columns): Cells {
  const traces = measuredTraces(report);
  const rows = traces.map(({ name, results }) => [name, ...names.map((allocator) => timeCell(results, allocator))]);
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

/** ns per operation of random churn by live blocks, and how much the largest costs over the smallest. */
export function liveBlocksTable(reports: readonly LiveBlocksReport[], names: Columns): Cells {
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
      ...names.map((allocator) => timeCell(results, allocator)),
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
      ...timeColumns(time),
      memory?.peakLiveBytes ?? "",
      memory?.peakFootprintBytes ?? "",
    ]),
  );
  return [
    ["live_blocks", "allocator", "operations", ...TIME_HEADER, "peak_live_bytes", "peak_footprint_bytes"],
    ...rows,
  ];
}
