import process from "node:process";
import { type Command, Option } from "commander";
import type { TraceForm } from "../forms/known-forms.ts";
import { type Contender, defaultContenders } from "../replay/contender.ts";
import { type ReplayOptions, replayTraces } from "../replay/replay-traces.ts";
import { hasFailed } from "../replay/report.ts";
import { resultText } from "../report/result-text.ts";
import { STDIN_PATH } from "../system/open-input.ts";
import { printProblem } from "../system/output.ts";
import { printableJson } from "../system/printable.ts";
import { styleFor } from "../system/terminal.ts";
import { collectTraces, describeAllocators, formatOption, parseAllocators } from "./arguments.ts";
import type { CommandContext } from "./context.ts";
import { parseCount } from "./number-arguments.ts";
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

const DEFAULT_CHECK_EVERY = 100_000;

interface ReplayFlags extends ExportFlags {
  readonly allocators?: readonly Contender[];
  readonly native: boolean;
  readonly runs?: number;
  readonly budget?: number;
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
    .addOption(runsOption())
    .addOption(budgetOption())
    .option("--check", "verify the heaps of kmem and its engines, and a pattern in each block")
    .addOption(
      new Option("--check-every <operations>", `how often to verify the heap (default: ${DEFAULT_CHECK_EVERY})`)
        .argParser((text) => parseCount(text, 1))
        .implies({ check: true }),
    )
    .addOption(exportOptions()[0]!)
    .addOption(exportOptions()[1]!)
    .option("--json", "print one JSON document (kmem-replay, version 1) and nothing else")
    .addHelpText("after", EXPLANATION)
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
  const options: ReplayOptions = {
    ...timingOf(flags, contenders.length),
    checkEvery: flags.check === true ? (flags.checkEvery ?? DEFAULT_CHECK_EVERY) : undefined,
    ...(flags.format === undefined ? {} : { form: flags.format }),
  };
  const isJson = flags.json === true;
  const style = styleFor(process.stdout, process.env);
  const progress = progressFor(isJson);
  const say = isJson ? () => {} : (text: string) => console.log(text);
  const observer = replayObserver(say, progress, style);
  const report = await replayTraces(traces, contenders, options, observer).finally(() => progress.stop());
  await exportResults(flags, report);
  console.log(isJson ? printableJson(report) : resultText(report, style));
  for (const line of allocatorErrors(report)) printProblem(line);
  if (hasFailed(report)) throw new ReportedFailure();
}
