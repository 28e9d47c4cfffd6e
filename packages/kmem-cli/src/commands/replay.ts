import process from "node:process";
import { type Command, Option } from "commander";
import type { TraceForm } from "../input/known-forms.ts";
import { STDIN_PATH } from "../input/open-trace.ts";
import { type Contender, defaultContenders } from "../replay/contender.ts";
import { type ReplayObserver, type ReplayOptions, replayTraces } from "../replay/replay-traces.ts";
import { hasFailed, type ReplayReport } from "../replay/report.ts";
import { exportedCsv, exportedMarkdown } from "../report/exported-table.ts";
import { NO_PROGRESS, type Progress, ProgressBar } from "../report/progress.ts";
import { contendersText, resultText } from "../report/result-text.ts";
import { traceSummaryText, unreadTexts } from "../report/trace-summary-text.ts";
import { writeWhole } from "../system/write-whole.ts";
import { printProblem } from "../text/output.ts";
import { printableJson } from "../text/printable.ts";
import { styleFor, type TextStyle } from "../text/terminal.ts";
import { collectTraces, describeAllocators, formatOption, parseAllocators, parseCount } from "./arguments.ts";
import type { CommandContext } from "./context.ts";
import { ReportedFailure } from "./reported-failure.ts";

const DEFAULT_ROUNDS = 5;
const DEFAULT_CHECK_EVERY = 100_000;
/** With more allocators than these, nobody waits for five rounds of each unless they say so. */
const UNLIMITED_COUNT_MAX = 8;
const DEFAULT_BUDGET_S = 20;
const MS_PER_S = 1000;

interface ReplayFlags {
  readonly allocators?: readonly Contender[];
  readonly native: boolean;
  readonly runs?: number;
  readonly budget?: number;
  readonly exportMarkdown?: string;
  readonly exportCsv?: string;
  readonly json?: true;
  readonly check?: true;
  readonly checkEvery?: number;
  readonly format?: TraceForm;
}

const EXPLANATION = `
Each allocator replays a trace in processes of its own, in turns with the
others. A kernel trace makes two lists of operations, since the pages under
its slabs are in it as well: objects (kmalloc and slab caches), and pages.

Without --allocators kmem and the native mallocs take part. The engines of kmem
by themselves (region-worst, region-first, bucket, buddy, cluster) do if named,
and so do kmem-unchecked, kmem-fzpu (debugged) and others' allocators in
WebAssembly and JavaScript (wasm-dlmalloc, emmalloc, uint8array). A policy of
your own is a file that exports createPolicy(memory), which makes an object
with alloc, free and usableSize.

  ns/op             median of the runs, each of which is the median of its passes
  min–max           fastest and slowest run
  internal frag.    share of the allocated bytes that nobody asked for
  peak footprint    most memory in use at a time, with all that describes it
  overhead at peak  by how much that exceeds the most bytes live at a time
  failed allocs     allocations that were refused

Examples:
  kmem replay app.trace.zst                       kmem beside each native malloc found
  kmem replay -a kmem,mimalloc -r 9 *.trace.zst   two allocators, nine runs each
  kmem replay -a all app.trace.zst                also each engine of kmem by itself
  kmem replay -a kmem,./best-fit.ts app.trace.zst  a policy of your own beside kmem
  kmem replay --check --runs 0 boot.trace.txt.gz  verify heap and blocks, time nothing
  kmem replay --export-csv t.csv app.trace.zst    all figures, for a spreadsheet
  xz -dc t.xz | kmem replay --json - > t.json     a trace from standard input, JSON out

Exit codes: 0; 1 when a trace cannot be read, an allocator breaks or a check finds
a fault; 2 for a command line that makes no sense.`;

/** Adds `kmem replay`. */
export function registerReplay(program: Command, { contenders }: CommandContext): void {
  program
    .command("replay")
    .summary("replay allocation traces and compare allocators")
    .description(
      "Replays real allocation traces and shows what each allocator needs in time and memory. Traces are text of " +
        "Linux's ftrace, perf or trace-cmd, also out of a log or a mail; logs of mtrace, valgrind, ltrace, heaptrack " +
        "and others; or binary; as they are, or packed (.gz, .zst).",
    )
    .argument("<trace...>", `files, or ${STDIN_PATH} for standard input`, collectTraces)
    .addOption(
      new Option("-a, --allocators <names>", describeAllocators(contenders)).argParser((text) =>
        parseAllocators(text, contenders),
      ),
    )
    .addOption(formatOption())
    .option("--no-native", "leave out the native allocators")
    .addOption(
      new Option(
        "-r, --runs <count>",
        `timed runs of each allocator; 0 times nothing (default: ${DEFAULT_ROUNDS})`,
      ).argParser((text) => parseCount(text, 0)),
    )
    .addOption(
      new Option(
        "--budget <seconds>",
        `how long a trace may take, slow allocators being cut first (default: ${DEFAULT_BUDGET_S} where more than ` +
          `${UNLIMITED_COUNT_MAX} allocators take part and --runs is not given)`,
      ).argParser((text) => parseCount(text, 1)),
    )
    .option("--check", "verify the heaps of kmem and its engines, and a pattern in each block")
    .addOption(
      new Option("--check-every <operations>", `how often to verify the heap (default: ${DEFAULT_CHECK_EVERY})`)
        .argParser((text) => parseCount(text, 1))
        .implies({ check: true }),
    )
    .option("--export-markdown <out>", "write the results as a table in Markdown, too")
    .option("--export-csv <out>", "write the results as CSV, too")
    .option("--json", "print one JSON document (kmem-replay, version 1) and nothing else")
    .addHelpText("after", EXPLANATION)
    .showHelpAfterError("(kmem replay --help shows what there is, with examples)")
    .action((traces: string[], flags: ReplayFlags, command: Command) => {
      const chosen = (flags.allocators ?? defaultContenders(contenders)).filter(
        ({ isNative }) => flags.native || !isNative,
      );
      if (chosen.length === 0) command.error("error: --no-native leaves no allocator");
      if (flags.check === true && !chosen.some(({ canCheck }) => canCheck)) {
        command.error("error: --check can look into none of these allocators");
      }
      return replay(traces, flags, chosen);
    });
}

async function replay(traces: readonly string[], flags: ReplayFlags, contenders: readonly Contender[]): Promise<void> {
  await requireContenders(contenders);
  const isUnlimited = flags.runs !== undefined || contenders.length <= UNLIMITED_COUNT_MAX;
  const budgetS = flags.budget ?? (isUnlimited ? undefined : DEFAULT_BUDGET_S);
  const options: ReplayOptions = {
    roundCount: flags.runs ?? DEFAULT_ROUNDS,
    ...(budgetS === undefined ? {} : { budgetMs: budgetS * MS_PER_S }),
    checkEvery: flags.check === true ? (flags.checkEvery ?? DEFAULT_CHECK_EVERY) : undefined,
    ...(flags.format === undefined ? {} : { form: flags.format }),
  };
  const isJson = flags.json === true;
  const style = styleFor(process.stdout, process.env);
  const progress = isJson || process.stderr.isTTY !== true ? NO_PROGRESS : new ProgressBar(process.stderr);
  const say = isJson ? () => {} : (text: string) => console.log(text);
  const observer = observerFor(say, progress, style);
  const report = await replayTraces(traces, contenders, options, observer).finally(() => progress.stop());
  if (flags.exportMarkdown !== undefined) await writeWhole(flags.exportMarkdown, exportedMarkdown(report));
  if (flags.exportCsv !== undefined) await writeWhole(flags.exportCsv, exportedCsv(report));
  console.log(isJson ? printableJson(report) : resultText(report, style));
  for (const line of allocatorErrors(report)) printProblem(line);
  if (hasFailed(report)) throw new ReportedFailure();
}

/** Says what is wrong with files that hold contenders, before any trace is read. Throws where there is something. */
async function requireContenders(contenders: readonly Contender[]): Promise<void> {
  const problems = await Promise.all(contenders.map((contender) => contender.findProblem?.()));
  const found = problems.filter((problem) => problem !== undefined);
  for (const problem of found) printProblem(problem);
  if (found.length > 0) throw new ReportedFailure();
}

/** Says what has been found as soon as it has been; `say` writes to standard output. */
function observerFor(say: (text: string) => void, progress: Progress, style: TextStyle): ReplayObserver {
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
function allocatorErrors(report: ReplayReport): string[] {
  return report.traces.flatMap(({ name, workloads }) =>
    workloads.flatMap(({ kind, results }) =>
      results.flatMap(({ allocator, error }) =>
        error === undefined ? [] : [`${allocator}, ${name} (${kind}): ${error}`],
      ),
    ),
  );
}
