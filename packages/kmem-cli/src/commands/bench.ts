import process from "node:process";
import { type Command, Option } from "commander";
import { liveBlocksTable, timeTable } from "../bench/figures.ts";
import { measureLiveBlocks } from "../bench/live-blocks.ts";
import { writeFigures } from "../bench/write-figures.ts";
import { defaultContenders, isReady } from "../replay/contender.ts";
import { type ReplayObserver, replayTraces } from "../replay/replay-traces.ts";
import type { RunOptions } from "../replay/run-workload.ts";
import { plainTable } from "../report/plain-table.ts";
import { hasFailed } from "../report/report.ts";
import { knownThreadContenders } from "../threads/contenders.ts";
import { measureThreads } from "../threads/measure-threads.ts";
import { hasThreadsFailed, threadsFaults } from "../threads/report.ts";
import { promisesTable, threadsTable } from "../threads/threads-figures.ts";
import { THREAD_WORKLOADS } from "../threads/workloads.ts";
import { parseCount } from "./arguments.ts";
import { registerBenchKill } from "./bench-kill.ts";
import { registerBenchMemory } from "./bench-memory.ts";
import { registerBenchThreads, type ThreadsContext } from "./bench-threads.ts";
import { ReportedFailure } from "./reported-failure.ts";

const DEFAULT_ROUNDS = 5;
/** Runs of a fifth of the full length, and three rounds of them: threads take about a minute of `npm run bench`. */
const THREAD_ROUNDS = 3;
const THREAD_WORK_PERCENT = 20;
const THREAD_COUNTS: readonly number[] = [1, 2];

interface FiguresFlags {
  readonly runs: number;
  readonly out: string;
  readonly document?: string;
}

/** Adds `kmem bench` with its parts. */
export function registerBench(program: Command, context: ThreadsContext): void {
  const bench = program.command("bench").summary("measure what the documents say").description("Measures figures.");
  bench
    .command("figures")
    .summary("time and memory on traces, cost by live blocks, and threads")
    .description(
      "Replays malloc traces and random churn at 1,000 to 1,000,000 live blocks on every allocator found here, runs " +
        "workloads of one and two threads, " +
        "writes CSV files, and puts the tables into a Markdown document between their marks.",
    )
    .argument("<trace...>", "trace files")
    .addOption(
      new Option("-r, --runs <count>", "processes of each allocator that time it")
        .default(DEFAULT_ROUNDS)
        .argParser((text) => parseCount(text, 1)),
    )
    .requiredOption("-o, --out <folder>", "where the CSV files go")
    .option("--document <file>", "a Markdown document with marks")
    .action((traces: string[], flags: FiguresFlags) => measure(traces, flags, context));
  registerBenchThreads(bench, context);
  registerBenchKill(bench);
  registerBenchMemory(bench, context);
}

async function measure(traces: readonly string[], flags: FiguresFlags, context: ThreadsContext): Promise<void> {
  const contenders = defaultContenders(context.contenders);
  const options: RunOptions = { roundCount: flags.runs, checkEvery: undefined };
  const report = await replayTraces(traces, contenders, options, progressLines());
  if (hasFailed(report)) {
    for (const { error } of report.traces) if (error !== undefined) console.error(`kmem: ${error}`);
    throw new ReportedFailure();
  }
  const ready = (await Promise.all(contenders.map((contender) => contender.prepare()))).filter(isReady);
  const liveBlocks = await measureLiveBlocks(ready, options, (count) => console.error(`${count} live blocks`));
  const threads = await measureThreads(
    context.threadContenders ?? knownThreadContenders(),
    {
      workloads: THREAD_WORKLOADS,
      threadCounts: THREAD_COUNTS,
      roundCount: THREAD_ROUNDS,
      workPercent: THREAD_WORK_PERCENT,
    },
    { onContenders: () => {}, onRound: (round, workload) => console.error(`threads, round ${round}: ${workload}`) },
  );
  if (hasThreadsFailed(threads)) {
    for (const fault of threadsFaults(threads)) console.error(`kmem: ${fault}`);
    throw new ReportedFailure();
  }
  writeFigures({ traces: report, liveBlocks, threads }, flags.out, flags.document);
  for (const cells of [timeTable(report), liveBlocksTable(liveBlocks), threadsTable(threads), promisesTable(threads)]) {
    const [header = [], ...rows] = cells.map((row) => row.map((cell) => String(cell).replaceAll("*", "")));
    process.stdout.write(`${plainTable(header, rows)}\n\n`);
  }
}

/** A line on standard error for each trace: a run takes minutes, and what is measured should not be disturbed. */
function progressLines(): ReplayObserver {
  return {
    onContenders: () => {},
    onReading: () => {},
    onTrace: ({ name }) => console.error(name),
    onReplaying: () => {},
  };
}
