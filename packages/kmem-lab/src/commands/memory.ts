import process from "node:process";
import { type Command, Option } from "commander";
import { collectTraces, describeAllocators, parseAllocators, requireFiles } from "kmem-cli/internal/commands/arguments";
import { parseCount, parseOpCount } from "kmem-cli/internal/commands/number-arguments";
import { ReportedFailure } from "kmem-cli/internal/commands/reported-failure";
import { type Contender, defaultContenders, isReady, type ReadyContender } from "kmem-cli/internal/replay/contender";
import { plainTable } from "kmem-cli/internal/system/plain-table";
import { BenchContenders, figureContenders, withLimits } from "../bench/bench-contenders.ts";
import { columnGroups } from "../figures/measured.ts";
import { churnLoad } from "../loads/churn.ts";
import { KNOWN_LOADS } from "../loads/known-loads.ts";
import { driftRows, driftTable, strayContenders } from "../memory/drift-figures.ts";
import { latencyRows, latencyTable } from "../memory/latency-figures.ts";
import { leftOverTable, loadResidentTable, memoryRows, ownTable, residentTable } from "../memory/memory-figures.ts";
import { type MeasureOutput, type OutputPlaces, writeMeasures } from "../memory/output.ts";
import { measureDrift, measureLatency, measureLoadMemory, measureMemory } from "../memory/run-measures.ts";
import type { LabContext } from "./context.ts";

const DEFAULT_DRIFT_OPS = 100_000_000;
const DEFAULT_DRIFT_ROUNDS = 3;
/** A peer that needs longer for a trace, each operation being looked at, is measured at the first operations only. */
const MEMORY_LIMIT_MS = 10_000;
/** Random churn whose memory is read: of ten million blocks it would take minutes for each allocator. */
const CHURN_COUNTS: readonly number[] = [1_000, 10_000, 100_000, 1_000_000];
/** Whose own accounting has a table. */
const OWN_ALLOCATOR = "kmem";

interface Flags extends OutputPlaces {
  readonly allocators?: readonly Contender[];
}

interface MemoryFlags extends Flags {
  readonly loads?: true;
}

interface DriftFlags extends Flags {
  readonly ops: number;
  readonly runs: number;
}

interface Failure {
  readonly allocator: string;
  readonly workload?: string;
  readonly error?: string;
}

/** Adds `kmem-lab memory`, `latency` and `drift`. */
export function registerMemory(program: Command, context: LabContext): void {
  const memoryCommand = addPart(
    program,
    context,
    "memory",
    "resident memory, own accounting, and what is left when all is freed",
  );
  memoryCommand
    .description("Replays traces once, every page of every block touched, and reads resident memory on the way.")
    .argument("[trace...]", "trace files", collectTraces)
    .option("--loads", "the synthetic loads of `kmem-lab figures` as well")
    .action(async (traces: string[], flags: MemoryFlags) => {
      if (traces.length === 0 && flags.loads !== true) memoryCommand.error("error: name traces, or give --loads");
      requirePlaces(traces, flags);
      if (traces.length > 0) await memory(traces, flags, context);
      if (flags.loads === true) await loadMemory(flags, context);
    });
  addPart(program, context, "latency", "the worst single operations")
    .description("Times every operation of traces by itself, when memory and compilers are warm.")
    .argument("<trace...>", "trace files", collectTraces)
    .action((traces: string[], flags: Flags) => {
      requirePlaces(traces, flags);
      return latency(traces, flags, context);
    });
  addPart(program, context, "drift", "memory after very many operations of a changing mix")
    .description("Does operations of a changing mix, with as many bytes live at the end as at the start.")
    .addOption(
      new Option("--ops <count>", "how many; K and M stand for thousands and millions")
        .default(DEFAULT_DRIFT_OPS)
        .argParser(parseOpCount),
    )
    .addOption(
      new Option("-r, --runs <count>", "processes of each allocator, whose medians count")
        .default(DEFAULT_DRIFT_ROUNDS)
        .argParser((text) => parseCount(text, 1)),
    )
    .action((flags: DriftFlags) => {
      requirePlaces([], flags);
      return drift(flags, context);
    });
}

/** What is read is there before anything is measured: traces, and the document that gets the tables. */
function requirePlaces(traces: readonly string[], { document }: Flags): void {
  requireFiles([...traces, ...(document === undefined ? [] : [document])]);
}

function addPart(program: Command, { contenders }: LabContext, name: string, summary: string): Command {
  return program
    .command(name)
    .summary(summary)
    .addOption(
      new Option("-a, --allocators <list>", describeAllocators(contenders)).argParser((text) =>
        parseAllocators(text, contenders),
      ),
    )
    .option("-o, --out <folder>", "where the CSV file goes")
    .option("--document <file>", "a Markdown document with marks");
}

async function memory(traces: readonly string[], flags: Flags, context: LabContext): Promise<void> {
  const wanted = withLimits(flags.allocators ?? figureContenders(context.contenders), MEMORY_LIMIT_MS);
  const contenders = await ready(wanted);
  const measures = await measureMemory(traces, contenders, progressLine);
  const [main = [], ...peers] = columnGroups(contenders);
  const tables = [
    residentTable(measures, main, OWN_ALLOCATOR),
    ...peers.map((names) => residentTable(measures, names)),
    ownTable(measures, OWN_ALLOCATOR),
    leftOverTable(measures, main),
  ];
  put({ name: "memory", rows: memoryRows(measures), tables }, flags, measures);
}

async function loadMemory(flags: Flags, context: LabContext): Promise<void> {
  const wanted = withLimits(flags.allocators ?? figureContenders(context.contenders), MEMORY_LIMIT_MS);
  const bench = await BenchContenders.prepare(wanted);
  const loads = [...CHURN_COUNTS.map(churnLoad), ...KNOWN_LOADS];
  const measures = await measureLoadMemory(loads, (load) => bench.forLoad(load), progressLine);
  const tables = columnGroups(bench.ready).map((names) => loadResidentTable(measures, names));
  put({ name: "load-memory", rows: memoryRows(measures), tables }, flags, measures);
}

async function latency(traces: readonly string[], flags: Flags, context: LabContext): Promise<void> {
  const measures = await measureLatency(
    traces,
    await ready(flags.allocators ?? defaultContenders(context.contenders)),
    progressLine,
  );
  put({ name: "latency", rows: latencyRows(measures), tables: [latencyTable(measures)] }, flags, measures);
  for (const { workload, allocator, result } of measures) {
    if ((result?.gcCount ?? 0) === 0) continue;
    console.error(`kmem: ${workload}, ${allocator}: garbage was collected while operations were timed`);
  }
}

async function drift(flags: DriftFlags, context: LabContext): Promise<void> {
  const contenders = await ready(flags.allocators ?? defaultContenders(context.contenders));
  const measures = await measureDrift(flags.ops, flags.runs, contenders, progressLine);
  const strays = strayContenders(measures).map((allocator) => ({ allocator, error: "it did other operations" }));
  put({ name: "drift", rows: driftRows(measures), tables: [driftTable(measures)] }, flags, [...measures, ...strays]);
}

async function ready(contenders: readonly Contender[]): Promise<ReadyContender[]> {
  const prepared = await Promise.all(contenders.map((contender) => contender.prepare()));
  for (const one of prepared) if (!isReady(one)) console.error(`${one.name} does not take part: ${one.reason}`);
  return prepared.filter(isReady);
}

function progressLine(workload: string, allocator: string): void {
  console.error(`${workload}: ${allocator}`);
}

/** Prints the tables, writes them, and fails when a process has failed. What has failed is a gap in the tables. */
function put(output: MeasureOutput, flags: Flags, measures: readonly Failure[]): void {
  for (const cells of output.tables) {
    const [header = [], ...rows] = cells.map((row) =>
      row.map((cell) => String(cell).replaceAll("**", "").replaceAll("\\*", "*")),
    );
    process.stdout.write(`${plainTable(header, rows)}\n\n`);
  }
  writeMeasures(output, flags);
  const failures = measures.filter(({ error }) => error !== undefined);
  for (const { workload = output.name, allocator, error } of failures) {
    console.error(`kmem: ${workload}, ${allocator}: ${error}`);
  }
  if (failures.length > 0) throw new ReportedFailure();
}
