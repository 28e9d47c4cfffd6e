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
import { parseCount } from "./arguments.ts";
import type { CommandContext } from "./context.ts";
import { ReportedFailure } from "./reported-failure.ts";

const DEFAULT_ROUNDS = 5;

interface FiguresFlags {
  readonly runs: number;
  readonly out: string;
  readonly document?: string;
}

/** Adds `kmem bench` with its parts. */
export function registerBench(program: Command, context: CommandContext): void {
  const bench = program.command("bench").summary("measure what the documents say").description("Measures figures.");
  bench
    .command("figures")
    .summary("time and memory on traces, and cost by live blocks")
    .description(
      "Replays malloc traces and random churn at 1,000 to 1,000,000 live blocks on every allocator found here, " +
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
}

async function measure(traces: readonly string[], flags: FiguresFlags, context: CommandContext): Promise<void> {
  const contenders = defaultContenders(context.contenders);
  const options: RunOptions = { roundCount: flags.runs, checkEvery: undefined };
  const report = await replayTraces(traces, contenders, options, progressLines());
  if (hasFailed(report)) {
    for (const { error } of report.traces) if (error !== undefined) console.error(`kmem: ${error}`);
    throw new ReportedFailure();
  }
  const ready = (await Promise.all(contenders.map((contender) => contender.prepare()))).filter(isReady);
  const liveBlocks = await measureLiveBlocks(ready, options, (count) => console.error(`${count} live blocks`));
  writeFigures({ traces: report, liveBlocks }, flags.out, flags.document);
  for (const cells of [timeTable(report), liveBlocksTable(liveBlocks)]) {
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
