import process from "node:process";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { parseCount } from "kmem-cli/internal/commands/number-arguments";
import { ReportedFailure } from "kmem-cli/internal/commands/reported-failure";
import { styleFor } from "kmem-cli/internal/system/terminal";
import { wrapText } from "kmem-cli/internal/system/wrap-text";
import { measureThreads, type ThreadsObserver } from "../threads/measure-threads.ts";
import { hasThreadsFailed, threadsFaults } from "../threads/report.ts";
import { threadContendersText, threadsText } from "../threads/threads-text.ts";
import { LANES_MAX } from "../threads/work/shared-state.ts";
import { THREAD_WORKLOADS, type ThreadWorkload } from "../threads/workloads.ts";
import type { LabContext } from "./context.ts";

const DEFAULT_ROUNDS = 5;
const FULL_WORK_PERCENT = 100;
const ALWAYS_MEASURED: readonly number[] = [1, 2];
const JSON_INDENT = 2;
/** How the workloads are set out in the help. */
const HELP_COLUMNS = 78;
const NAME_COLUMNS = 15;

interface ThreadsFlags {
  readonly threads?: number;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly work: number;
  readonly json?: true;
}

function describeWorkload({ name, summary }: ThreadWorkload): string {
  return wrapText(`  ${name.padEnd(NAME_COLUMNS)}${summary}`, HELP_COLUMNS, " ".repeat(NAME_COLUMNS + 2));
}

const EXPLANATION = `
Each allocator does the same work: the same sizes in the same order, kmem from
TypeScript with a worker for each thread, the others from C with pthreads. Every
block is sealed with its size and a stamp, and the seal is verified when it is
freed. At the end everything must be freed, and of kmem: no slot held by a
worker, no finding of check(), and after trim() every figure as at the start.

Workloads:
${THREAD_WORKLOADS.map(describeWorkload).join("\n")}

Examples:
  kmem-lab threads                       all of them, with 1 and 2 threads
  kmem-lab threads --threads 4 larson    one of them, with 1, 2 and 4 threads
  kmem-lab threads --seconds 60 --json   as many rounds as begin within a minute

Exit codes: 0; 1 when an allocator breaks or a check finds a fault; 2 for a
command line that makes no sense. A goal that is missed is no failure.`;

/** Adds `kmem-lab threads`. */
export function registerThreads(program: Command, context: LabContext): void {
  program
    .command("threads")
    .summary("several threads on one heap, beside the native mallocs")
    .description("Measures how many operations per second several threads do on one heap, and checks what they did.")
    .addArgument(new Argument("[workload...]", "some of those below; default: all").argParser(collectWorkloads))
    .addOption(
      new Option("-t, --threads <count>", "measure so many threads too, besides 1 and 2").argParser(parseThreads),
    )
    .addOption(
      new Option("-r, --rounds <count>", `processes of each allocator that time it (default: ${DEFAULT_ROUNDS})`)
        .argParser((text) => parseCount(text, 1))
        .conflicts("seconds"),
    )
    .addOption(
      new Option("-s, --seconds <count>", "instead: as many rounds as begin within so many seconds").argParser((text) =>
        parseCount(text, 1),
      ),
    )
    .addOption(
      new Option("-w, --work <percent>", "the length of each run; of full length it takes about half a second")
        .default(FULL_WORK_PERCENT)
        .argParser((text) => parseCount(text, 0)),
    )
    .option("--json", "print one JSON document (kmem-threads, version 2) and nothing else")
    .addHelpText("after", EXPLANATION)
    .action((workloads: ThreadWorkload[], flags: ThreadsFlags) => measure(workloads, flags, context));
}

function collectWorkloads(name: string, before: readonly ThreadWorkload[] = []): ThreadWorkload[] {
  const workload = THREAD_WORKLOADS.find((one) => one.name === name);
  if (workload !== undefined) return before.includes(workload) ? [...before] : [...before, workload];
  const choice = THREAD_WORKLOADS.map((one) => one.name).join(", ");
  throw new InvalidArgumentError(`There are ${choice}.`);
}

function parseThreads(text: string): number {
  const count = parseCount(text, 1);
  if (count <= LANES_MAX) return count;
  throw new InvalidArgumentError(`It is ${LANES_MAX} at the most.`);
}

async function measure(
  chosen: readonly ThreadWorkload[],
  flags: ThreadsFlags,
  { threadContenders }: LabContext,
): Promise<void> {
  const isJson = flags.json === true;
  const style = styleFor(process.stdout, process.env);
  const observer: ThreadsObserver = {
    onContenders: (ready, absent) => {
      if (!isJson) console.log(`${threadContendersText(ready, absent, style)}\n`);
      if (ready.length === 0) console.error("kmem: none of these allocators is available here");
    },
    onRound: (round, workload) => {
      if (process.stderr.isTTY === true && !isJson) console.error(`round ${round}: ${workload}`);
    },
  };
  const threadCounts = [...new Set([...ALWAYS_MEASURED, ...(flags.threads === undefined ? [] : [flags.threads])])];
  const report = await measureThreads(
    threadContenders,
    {
      workloads: chosen.length === 0 ? THREAD_WORKLOADS : chosen,
      threadCounts: threadCounts.toSorted((a, b) => a - b),
      roundCount: flags.rounds ?? (flags.seconds === undefined ? DEFAULT_ROUNDS : Number.POSITIVE_INFINITY),
      ...(flags.seconds === undefined ? {} : { seconds: flags.seconds }),
      workPercent: flags.work,
    },
    observer,
  );
  console.log(isJson ? JSON.stringify(report, null, JSON_INDENT) : threadsText(report, style));
  for (const fault of threadsFaults(report)) console.error(`kmem: ${fault}`);
  if (hasThreadsFailed(report)) throw new ReportedFailure();
}
