import process from "node:process";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { TraceForm } from "../forms/known-forms.ts";
import { type Contender, defaultContenders } from "../replay/contender.ts";
import { hasFailed } from "../replay/report.ts";
import { comparePage } from "../report/compare-page.ts";
import type { CompareReport } from "../report/compare-report.ts";
import { compareTraces } from "../report/compare-traces.ts";
import type { Progress } from "../report/progress.ts";
import { resultText } from "../report/result-text.ts";
import { sweep } from "../report/sweep.ts";
import { parseSweep, SWEEPABLE_NAMES } from "../report/sweep-grid.ts";
import type { SweepDimension, SweepReport } from "../report/sweep-report.ts";
import { sweepTable } from "../report/sweep-text.ts";
import { STDIN_PATH } from "../system/open-input.ts";
import { printProblem } from "../system/output.ts";
import { printableJson } from "../system/printable.ts";
import { styleFor } from "../system/terminal.ts";
import { writeWhole } from "../system/write-whole.ts";
import { collectTraces, describeAllocators, formatOption, parseAllocators } from "./arguments.ts";
import type { CommandContext } from "./context.ts";
import { parseSize } from "./number-arguments.ts";
import {
  allocatorErrors,
  budgetOption,
  type ExportFlags,
  exportOptions,
  exportResults,
  progressFor,
  replayObserver,
  requireContenders,
  runsOption,
  timingOf,
} from "./replay-options.ts";
import { ReportedFailure } from "./reported-failure.ts";

const DEFAULT_PAGE = "kmem-compare.html";
const MEMORY_MAX_BYTES = 2 ** 32;

const EXPLANATION = `
Replays traces as kmem replay does, and finds out more: how the memory of each
allocator goes over the trace, the smallest memory in which a trace fits (by
bisection, for heaps in a memory of a given size: kmem, its engines, policies,
mallocs in WebAssembly), how fragmented the free pages are in that, and what is
in the trace: sizes, lifetimes, call sites by bytes, waste and churn. The page is
one HTML file that needs no other and runs no script.

Examples:
  kmem compare app.trace.zst                            a table, and kmem-compare.html
  kmem compare -a kmem,./best-fit.ts *.trace.zst        a policy of your own beside kmem
  kmem compare --memory 64M -a all app.trace.zst        what fails in 64 MiB
  kmem compare -a kmem --sweep sheaf=8..64,slab=4K..64K --state s.jsonl *.zst
  kmem compare --runs 0 --json app.trace.zst > c.json   no times, JSON alone

Exit codes: as those of kmem replay.`;

interface CompareFlags extends ExportFlags {
  readonly allocators?: readonly Contender[];
  readonly native: boolean;
  readonly runs?: number;
  readonly budget?: number;
  readonly memory?: number;
  readonly fit: boolean;
  readonly sweep?: readonly SweepDimension[];
  readonly state?: string;
  readonly html?: string;
  readonly json?: true;
  readonly format?: TraceForm;
}

/** Adds `kmem compare`. */
export function registerCompare(program: Command, { contenders }: CommandContext): void {
  const command = program
    .command("compare")
    .summary("compare allocators on traces: a table, and a page to look at")
    .description("Replays allocation traces on allocators and writes a page that shows how they differ, and why.")
    .argument("<trace...>", `files, or ${STDIN_PATH} for standard input`, collectTraces)
    .addOption(
      new Option("-a, --allocators <names>", describeAllocators(contenders)).argParser((text) =>
        parseAllocators(text, contenders),
      ),
    )
    .addOption(formatOption())
    .option("--no-native", "leave out the native allocators")
    .addOption(runsOption())
    .addOption(budgetOption())
    .addOption(
      new Option("--memory <bytes>", "ask what fails in a memory of so many bytes, too, as 64M").argParser((text) =>
        parseSize(text, MEMORY_MAX_BYTES),
      ),
    )
    .option("--no-fit", "do not look for the smallest memory")
    .addOption(
      new Option(
        "--sweep <grid>",
        `kmem with other settings, too, as sheaf=8..64,slab=4K..64K,memory=8M:64M; what can be swept is ${SWEEPABLE_NAMES}`,
      ).argParser(parseGrid),
    )
    .option("--state <file>", "keep the points of a sweep there, and go on with it where it was interrupted")
    .option("--html <out>", `the page to write (default: ${DEFAULT_PAGE}; with --json none)`);
  for (const option of exportOptions()) command.addOption(option);
  command
    .option("--json", "print one JSON document (kmem-compare, version 1) and nothing else")
    .addHelpText("after", EXPLANATION)
    .action((traces: string[], flags: CompareFlags) => {
      const chosen = (flags.allocators ?? defaultContenders(contenders)).filter(
        ({ isNative }) => flags.native || !isNative,
      );
      if (flags.state !== undefined && flags.sweep === undefined) command.error("error: --state is of a --sweep");
      if (flags.sweep !== undefined && traces.includes(STDIN_PATH)) {
        command.error("error: a sweep reads its traces again, and standard input can be read once only");
      }
      if (chosen.length === 0) command.error("error: --no-native leaves no allocator");
      return compare(traces, flags, chosen);
    });
}

async function compare(
  traces: readonly string[],
  flags: CompareFlags,
  contenders: readonly Contender[],
): Promise<void> {
  await requireContenders(contenders);
  const options = {
    ...timingOf(flags, contenders.length),
    checkEvery: undefined,
    fits: flags.fit,
    ...(flags.memory === undefined ? {} : { memoryBytes: flags.memory }),
    ...(flags.format === undefined ? {} : { form: flags.format }),
  };
  const isJson = flags.json === true;
  const style = styleFor(process.stdout, process.env);
  const progress = progressFor(isJson);
  const say = isJson ? () => {} : (text: string) => console.log(text);
  const observer = replayObserver(say, progress, style);
  const compared = await compareTraces(traces, contenders, options, observer).finally(() => progress.stop());
  const swept = await sweepOf(traces, flags, compared, progress).finally(() => progress.stop());
  const report = swept === undefined ? compared : { ...compared, sweep: swept };
  const page = flags.html ?? (isJson ? undefined : DEFAULT_PAGE);
  if (page !== undefined) await writeWhole(page, comparePage(report));
  await exportResults(flags, report);
  console.log(isJson ? printableJson(report) : resultText(report, style));
  if (!isJson && swept !== undefined) say(`\n${sweepTable(swept, style)}`);
  if (!isJson && page !== undefined) say(`\n${page}: the page`);
  for (const line of allocatorErrors(report)) printProblem(line);
  if (hasFailed(report)) throw new ReportedFailure();
}

/** The sweep that was asked for, of the traces that can be read; undefined where there is none. */
async function sweepOf(
  paths: readonly string[],
  flags: CompareFlags,
  { allocators, traces }: CompareReport,
  progress: Progress,
): Promise<SweepReport | undefined> {
  if (flags.sweep === undefined) return undefined;
  const readable = paths.filter((_, number) => traces[number]?.error === undefined);
  const version = allocators.find(({ name }) => name === "kmem")?.version ?? "";
  return sweep(readable, flags.sweep, {
    fits: flags.fit,
    version,
    ...(flags.state === undefined ? {} : { statePath: flags.state }),
    ...(flags.format === undefined ? {} : { form: flags.format }),
    onPoint: (doneCount, pointCount) => progress.replaying("sweep", doneCount, pointCount),
  });
}

function parseGrid(text: string): SweepDimension[] {
  try {
    return parseSweep(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : String(error));
  }
}
