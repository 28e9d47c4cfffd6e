// Every program with its own allocator, on a heap whose fast paths are merged into it, and on one whose calls all go to
// the imports: `npm run test:programs -- [rounds] [scale]` compares what they return, checks their heaps, and writes
// docs/figures/wasm-programs.csv and the table of docs/webassembly.md; `-- table` makes the table again from the file.
// Programs that soon end are run ten times as long, too: wasm-programs-long.csv.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process, { argv, cpuUsage, execPath, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { checkHeap } from "../../../src/index.ts";
import { observed, withAdoption } from "../support/adoption.ts";
import { clangFault } from "../support/clang.ts";
import { DEBUG_BUILD, PROGRAMS, type Program } from "./programs.ts";
import { geometricMean, median, spread } from "./statistics.ts";
import { installTools } from "./tools.ts";

const REPOSITORY = new URL("../../../../../", import.meta.url);
const FIGURES = fileURLToPath(new URL("docs/figures/wasm-programs.csv", REPOSITORY));
const LONG_FIGURES = fileURLToPath(new URL("docs/figures/wasm-programs-long.csv", REPOSITORY));
const DOCUMENT = fileURLToPath(new URL("docs/webassembly.md", REPOSITORY));
const TABLE = /(<!-- figures: wasm programs -->\n)[\s\S]*?(\n<!-- \/figures: wasm programs -->)/;
const MEBIBYTE = 2 ** 20;
const LONG_FACTOR = 10;

/** One run of one program, in a process of its own. */
interface Measure {
  readonly output: string;
  readonly cpuMs: number;
  readonly adoptMs: number;
  readonly linearBytes: number;
  readonly allocated: number;
  readonly faults: readonly string[];
}

async function worked(work: (scale: number) => string | Promise<string>, scale: number) {
  const before = cpuUsage();
  const output = await work(scale);
  const { user, system } = cpuUsage(before);
  return { output, cpuMs: (user + system) / 1000 };
}

async function measureOwn(program: Program, scale: number): Promise<Measure> {
  const { loaded, memory } = await observed(() => program.load());
  const result = await worked(loaded, scale);
  return { ...result, adoptMs: 0, linearBytes: memory().buffer.byteLength, allocated: 0, faults: [] };
}

/** Calls are counted in a run of its own, which is not timed. */
async function measureAdopted(program: Program, scale: number, merge: boolean, isCounted: boolean): Promise<Measure> {
  const options = { ...(await program.options?.()), merge };
  const { loaded, program: adopted } = await withAdoption(options, () => program.load(), { isCounted });
  const result = await worked(loaded, scale);
  const { heap, counts, misuses, memory, adoptMs } = adopted();
  const faults = [...misuses, ...checkHeap(heap).findings.map((finding) => JSON.stringify(finding))];
  return { ...result, adoptMs, linearBytes: memory.buffer.byteLength, allocated: counts.allocated, faults };
}

function inProcess(index: number, mode: string, scale: number): Measure {
  const args = ["--no-warnings", fileURLToPath(import.meta.url), "measure", String(index), mode, String(scale)];
  const { status, stdout: text, stderr } = spawnSync(execPath, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  if (status !== 0 || !line.startsWith("{")) throw new Error(`${PROGRAMS[index]!.name} ${mode}: ${stderr}${text}`);
  return JSON.parse(line) as Measure;
}

/** A run through the imports whose calls are counted. */
const COUNTED = "counted";
const MODES = ["own", "merged", "imports"] as const;
type Mode = (typeof MODES)[number];

/** A program's line of the table, what was wrong with it, and how its times compare with those of its own allocator. */
interface Line {
  readonly fields: readonly (string | number)[];
  readonly faults: readonly string[];
  readonly ratios: Readonly<Record<Mode, number>>;
}

/** Measures a program in rounds, each allocator in turns, and gives its line of the table. */
function lineOf(index: number, rounds: number, scale: number, suffix = ""): Line {
  const runs: Record<Mode, Measure[]> = { own: [], merged: [], imports: [] };
  for (let round = 0; round < rounds; round++) {
    for (const mode of MODES) runs[mode].push(inProcess(index, mode, scale));
  }
  const counted = inProcess(index, COUNTED, scale);
  const all = [...MODES.flatMap((mode) => runs[mode]), counted];
  const isSame = all.every(({ output }) => output === all[0]!.output);
  const faults = [...new Set(all.flatMap((one) => one.faults)), ...(isSame ? [] : ["the outputs differ"])];
  const times = (mode: Mode): number[] => runs[mode].map(({ cpuMs }) => cpuMs);
  const bytes = (mode: Mode): number => Math.max(...runs[mode].map(({ linearBytes }) => linearBytes));
  const ratio = (mode: Mode): number => median(times(mode)) / median(times("own"));
  const ratios = { own: 1, merged: ratio("merged"), imports: ratio("imports") };
  const ofMode = (mode: Mode): string[] => [
    median(times(mode)).toFixed(1),
    spread(times(mode)).toFixed(1),
    ...(mode === "own" ? [] : [ratios[mode].toFixed(2)]),
  ];
  const fields = [
    `"${PROGRAMS[index]!.name}${suffix}"`,
    ...MODES.flatMap(ofMode),
    (bytes("own") / MEBIBYTE).toFixed(2),
    (bytes("merged") / MEBIBYTE).toFixed(2),
    (bytes("merged") / bytes("own")).toFixed(2),
    counted.allocated,
    median(runs.merged.map(({ adoptMs }) => adoptMs)).toFixed(0),
    rounds,
  ];
  return { fields, faults, ratios };
}

const nameOf = (line: string): string => line.slice(1, line.lastIndexOf('"'));
const fieldsOf = (line: string): string[] => line.slice(line.lastIndexOf('"') + 2).split(",");

function rowOf(line: string): string {
  const [ownMs, ownSpread, , mergedSpread, merged, , importsSpread, imports, ...rest] = fieldsOf(line);
  const [ownMib, , memory, count, adoptMs] = rest;
  const own = `${ownMs} ±${ownSpread} ms · ${ownMib} MiB`;
  const ratios = `${merged} (±${mergedSpread} ms) | ${imports} (±${importsSpread} ms)`;
  return `| ${nameOf(line)} | ${own} | ${ratios} | ${memory} | ${count} | ${adoptMs} ms |`;
}

/** The table of the document, of the lines of the CSV files: merged paths and imports beside the own allocator. */
function tableOf([, ...lines]: readonly string[], [, ...longLines]: readonly string[]): string {
  const rows = lines.map(fieldsOf);
  const meanRow = (title: string, ofMean: readonly (readonly string[])[]): string => {
    const mean = (column: number): string => geometricMean(ofMean.map((row) => Number(row[column]))).toFixed(2);
    return `| ${title} | | ${mean(4)} | ${mean(7)} | ${mean(10)} | | |`;
  };
  return [
    "| program | its own allocator | time, merged | time, imports | peak linear memory | allocations | adopt |",
    "| :-- | --: | --: | --: | --: | --: | --: |",
    ...lines.map(rowOf),
    meanRow("geometric mean", rows),
    meanRow("without the debug build", lines.filter((line) => nameOf(line) !== DEBUG_BUILD).map(fieldsOf)),
    ...longLines.map(rowOf),
  ].join("\n");
}

function write(lines: readonly string[], longLines: readonly string[]): void {
  writeFileSync(FIGURES, `${lines.join("\n")}\n`);
  writeFileSync(LONG_FIGURES, `${longLines.join("\n")}\n`);
  const text = readFileSync(DOCUMENT, "utf8");
  writeFileSync(
    DOCUMENT,
    text.replace(TABLE, (_, before: string, after: string) => before + tableOf(lines, longLines) + after),
  );
}

function measureAll(rounds: number, scale: number): void {
  installTools();
  const missing = clangFault();
  const ofModes = MODES.flatMap((mode) => [
    `${mode}_cpu_ms`,
    `${mode}_spread_ms`,
    ...(mode === "own" ? [] : [`${mode}_time_ratio`]),
  ]);
  const heads = ["program", ...ofModes];
  const ratios: Line["ratios"][] = [];
  const rest = ["own_linear_mib", "heap_linear_mib", "linear_ratio", "allocations", "adopt_ms", "rounds"];
  const lines = [[...heads, ...rest].join(",")];
  const longLines = [...lines];
  const add = (to: string[], { fields, faults }: Line): void => {
    const line = fields.join(",");
    to.push(line);
    stdout.write(`${line}\n`);
    for (const fault of faults) stdout.write(`  ${fault}\n`);
    if (faults.length > 0) process.exitCode = 1;
  };
  for (const [index, { name, needsClang, isShort }] of PROGRAMS.entries()) {
    if (needsClang && missing !== undefined) {
      stdout.write(`${name}: left out, ${missing}\n`);
      continue;
    }
    const line = lineOf(index, rounds, scale);
    ratios.push(line.ratios);
    add(lines, line);
    if (isShort) add(longLines, lineOf(index, rounds, scale * LONG_FACTOR, `, ${LONG_FACTOR} times as long`));
  }
  for (const mode of ["merged", "imports"] as const) {
    const mean = geometricMean(ratios.map((one) => one[mode])).toFixed(2);
    stdout.write(`${mode}: ${mean} of the time with their own allocators, geometric mean\n`);
  }
  if (process.exitCode === undefined) write(lines, longLines);
}

if (argv[2] === "measure") {
  const program = PROGRAMS[Number(argv[3])]!;
  const scale = Number(argv[5]);
  const measured = await (argv[4] === "own"
    ? measureOwn(program, scale)
    : measureAdopted(program, scale, argv[4] === "merged", argv[4] === COUNTED));
  stdout.write(`\n${JSON.stringify(measured)}\n`);
} else if (argv[2] === "table") {
  const linesOf = (file: string): string[] => readFileSync(file, "utf8").trimEnd().split("\n");
  write(linesOf(FIGURES), linesOf(LONG_FIGURES));
} else {
  const [rounds = 5, scale = 3] = argv.slice(2).map(Number);
  measureAll(rounds, scale);
}
