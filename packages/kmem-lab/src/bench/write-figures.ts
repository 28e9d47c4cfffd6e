import type { ReplayReport } from "kmem-cli/internal/replay/report";
import { type MarkedTexts, markdownTables } from "../figures/documents.ts";
import type { FigureFiles } from "../figures/figure-files.ts";
import { markdownTable } from "../figures/markdown.ts";
import type { Columns } from "../figures/measured.ts";
import { machineText } from "../figures/part-runs.ts";
import { glanceTable } from "../goals/glance-table.ts";
import { goalsTable } from "../goals/goals-table.ts";
import type { ProgramsReport } from "../programs/measure-programs.ts";
import type { ThreadsReport } from "../threads/report.ts";
import { threadsRows, threadsTable, throughputGoalsTable } from "../threads/threads-figures.ts";
import { liveBlocksRows, liveBlocksTable, timeTable, traceRows } from "./figures.ts";
import type { LiveBlocksReport } from "./live-blocks.ts";
import { loadList, loadRows, loadTimeTable, programRows, programTable } from "./load-figures.ts";
import type { LoadReport } from "./measure-loads.ts";

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
  return { "figures: threads": markdownTables([threadsTable(report), throughputGoalsTable(report)]) };
}

/** The README's six figures, made of the CSV files. */
export function glanceFigures(files: FigureFiles): MarkedTexts {
  return { "figures: at a glance": markdownTable(glanceTable(files)) };
}

/** What is made of the CSV files of all parts. */
export function summaryFigures(files: FigureFiles): MarkedTexts {
  const machine = machineText(files);
  return {
    "figures: goals": markdownTable(goalsTable(files)),
    ...(machine === undefined ? {} : { "figures: machine": machine }),
  };
}
