import { loadavg } from "node:os";
import { describeEnvironment } from "kmem-cli/internal/replay/environment";
import { formatCounted, threeDigits } from "kmem-cli/internal/system/units";
import { type Cells, type CsvRecord, numberIn } from "./csv.ts";
import type { FigureFiles } from "./figure-files.ts";

const FILE_NAME = "runs";
const HEADER: readonly string[] = [
  "part",
  "seconds",
  "rounds",
  "load_before",
  "load_after",
  "cpu",
  "cores",
  "node",
  "allocators",
];
const LOAD_DIGITS = 2;
const SECONDS_PER_MINUTE = 60;
/** A load average of the last minute from which on something else must be running. */
const HIGH_LOAD = 0.5;

/** How one part of the figures was measured. */
export interface PartRun {
  readonly part: string;
  readonly seconds: number;
  readonly roundCount?: number;
  /** Load average of the last minute when the part began, and when it ended. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  /** Names and versions of those that took part. */
  readonly allocators?: string;
}

/** The machine's load average of the last minute. 0 where the system keeps none. */
export function currentLoad(): number {
  return loadavg()[0]!;
}

/** What to say before measuring on a machine that is busy already; undefined where it is not. */
export function loadWarning(load: number): string | undefined {
  if (load < HIGH_LOAD) return undefined;
  return `the load average is ${load.toFixed(LOAD_DIGITS)} already: the figures will be those of a busy machine`;
}

/** Notes a part's run, in the place of the one before. */
export function notePartRun(files: FigureFiles, run: PartRun): void {
  const { cpuModel, cpuCount, node } = describeEnvironment();
  const row = [
    run.part,
    run.seconds.toFixed(0),
    run.roundCount ?? "",
    run.loadBefore.toFixed(LOAD_DIGITS),
    run.loadAfter.toFixed(LOAD_DIGITS),
    cpuModel,
    cpuCount,
    node,
    run.allocators ?? "",
  ];
  const others: Cells = files
    .read(FILE_NAME)
    .filter((record) => record["part"] !== run.part)
    .map((record) => HEADER.map((name) => record[name] ?? ""));
  files.write(FILE_NAME, [HEADER, ...others, row]);
}

/**
 * The paragraph that says on what machine, with what versions and under what load the figures were measured; undefined
 * where no run has been noted.
 */
export function machineText(files: FigureFiles): string | undefined {
  const records = files.read(FILE_NAME);
  if (records.length === 0) return undefined;
  const machines = [...new Set(records.map(machineOf))];
  const parts = records.map((record) => partText(record, machines.length > 1 ? machineOf(record) : undefined));
  const allocators = records.map((record) => record["allocators"] ?? "").toSorted((a, b) => b.length - a.length)[0]!;
  const where = machines.length === 1 ? `Measured on ${machines[0]}` : "Measured on more than one machine";
  return [
    `${where}; medians of rounds in turns, each round a process of its own, ± half the distance of their quartiles.`,
    ...(allocators === "" ? [] : [`${allocators}.`]),
    `Parts, with the load average before and after each: ${parts.join("; ")}.`,
  ].join(" ");
}

function machineOf(record: CsvRecord): string {
  return `${record["cpu"]}, ${record["cores"]} cores, Node ${record["node"]}`;
}

function partText(record: CsvRecord, machine: string | undefined): string {
  const rounds = record["rounds"] === "" ? "" : `${formatCounted(Number(record["rounds"]), "round")}, `;
  const minutes = threeDigits((numberIn(record, "seconds") ?? 0) / SECONDS_PER_MINUTE);
  const load = `load ${record["load_before"]} → ${record["load_after"]}`;
  return `${record["part"]} (${rounds}${minutes} min, ${load}${machine === undefined ? "" : `, on ${machine}`})`;
}
