import type { AllocatorResult, TraceReport, WorkloadReport } from "../replay/report.ts";
import type { WorkloadKind } from "../replay/workload.ts";
import { type PlainRow, plainTable } from "../system/plain-table.ts";
import type { Colors, TextStyle } from "../system/terminal.ts";
import { formatBytes, formatCount, formatCounted, formatPercent, threeDigits } from "../system/units.ts";
import { wrapText } from "../system/wrap-text.ts";

/** From here on operations, requested and live bytes have columns of their own instead of a place in the headings. */
const WIDE_COLUMNS = 112;
const PERCENT = 100;
const NOTHING = "–";
/** Stands behind figures of which the notes below the table say that they are of the first operations only. */
const CUT_MARK = "*";

interface Row {
  readonly workload: WorkloadReport;
  readonly result: AllocatorResult;
  readonly isFastest: boolean;
}

interface Column {
  readonly header: string;
  readonly wideOnly?: true;
  readonly timedOnly?: true;
  /** Is shown where some result has what it shows. */
  readonly isShown?: (result: AllocatorResult) => boolean;
  readonly cell: (row: Row, colors: Colors) => string;
}

const COLUMNS: readonly Column[] = [
  { header: "allocator", cell: ({ result }) => `  ${result.allocator}` },
  { header: "operations", wideOnly: true, cell: ({ workload }) => formatCount(workload.opCount) },
  { header: "ns/op", timedOnly: true, cell: timeCell },
  { header: "min–max", timedOnly: true, cell: spreadCell },
  { header: "requested", wideOnly: true, cell: ({ result }) => bytesCell(result.memory?.requestedBytes) },
  { header: "allocated", cell: ({ result }) => bytesCell(result.memory?.allocatedBytes) },
  { header: "internal\nfrag.", cell: ({ result }) => percentCell(result.memory?.internalFragmentationPercent) },
  { header: "peak\nlive", wideOnly: true, cell: ({ result }) => bytesCell(result.memory?.peakLiveBytes) },
  { header: "peak\nfootprint", cell: footprintCell },
  { header: "overhead\nat peak", cell: ({ result }) => percentCell(result.memory?.overheadAtPeakPercent) },
  { header: "failed\nallocs", cell: failuresCell },
  { header: "failed\nin limit", cell: limitCell, isShown: ({ limited }) => limited !== undefined },
  { header: "smallest\nmemory", cell: fitCell, isShown: ({ fit }) => fit !== undefined },
];

function timeCell({ result, isFastest }: Row, colors: Colors): string {
  if (result.error !== undefined) return colors.red("broke");
  if (result.time === undefined) return NOTHING;
  const text = threeDigits(result.time.medianNsPerOp) + (result.time.coveredShare === undefined ? "" : CUT_MARK);
  return isFastest ? colors.green(text) : text;
}

function spreadCell({ result: { time } }: Row, colors: Colors): string {
  return time === undefined ? NOTHING : colors.dim(`${threeDigits(time.minNsPerOp)}–${threeDigits(time.maxNsPerOp)}`);
}

function bytesCell(bytes: number | undefined): string {
  return bytes === undefined ? NOTHING : formatBytes(bytes);
}

function footprintCell({ result: { memory } }: Row): string {
  return bytesCell(memory?.peakFootprintBytes) + (memory?.coveredShare === undefined ? "" : CUT_MARK);
}

function percentCell(percent: number | undefined): string {
  return percent === undefined ? NOTHING : formatPercent(percent);
}

function failuresCell({ result: { memory } }: Row, colors: Colors): string {
  if (memory === undefined) return NOTHING;
  return memory.failureCount === 0 ? "0" : colors.red(formatCount(memory.failureCount));
}

function limitCell({ result: { limited } }: Row, colors: Colors): string {
  if (limited === undefined) return NOTHING;
  return limited.failureCount === 0 ? "0" : colors.red(formatCount(limited.failureCount));
}

function fitCell({ result: { fit } }: Row): string {
  return bytesCell(fit?.fitBytes);
}

/** What a workload is called beside the others of its trace. */
export function workloadName(traceName: string, kind: WorkloadKind): string {
  return kind === "blocks" ? traceName : `${traceName}, ${kind}`;
}

/** The table of all workloads, a row for each allocator; undefined when there is none. */
export function resultsTable(traces: readonly TraceReport[], style: TextStyle): string | undefined {
  const isWide = style.columns >= WIDE_COLUMNS;
  const results = traces.flatMap(({ workloads }) => workloads.flatMap((workload) => workload.results));
  const isTimed = results.some(({ time }) => time !== undefined);
  const columns = COLUMNS.filter(
    ({ wideOnly, timedOnly, isShown }) =>
      (isWide || !wideOnly) && (isTimed || !timedOnly) && (isShown === undefined || results.some(isShown)),
  );
  const rows = traces.flatMap((trace) =>
    trace.workloads.flatMap((workload): PlainRow[] => [
      { heading: headingText(trace, workload, isWide, style.colors) },
      ...workload.results.map((result) => {
        const row = { workload, result, isFastest: result === fastest(workload) };
        return columns.map((column) => column.cell(row, style.colors));
      }),
    ]),
  );
  if (rows.length === 0) return undefined;
  const table = plainTable(
    columns.map(({ header }) => header),
    rows,
  );
  return [table, ...substituteLines(traces, style), ...cutLines(traces, style)].join("\n");
}

function substituteLines(traces: readonly TraceReport[], style: TextStyle): string[] {
  return traces.flatMap((trace) =>
    trace.workloads.flatMap(({ kind, results }) =>
      results.flatMap(({ allocator, memory }) => {
        const count = memory?.substituteCacheCount ?? 0;
        if (count === 0) return [];
        const caches = formatCounted(count, "slab cache");
        const what = `${workloadName(trace.name, kind)}: ${allocator} could not make ${caches}`;
        return [wrapText(`(${what}; their objects came from its general allocator)`, style.columns)];
      }),
    ),
  );
}

function cutLines(traces: readonly TraceReport[], style: TextStyle): string[] {
  return traces.flatMap((trace) =>
    trace.workloads.flatMap(({ kind, results }) =>
      results.flatMap(({ allocator, time, memory }) => {
        const parts = [
          ...(time?.coveredShare === undefined ? [] : [`times: ${shareText(time.coveredShare)}`]),
          ...(memory?.coveredShare === undefined ? [] : [`memory: ${shareText(memory.coveredShare)}`]),
        ];
        if (parts.length === 0) return [];
        const what = `${workloadName(trace.name, kind)}: ${allocator} ran out of time, ${parts.join(", ")}`;
        return [wrapText(`(${CUT_MARK} ${what})`, style.columns)];
      }),
    ),
  );
}

function shareText(share: number): string {
  return `first ${threeDigits(share * PERCENT)} % of the operations`;
}

function headingText(trace: TraceReport, workload: WorkloadReport, isWide: boolean, colors: Colors): string {
  const name = colors.bold(workloadName(trace.name, workload.kind));
  if (isWide) return name;
  const { opCount, live } = workload;
  const asked = `${formatBytes(live.requestedBytes)} requested, ${formatBytes(live.peakLiveBytes)} live at peak`;
  return `${name}\n  ${formatCounted(opCount, "operation")}, ${asked}`;
}

function fastest({ results }: WorkloadReport): AllocatorResult | undefined {
  const timed = results.filter(({ time }) => time !== undefined);
  return timed.toSorted((a, b) => a.time!.medianNsPerOp - b.time!.medianNsPerOp)[0];
}
