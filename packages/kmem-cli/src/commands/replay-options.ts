import process from "node:process";
import { Option } from "commander";
import type { Contender } from "../replay/contender.ts";
import type { ReplayObserver, ReplayOptions } from "../replay/replay-traces.ts";
import type { ReplayReport } from "../replay/report.ts";
import { exportedCsv, exportedMarkdown } from "../report/exported-table.ts";
import { NO_PROGRESS, type Progress, ProgressBar } from "../report/progress.ts";
import { contendersText } from "../report/result-text.ts";
import { traceSummaryText, unreadTexts } from "../report/trace-summary-text.ts";
import { printProblem } from "../system/output.ts";
import type { TextStyle } from "../system/terminal.ts";
import { writeWhole } from "../system/write-whole.ts";
import { parseCount } from "./number-arguments.ts";
import { ReportedFailure } from "./reported-failure.ts";

// What the commands that replay have in common.

/** Timed runs where nobody says how many. */
const DEFAULT_ROUNDS = 5;
/** With more allocators than these, nobody waits for all those runs unless they say so. */
const UNLIMITED_COUNT_MAX = 8;
const DEFAULT_BUDGET_S = 20;
const MS_PER_S = 1000;

/** The option that says how many timed runs there are. */
export function runsOption(): Option {
  return new Option(
    "-r, --runs <count>",
    `timed runs of each allocator; 0 times nothing (default: ${DEFAULT_ROUNDS})`,
  ).argParser((text) => parseCount(text, 0));
}

/** The option that says how long a trace may take. */
export function budgetOption(): Option {
  return new Option(
    "--budget <seconds>",
    `how long a trace may take, slow allocators being cut first (default: ${DEFAULT_BUDGET_S} where more than ` +
      `${UNLIMITED_COUNT_MAX} allocators take part and --runs is not given)`,
  ).argParser((text) => parseCount(text, 1));
}

/** What the two options come to. */
export function timingOf(
  { runs, budget }: { readonly runs?: number; readonly budget?: number },
  contenderCount: number,
): Pick<ReplayOptions, "roundCount" | "budgetMs"> {
  const isUnlimited = runs !== undefined || contenderCount <= UNLIMITED_COUNT_MAX;
  const budgetS = budget ?? (isUnlimited ? undefined : DEFAULT_BUDGET_S);
  return { roundCount: runs ?? DEFAULT_ROUNDS, ...(budgetS === undefined ? {} : { budgetMs: budgetS * MS_PER_S }) };
}

export interface ExportFlags {
  readonly exportMarkdown?: string;
  readonly exportCsv?: string;
}

/** The options that write the results to files, too. */
export function exportOptions(): Option[] {
  return [
    new Option("--export-markdown <out>", "write the results as a table in Markdown, too"),
    new Option("--export-csv <out>", "write the results as CSV, too"),
  ];
}

/** Writes the files that were asked for. */
export async function exportResults(flags: ExportFlags, report: Pick<ReplayReport, "traces">): Promise<void> {
  if (flags.exportMarkdown !== undefined) await writeWhole(flags.exportMarkdown, exportedMarkdown(report));
  if (flags.exportCsv !== undefined) await writeWhole(flags.exportCsv, exportedCsv(report));
}

/** Says what is wrong with files that hold contenders, before any trace is read. Throws where there is something. */
export async function requireContenders(contenders: readonly Contender[]): Promise<void> {
  const problems = await Promise.all(contenders.map((contender) => contender.findProblem?.()));
  const found = problems.filter((problem) => problem !== undefined);
  for (const problem of found) printProblem(problem);
  if (found.length > 0) throw new ReportedFailure();
}

/** A bar on a terminal, for people. */
export function progressFor(isJson: boolean): Progress {
  return isJson || process.stderr.isTTY !== true ? NO_PROGRESS : new ProgressBar(process.stderr);
}

/** Says what has been found as soon as it has been; `say` writes to standard output. */
export function replayObserver(say: (text: string) => void, progress: Progress, style: TextStyle): ReplayObserver {
  return {
    onContenders: (ready, absent) => {
      say(`${contendersText(ready, absent, style)}\n`);
      if (ready.length === 0) console.error("kmem: none of these allocators is available here");
    },
    onReading: (name, state) => progress.reading(name, state),
    onTrace: ({ name, summary, error }) => {
      progress.stop();
      if (summary !== undefined) say(`${traceSummaryText(name, summary, style)}\n`);
      if (error !== undefined) printProblem(error);
      else if (summary !== undefined) for (const line of unreadTexts(name, summary)) printProblem(line);
    },
    onReplaying: (name, doneCount, processCount) => progress.replaying(name, doneCount, processCount),
  };
}

/** What went wrong inside of replays; what is wrong with traces has been said when they were read. */
export function allocatorErrors(report: Pick<ReplayReport, "traces">): string[] {
  return report.traces.flatMap(({ name, workloads }) =>
    workloads.flatMap(({ kind, results }) =>
      results.flatMap(({ allocator, error }) =>
        error === undefined ? [] : [`${allocator}, ${name} (${kind}): ${error}`],
      ),
    ),
  );
}
