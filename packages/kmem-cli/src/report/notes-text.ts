import type { ReplayReport } from "../replay/report.ts";
import type { TextStyle } from "../system/terminal.ts";
import { formatCounted } from "../system/units.ts";
import { wrapText } from "../system/wrap-text.ts";

const CONTINUATION = "  ";

/** What must be known to read the figures of an allocator, a line for each that has such a note; undefined of none. */
export function notesText(
  report: Pick<ReplayReport, "traces" | "allocators">,
  { columns }: TextStyle,
): string | undefined {
  if (report.traces.every(({ workloads }) => workloads.length === 0)) return undefined;
  const lines = report.allocators.flatMap(({ name, note }) =>
    note === undefined ? [] : [wrapText(`${name}: ${note}${ignoredText(report, name)}`, columns, CONTINUATION)],
  );
  return lines.length === 0 ? undefined : lines.join("\n");
}

function ignoredText({ traces }: Pick<ReplayReport, "traces">, name: string): string {
  const counts = traces.flatMap(({ workloads }) =>
    workloads.flatMap(({ results }) =>
      results.filter(({ allocator }) => allocator === name).map(({ memory }) => memory?.ignoredFreeCount ?? 0),
    ),
  );
  const count = counts.reduce((sum, one) => sum + one, 0);
  return count === 0 ? "" : `; ${formatCounted(count, "free")} ignored`;
}
