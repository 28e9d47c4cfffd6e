// Every program under each kind of check beside its own allocator: `npm run test:program-checks -- [rounds] [scale]`
// compares what they return, and writes docs/figures/wasm-checks.csv and the table of docs/memory-bugs.md; `-- table`
// makes the table again from the file.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process, { argv, cpuUsage, execPath, resourceUsage, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { DebugHeap, SampledHeap } from "../../../src/debug/index.ts";
import { type AdoptOptions, programStacks } from "../../../src/wasm/index.ts";
import { type MakeHeap, observed, withAdoption } from "../support/adoption.ts";
import { clangFault } from "../support/clang.ts";
import { DEBUG_BUILD, PROGRAMS, type Program } from "./programs.ts";
import { geometricMean, median, spread } from "./statistics.ts";
import { installTools } from "./tools.ts";

const REPOSITORY = new URL("../../../../../", import.meta.url);
const FIGURES = fileURLToPath(new URL("docs/figures/wasm-checks.csv", REPOSITORY));
const DOCUMENT = fileURLToPath(new URL("docs/memory-bugs.md", REPOSITORY));
const TABLE = /(<!-- figures: wasm checks -->\n)[\s\S]*?(\n<!-- \/figures: wasm checks -->)/;

const debugged =
  (debug: string): MakeHeap =>
  (where, adopted) => {
    const stacks = adopted.stacks ? { stacks: programStacks(adopted, where.memory as WebAssembly.Memory) } : {};
    return DebugHeap.create({ ...where, ...stacks, debug, report: () => {} });
  };

/** How a program is run; undefined is with its own allocator. */
const MODES: Readonly<Record<string, { readonly makeHeap?: MakeHeap; readonly adopt?: AdoptOptions } | undefined>> = {
  own: undefined,
  heap: {},
  sampled: {
    makeHeap: (where) => SampledHeap.create({ ...where, report: () => {} }),
    adopt: { merge: "sampled" },
  },
  FZP: { makeHeap: debugged("FZP") },
  FZPU: { makeHeap: debugged("FZPU"), adopt: { stacks: true } },
  memcheck: { adopt: { check: "memcheck" } },
};

/** One run of one program, in a process of its own. */
interface Measure {
  readonly output: string;
  readonly cpuMs: number;
  readonly residentKib: number;
  readonly reports: number;
}

async function measure(program: Program, mode: string, scale: number): Promise<Measure> {
  const how = MODES[mode];
  const load = () => program.load();
  const options = { ...((await program.options?.()) ?? {}), ...how?.adopt };
  const { loaded, reports } =
    how === undefined
      ? { loaded: (await observed(load)).loaded, reports: () => 0 }
      : await withAdoption(options, load, { makeHeap: how.makeHeap, isCounted: false }).then((one) => ({
          loaded: one.loaded,
          reports: () => one.program().misuses.length,
        }));
  const before = cpuUsage();
  const output = await loaded(scale);
  const { user, system } = cpuUsage(before);
  return { output, cpuMs: (user + system) / 1000, residentKib: resourceUsage().maxRSS, reports: reports() };
}

/** Undefined where the program ends with a trap: what it reads after it has freed it is poison there. */
function inProcess(index: number, mode: string, scale: number): Measure | undefined {
  const args = ["--no-warnings", fileURLToPath(import.meta.url), "measure", String(index), mode, String(scale)];
  const { status, stdout: text, stderr } = spawnSync(execPath, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  if (status !== 0 && stderr.includes("RuntimeError")) return undefined;
  if (status !== 0 || !line.startsWith("{")) throw new Error(`${PROGRAMS[index]!.name} ${mode}: ${stderr}${text}`);
  return JSON.parse(line) as Measure;
}

/** The times and the memory of a program in each mode, measured in turns. */
interface Line {
  readonly program: string;
  readonly mode: string;
  readonly cpuMs: number;
  readonly spreadMs: number;
  readonly residentMib: number;
  readonly timeRatio: number;
  readonly memoryRatio: number;
  readonly reports: number;
}

function linesOf(index: number, rounds: number, scale: number): Line[] {
  const modes = Object.keys(MODES);
  const all = new Map<string, Measure[]>(modes.map((mode) => [mode, []]));
  for (let round = 0; round < rounds; round++) {
    for (const mode of modes) {
      const one = inProcess(index, mode, scale);
      if (one !== undefined) all.get(mode)!.push(one);
    }
  }
  const program = PROGRAMS[index]!.name;
  const outputs = new Set([...all.values()].flat().map(({ output }) => output));
  if (outputs.size > 1) throw new Error(`${program}: the outputs differ`);
  const cpuOf = (mode: string): number => median(all.get(mode)!.map(({ cpuMs }) => cpuMs));
  const residentOf = (mode: string): number => median(all.get(mode)!.map(({ residentKib }) => residentKib / 1024));
  const ran = modes.filter((mode) => all.get(mode)!.length > 0);
  return ran.map((mode) => ({
    program,
    mode,
    cpuMs: cpuOf(mode),
    spreadMs: spread(all.get(mode)!.map(({ cpuMs }) => cpuMs)),
    residentMib: residentOf(mode),
    timeRatio: cpuOf(mode) / cpuOf("own"),
    memoryRatio: residentOf(mode) / residentOf("own"),
    reports: all.get(mode)![0]!.reports,
  }));
}

function csvOf(lines: readonly Line[], rounds: number): string {
  const heads = "program,mode,cpu_ms,spread_ms,time_ratio,resident_mib,memory_ratio,reports,rounds";
  const rows = lines.map((line) =>
    [
      `"${line.program}"`,
      line.mode,
      line.cpuMs.toFixed(1),
      line.spreadMs.toFixed(1),
      line.timeRatio.toFixed(2),
      line.residentMib.toFixed(1),
      line.memoryRatio.toFixed(2),
      line.reports,
      rounds,
    ].join(","),
  );
  return `${[heads, ...rows].join("\n")}\n`;
}

/** The lines of the CSV file; the ratios as it has them, of two digits. */
function linesOfCsv(text: string): Line[] {
  const [, ...rows] = text.trimEnd().split("\n");
  return rows.map((row) => {
    const end = row.lastIndexOf('"');
    const [mode = "", ...figures] = row.slice(end + 2).split(",");
    const [cpuMs, spreadMs, timeRatio, residentMib, memoryRatio, reports] = figures.map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return { program: row.slice(1, end), mode, cpuMs, spreadMs, timeRatio, residentMib, memoryRatio, reports };
  });
}

/** A row for each program, and those of the geometric means. */
function tableOf(lines: readonly Line[]): string {
  const modes = Object.keys(MODES).filter((mode) => mode !== "own");
  const programs = [...new Set(lines.map(({ program }) => program))];
  const rows = programs.map((program) => {
    const mine = lines.filter((line) => line.program === program);
    const own = mine.find(({ mode }) => mode === "own")!;
    const cells = modes.map((mode) => {
      const line = mine.find((one) => one.mode === mode);
      return line === undefined ? "a trap" : `${line.timeRatio.toFixed(2)} · ${line.memoryRatio.toFixed(2)}`;
    });
    return `| ${program} | ${own.cpuMs.toFixed(0)} ms · ${own.residentMib.toFixed(0)} MiB | ${cells.join(" | ")} |`;
  });
  const meanRow = (title: string, ofMean: readonly Line[]): string => {
    const means = modes.map((mode) => {
      const mine = ofMean.filter((line) => line.mode === mode);
      const time = geometricMean(mine.map(({ timeRatio }) => timeRatio));
      return `${time.toFixed(2)} · ${geometricMean(mine.map(({ memoryRatio }) => memoryRatio)).toFixed(2)}`;
    });
    return `| ${title} | | ${means.join(" | ")} |`;
  };
  return [
    `| program | its own allocator | ${modes.join(" | ")} |`,
    `| :-- | --: |${modes.map(() => " --: |").join("")}`,
    ...rows,
    meanRow("geometric mean", lines),
    meanRow(
      "without the debug build",
      lines.filter(({ program }) => program !== DEBUG_BUILD),
    ),
  ].join("\n");
}

function measureAll(rounds: number, scale: number): void {
  installTools();
  const missing = clangFault();
  const lines: Line[] = [];
  for (const [index, { name, needsClang }] of PROGRAMS.entries()) {
    if (needsClang === true && missing !== undefined) {
      stdout.write(`${name}: ${missing}\n`);
      process.exitCode = 1;
      continue;
    }
    const measured = linesOf(index, rounds, scale);
    lines.push(...measured);
    stdout.write(csvOf(measured, rounds));
    write(lines, rounds);
  }
}

/** What was measured so far is written after each program. */
function write(lines: readonly Line[], rounds: number): void {
  writeFileSync(FIGURES, csvOf(lines, rounds));
  writeTable(lines);
}

function writeTable(lines: readonly Line[]): void {
  const text = readFileSync(DOCUMENT, "utf8");
  writeFileSync(
    DOCUMENT,
    text.replace(TABLE, (_, before: string, after: string) => before + tableOf(lines) + after),
  );
}

if (argv[2] === "measure") {
  const measured = await measure(PROGRAMS[Number(argv[3])]!, argv[4]!, Number(argv[5]));
  stdout.write(`\n${JSON.stringify(measured)}\n`);
} else if (argv[2] === "table") {
  writeTable(linesOfCsv(readFileSync(FIGURES, "utf8")));
} else {
  const [rounds = 3, scale = 4] = argv.slice(2).map(Number);
  measureAll(rounds, scale);
}
