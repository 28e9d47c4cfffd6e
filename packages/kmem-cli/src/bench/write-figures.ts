import { readFileSync, writeFileSync } from "node:fs";
import type { ReplayReport } from "../report/report.ts";
import type { ThreadsReport } from "../threads/report.ts";
import { promisesTable, threadsRows, threadsTable } from "../threads/threads-figures.ts";
import type { FigureFiles } from "./figure-files.ts";
import { liveBlocksRows, liveBlocksTable, timeTable, traceRows } from "./figures.ts";
import { goalsTable } from "./goals/goals-table.ts";
import type { LiveBlocksReport } from "./live-blocks.ts";
import { loadList, loadRows, loadTimeTable, programRows, programTable } from "./load-figures.ts";
import { markdownTable, replaceBetweenMarks } from "./markdown.ts";
import type { LoadReport } from "./measure-loads.ts";
import { type Columns, CUT_MARK, CUT_NOTE } from "./measured.ts";
import { machineText } from "./part-runs.ts";
import type { ProgramsReport } from "./programs/measure-programs.ts";

// Scripts import these from here.
export { markdownTable, replaceBetweenMarks };

/** Texts by the names of the marks between which they go. */
export type MarkedTexts = Readonly<Record<string, string>>;

/** Puts texts between their marks in a document. */
export function writeDocument(path: string, texts: MarkedTexts): void {
  const before = readFileSync(path, "utf8");
  const entries = Object.entries(texts);
  writeFileSync(
    path,
    entries.reduce((document, [name, text]) => replaceBetweenMarks(document, name, text), before),
  );
}

/** Tables one below the other, and what a mark in them means. */
export function markdownTables(parts: readonly Parameters<typeof markdownTable>[0][]): string {
  const texts = parts.map(markdownTable);
  const isCut = texts.some((text) => text.includes(CUT_MARK));
  return [...texts, ...(isCut ? [CUT_NOTE] : [])].join("\n\n");
}

/** Writes the CSV file of the traces and answers the table of times: memory has a measure of its own. */
export function traceFigures(report: ReplayReport, groups: readonly Columns[], files: FigureFiles): MarkedTexts {
  files.write("traces", traceRows(report));
  return {
    "figures: time": markdownTables(groups.map((names) => timeTable(report, names))),
  };
}

/** Writes the CSV file of random churn and answers the table. */
export function liveBlocksFigures(
  reports: readonly LiveBlocksReport[],
  groups: readonly Columns[],
  files: FigureFiles,
): MarkedTexts {
  files.write("live-blocks", liveBlocksRows(reports));
  return { "figures: live blocks": markdownTables(groups.map((names) => liveBlocksTable(reports, names))) };
}

/** Writes the CSV files of the synthetic loads and the programs, and answers the tables. */
export function loadFigures(
  reports: readonly LoadReport[],
  programs: ProgramsReport,
  groups: readonly Columns[],
  files: FigureFiles,
): MarkedTexts {
  files.write("loads", loadRows(reports));
  const time = markdownTables(groups.map((names) => loadTimeTable(reports, names)));
  const texts = { "figures: loads": [loadList(reports), time].join("\n\n") };
  if (programs.absentReason !== undefined) return texts;
  files.write("programs", programRows(programs));
  return { ...texts, "figures: programs": markdownTable(programTable(programs)) };
}

/** Writes the CSV file of the threads and answers the tables. */
export function threadFigures(report: ThreadsReport, files: FigureFiles): MarkedTexts {
  files.write("threads", threadsRows(report));
  return { "figures: threads": markdownTables([threadsTable(report), promisesTable(report)]) };
}

/** What is made of the CSV files of all parts. */
export function summaryFigures(files: FigureFiles): MarkedTexts {
  const machine = machineText(files);
  return {
    "figures: goals": markdownTable(goalsTable(files)),
    ...(machine === undefined ? {} : { "figures: machine": machine }),
  };
}
