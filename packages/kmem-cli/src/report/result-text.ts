import type { Absence, ReadyContender } from "../replay/contender.ts";
import type { ReplayReport } from "../replay/report.ts";
import type { TextStyle } from "../system/terminal.ts";
import { checkText } from "./check-text.ts";
import { meansTable } from "./means-table.ts";
import { notesText } from "./notes-text.ts";
import { resultsTable } from "./results-table.ts";
import { warningsText } from "./warnings-text.ts";

const NAME_GAP = 2;

/** The allocators that take part and what they are, a line each, and those that do not, with the reason. */
export function contendersText(
  ready: readonly ReadyContender[],
  absent: readonly Absence[],
  { colors }: TextStyle,
): string {
  const width = Math.max(...[...ready, ...absent].map(({ name }) => name.length)) + NAME_GAP;
  return [
    colors.bold("allocators"),
    ...ready.map(({ name, version }) => `  ${name.padEnd(width)}${version}`),
    ...absent.map(({ name, reason }) => `  ${name.padEnd(width)}${colors.yellow(`not here: ${reason}`)}`),
  ].join("\n");
}

/** All tables of a report. */
export function resultText(report: Omit<ReplayReport, "schema" | "version">, style: TextStyle): string {
  const results = [resultsTable(report.traces, style), notesText(report, style)].filter((part) => part !== undefined);
  const parts = [
    results.length === 0 ? undefined : results.join("\n"),
    meansTable(report.means, style),
    checkText(report.traces, style),
    warningsText(report, style),
  ];
  return parts.filter((part) => part !== undefined).join("\n\n");
}
