import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReplayReport } from "../report/report.ts";
import type { ThreadsReport } from "../threads/report.ts";
import { promisesTable, threadsRows, threadsTable } from "../threads/threads-figures.ts";
import { type Cells, footprintTable, liveBlocksRows, liveBlocksTable, timeTable, traceRows } from "./figures.ts";
import type { LiveBlocksReport } from "./live-blocks.ts";

/** All that `kmem bench figures` has measured. */
export interface Figures {
  readonly traces: ReplayReport;
  readonly liveBlocks: readonly LiveBlocksReport[];
  readonly threads: ThreadsReport;
}

function csv(cells: Cells): string {
  return `${cells.map((row) => row.join(",")).join("\n")}\n`;
}

/** A table in Markdown: the first column left-aligned, figures to the right. */
export function markdownTable([header = [], ...rows]: Cells): string {
  const line = (row: readonly (string | number)[]): string => `| ${row.join(" | ")} |`;
  const rule = header.map((_, index) => (index === 0 ? ":--" : "--:"));
  return [line(header), line(rule), ...rows.map(line)].join("\n");
}

/** The text between `<!-- name -->` and `<!-- /name -->` of a document, replaced. Throws when the marks are missing. */
export function replaceBetweenMarks(document: string, name: string, text: string): string {
  const open = `<!-- ${name} -->`;
  const close = `<!-- /${name} -->`;
  const start = document.indexOf(open);
  const end = document.indexOf(close);
  if (start < 0 || end < start) throw new Error(`the marks ${open} and ${close} are not in the document`);
  return `${document.slice(0, start + open.length)}\n${text}\n${document.slice(end)}`;
}

/** Writes the CSV files into a folder and, where a document is given, its tables between their marks. */
export function writeFigures({ traces, liveBlocks, threads }: Figures, folder: string, documentPath?: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "traces.csv"), csv(traceRows(traces)));
  writeFileSync(join(folder, "live-blocks.csv"), csv(liveBlocksRows(liveBlocks)));
  writeFileSync(join(folder, "threads.csv"), csv(threadsRows(threads)));
  if (documentPath === undefined) return;
  const { environment, settings, allocators } = traces;
  const versions = allocators.map(({ name, version }) => `${name} ${version}`).join(", ");
  const machine =
    `Measured on ${environment.cpuModel}, ${environment.cpuCount} cores, Node ${environment.node}; medians of ` +
    `${settings.roundCount} rounds in turns (threads: ${threads.settings.roundCount}), each in a process of its own. ` +
    `${versions}.`;
  const parts: readonly (readonly [string, string])[] = [
    ["figures: machine", machine],
    ["figures: time", markdownTable(timeTable(traces))],
    ["figures: footprint", markdownTable(footprintTable(traces))],
    ["figures: live blocks", markdownTable(liveBlocksTable(liveBlocks))],
    ["figures: threads", [threadsTable(threads), promisesTable(threads)].map(markdownTable).join("\n\n")],
  ];
  const before = readFileSync(documentPath, "utf8");
  writeFileSync(
    documentPath,
    parts.reduce((document, [name, text]) => replaceBetweenMarks(document, name, text), before),
  );
}
