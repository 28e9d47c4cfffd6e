import { spawnSync } from "node:child_process";
import process from "node:process";
import { type Command, Option } from "commander";
import { parseCount } from "kmem-cli/internal/commands/number-arguments";
import { ReportedFailure } from "kmem-cli/internal/commands/reported-failure";
import { PART_NAMES } from "../bench/measure-parts.ts";
import { FigureFiles } from "../figures/figure-files.ts";
import { currentLoad, notePartRun } from "../figures/part-runs.ts";
import { FIGURES_FOLDER, LAB_COMMAND, mallocTraces, ROOT } from "../figures/repository.ts";
import { parseNames } from "./parse-names.ts";

const MS_PER_SECOND = 1000;
const PLACES: readonly string[] = ["--out", FIGURES_FOLDER, "--document", "docs/measurements.md"];

/** Parts that are a command each, beside those that `kmem-lab figures` measures in one go. */
const COMMANDS: Readonly<Record<string, () => readonly string[]>> = {
  memory: () => ["memory", ...PLACES, "--loads", ...mallocTraces()],
  latency: () => ["latency", ...PLACES, ...mallocTraces()],
  drift: () => ["drift", ...PLACES],
  regions: () => ["regions"],
  kills: () => ["kill-figures"],
  debugging: () => ["debugging"],
  sizes: () => ["sizes"],
};
const REPORT = "report";
const ALL: readonly string[] = [...PART_NAMES, ...Object.keys(COMMANDS), REPORT];

interface AllFlags {
  readonly only?: readonly string[];
  readonly runs?: number;
  readonly allocators?: string;
}

/** Adds `kmem-lab all`, which `npm run bench` runs. */
export function registerAll(program: Command): void {
  program
    .command("all")
    .summary("every figure of the documents")
    .description(
      "Measures every figure of the documents, and writes it there and into docs/figures. It uses the large " +
        "collection of traces beside the repository (or where KMEM_TRACES says) when it is there, else the bundled " +
        "ones. Nothing else should run meanwhile.",
    )
    .addOption(
      new Option("--only <parts>", `some parts, of ${ALL.join(", ")}; the figures of the others stay`).argParser(
        (text) => parseNames(text, ALL),
      ),
    )
    .addOption(new Option("-r, --runs <count>", "for `figures`").argParser((text) => parseCount(text, 1)))
    .option("-a, --allocators <names>", "for `figures`")
    .action(measureAll);
}

function measureAll({ only = ALL, runs, allocators }: AllFlags): void {
  const results: boolean[] = [];
  const figures = PART_NAMES.filter((part) => only.includes(part));
  if (figures.length > 0) {
    const counted = runs === undefined ? [] : ["--runs", String(runs)];
    const chosen = allocators === undefined ? [] : ["--allocators", allocators];
    results.push(run(["figures", ...PLACES, "--only", figures.join(","), ...counted, ...chosen, ...mallocTraces()]));
  }
  for (const [part, command] of Object.entries(COMMANDS)) if (only.includes(part)) results.push(timed(part, command()));
  // What is made of all parts, whatever has been measured now.
  results.push(run([REPORT, ...PLACES]), run(["glance"]));
  if (results.includes(false)) throw new ReportedFailure();
}

/** Runs a command of this program with its output shown; gives whether it succeeded. */
function run(args: readonly string[]): boolean {
  const { status, signal } = spawnSync(process.execPath, [LAB_COMMAND, ...args], { cwd: ROOT, stdio: "inherit" });
  if (signal !== null) console.error(`${args[0]} was ended by ${signal}`);
  return status === 0;
}

/** Does a part, says how long it took, and notes it beside the figures. */
function timed(part: string, args: readonly string[]): boolean {
  const loadBefore = currentLoad();
  const startMs = performance.now();
  const succeeded = run(args);
  const seconds = (performance.now() - startMs) / MS_PER_SECOND;
  console.error(`${part}: ${seconds.toFixed(0)} s`);
  const files = new FigureFiles(FIGURES_FOLDER);
  if (succeeded) notePartRun(files, { part, seconds, loadBefore, loadAfter: currentLoad() });
  return succeeded;
}
