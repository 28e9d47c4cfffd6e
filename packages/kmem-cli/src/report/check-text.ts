import type { AllocatorResult, TraceReport } from "../replay/report.ts";
import { plainTable } from "../system/plain-table.ts";
import type { TextStyle } from "../system/terminal.ts";
import { formatCount } from "../system/units.ts";
import { wrapText } from "../system/wrap-text.ts";
import { workloadName } from "./results-table.ts";

const FAULT_INDENT = "    ";

/** A table of what was checked, and each fault that was found; undefined when nothing was checked. */
export function checkText(traces: readonly TraceReport[], style: TextStyle): string | undefined {
  const checked = traces.flatMap(({ name, workloads }) =>
    workloads.flatMap(({ kind, results }) =>
      results.flatMap((result) => (result.check === undefined ? [] : [{ name: workloadName(name, kind), result }])),
    ),
  );
  if (checked.length === 0) return undefined;
  const table = plainTable(
    ["checks", "allocator", "operations", "heap checks", "faults"],
    checked.map(({ name, result }) => checkRow(name, result, style)),
  );
  return [table, ...checked.flatMap(({ name, result }) => faultLines(name, result, style))].join("\n");
}

function checkRow(name: string, { allocator, check }: AllocatorResult, { colors }: TextStyle): string[] {
  const { opCount, heapCheckCount, faultCount } = check!;
  const faults = faultCount === 0 ? colors.green("none") : colors.red(formatCount(faultCount));
  return [name, allocator, formatCount(opCount), formatCount(heapCheckCount), faults];
}

function faultLines(name: string, { allocator, check }: AllocatorResult, style: TextStyle): string[] {
  const { faults, faultCount } = check!;
  if (faultCount === 0) return [];
  const unlisted = faultCount - faults.length;
  return [
    `\n${style.colors.red(`faults of ${allocator} on ${name}`)}`,
    ...faults.map(({ operation, problem }) =>
      wrapText(`  operation ${formatCount(operation)}: ${problem}`, style.columns, FAULT_INDENT),
    ),
    ...(unlisted > 0 ? [`  and ${formatCount(unlisted)} more`] : []),
  ];
}
