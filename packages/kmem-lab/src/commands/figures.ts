import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Command, Option } from "commander";
import { collectTraces, describeAllocators, parseAllocators, requireFiles } from "kmem-cli/internal/commands/arguments";
import { parseCount } from "kmem-cli/internal/commands/number-arguments";
import { ReportedFailure } from "kmem-cli/internal/commands/reported-failure";
import type { Contender } from "kmem-cli/internal/replay/contender";
import { printProblem } from "kmem-cli/internal/system/output";
import { figureContenders } from "../bench/bench-contenders.ts";
import { measureParts, PART_NAMES, PartError, type PartName } from "../bench/measure-parts.ts";
import { summaryFigures } from "../bench/write-figures.ts";
import { type MarkedTexts, writeDocument } from "../figures/documents.ts";
import { FigureFiles } from "../figures/figure-files.ts";
import { currentLoad, loadWarning } from "../figures/part-runs.ts";
import { writePlots } from "../plots/write-plots.ts";
import type { LabContext } from "./context.ts";
import { parseNames } from "./parse-names.ts";

const DEFAULT_ROUNDS = 5;
/** The files of figures of which a report is made. */
const FIGURE_NAMES: readonly string[] = [
  "traces",
  "live-blocks",
  "loads",
  "programs",
  "threads",
  "memory",
  "load-memory",
  "latency",
  "drift",
];

interface ReportFlags {
  readonly out: string;
  readonly document?: string;
}

interface FiguresFlags extends ReportFlags {
  readonly runs: number;
  readonly only?: readonly PartName[];
  readonly allocators?: readonly Contender[];
}

/** Adds `kmem-lab figures` and `kmem-lab report`. */
export function registerFigures(program: Command, context: LabContext): void {
  const { contenders } = context;
  withPlaces(
    program
      .command("figures")
      .summary("time and memory on traces and synthetic loads, cost by live blocks, and threads")
      .description(
        "Replays malloc traces, random churn at 1,000 to 10,000,000 live blocks and other synthetic loads on every " +
          "allocator found here, runs programs in WebAssembly and workloads of one and two threads, writes CSV " +
          "files and plots, and puts the tables into a Markdown document between their marks.",
      )
      .argument("[trace...]", "trace files, for the part `traces`", collectTraces)
      .addOption(
        new Option("-r, --runs <count>", "processes of each allocator that time it, on traces; else three at most")
          .default(DEFAULT_ROUNDS)
          .argParser((text) => parseCount(text, 1)),
      )
      .addOption(
        new Option("--only <parts>", `measure some parts only, of ${PART_NAMES.join(", ")}`).argParser((text) =>
          parseNames(text, PART_NAMES),
        ),
      )
      .addOption(
        new Option("-a, --allocators <names>", describeAllocators(contenders)).argParser((text) =>
          parseAllocators(text, contenders),
        ),
      ),
  ).action((traces: string[], flags: FiguresFlags, command: Command) => {
    const isNeeded = (flags.only ?? PART_NAMES).includes("traces");
    if (isNeeded && traces.length === 0) command.error("error: the part `traces` needs trace files");
    return measure(traces, flags, context);
  });
  withPlaces(
    program
      .command("report")
      .summary("goals and plots, from the CSV files that are there")
      .description(
        "Measures nothing: makes the table of goals and the machine's description again from what `kmem-lab figures` " +
          "has written, and the plots.",
      ),
  ).action((flags: ReportFlags) => {
    if (!FIGURE_NAMES.some((name) => existsSync(join(flags.out, `${name}.csv`)))) {
      fail(`${flags.out}: there are no figures in it; kmem-lab figures writes them`);
    }
    if (flags.document !== undefined) requireFiles([flags.document]);
    return report(flags);
  });
}

function withPlaces(command: Command): Command {
  return command
    .requiredOption("-o, --out <folder>", "where the CSV files and plots go")
    .option("--document <file>", "a Markdown document with marks");
}

async function measure(
  traces: readonly string[],
  { runs, out, document, only = PART_NAMES, allocators }: FiguresFlags,
  { contenders, threadContenders }: LabContext,
): Promise<void> {
  requireFiles([...traces, ...(document === undefined ? [] : [document])]);
  const warning = loadWarning(currentLoad());
  if (warning !== undefined) console.error(`kmem: ${warning}`);
  const context = {
    traces,
    contenders: allocators ?? figureContenders(contenders),
    threadContenders,
    roundCount: runs,
    files: new FigureFiles(out),
    onPart: (_part: PartName, texts: MarkedTexts) => {
      for (const text of Object.values(texts)) process.stdout.write(`${text}\n\n`);
      if (document !== undefined) writeDocument(document, texts);
    },
  };
  try {
    await measureParts(only, context);
  } catch (error) {
    if (error instanceof PartError) fail(error.message);
    throw error;
  }
  await report({ out, ...(document === undefined ? {} : { document }) });
}

/** What is made of all parts' files. */
async function report({ out, document }: ReportFlags): Promise<void> {
  const files = new FigureFiles(out);
  const texts = summaryFigures(files);
  for (const text of Object.values(texts)) process.stdout.write(`${text}\n\n`);
  await writePlots(files);
  if (document !== undefined) writeDocument(document, texts);
}

function fail(message: string): never {
  for (const line of message.split("\n")) printProblem(line);
  throw new ReportedFailure();
}
