// Every program with its own allocator and on a heap: `npm run test:programs -- [rounds] [scale]` compares what they
// return, checks their heaps, and writes docs/figures/wasm-programs.csv.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import process, { argv, cpuUsage, execPath, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { checkHeap } from "../../../src/index.ts";
import { observed, withAdoption } from "../support/adoption.ts";
import { clangFault } from "../support/clang.ts";
import { PROGRAMS, type Program } from "./programs.ts";
import { installTools } from "./tools.ts";

const FIGURES = fileURLToPath(new URL("../../../../../docs/figures/wasm-programs.csv", import.meta.url));
const MEBIBYTE = 2 ** 20;

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

async function measureAdopted(program: Program, scale: number, merge: boolean): Promise<Measure> {
  const options = { ...(await program.options?.()), merge };
  const { loaded, program: adopted } = await withAdoption(options, () => program.load());
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

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Half the distance of the quartiles. */
function spread(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return (sorted[Math.floor((sorted.length * 3) / 4)]! - sorted[Math.floor(sorted.length / 4)]!) / 2;
}

/** Measures a program in rounds, its own allocator and the heap in turns, and gives its line of the table. */
function lineOf(index: number, rounds: number, scale: number): { line: string; faults: string[] } {
  const own: Measure[] = [];
  const heap: Measure[] = [];
  for (let round = 0; round < rounds; round++) {
    own.push(inProcess(index, "own", scale));
    heap.push(inProcess(index, "heap", scale));
  }
  const isSame = [...own, ...heap].every(({ output }) => output === own[0]!.output);
  const faults = [...new Set(heap.flatMap((one) => one.faults)), ...(isSame ? [] : ["the outputs differ"])];
  const [ownMs, heapMs] = [own, heap].map((runs) => runs.map(({ cpuMs }) => cpuMs));
  const [ownBytes, heapBytes] = [own, heap].map((runs) => Math.max(...runs.map(({ linearBytes }) => linearBytes)));
  const fields = [
    `"${PROGRAMS[index]!.name}"`,
    median(ownMs!).toFixed(1),
    spread(ownMs!).toFixed(1),
    median(heapMs!).toFixed(1),
    spread(heapMs!).toFixed(1),
    (median(heapMs!) / median(ownMs!)).toFixed(2),
    (ownBytes! / MEBIBYTE).toFixed(2),
    (heapBytes! / MEBIBYTE).toFixed(2),
    (heapBytes! / ownBytes!).toFixed(2),
    heap[0]!.allocated,
    median(heap.map(({ adoptMs }) => adoptMs)).toFixed(0),
    rounds,
  ];
  return { line: fields.join(","), faults };
}

function measureAll(rounds: number, scale: number): void {
  installTools();
  const missing = clangFault();
  const heads = ["program", "own_cpu_ms", "own_spread_ms", "heap_cpu_ms", "heap_spread_ms", "time_ratio"];
  const rest = ["own_linear_mib", "heap_linear_mib", "linear_ratio", "allocations", "adopt_ms", "rounds"];
  const lines = [[...heads, ...rest].join(",")];
  for (const [index, { name, needsClang }] of PROGRAMS.entries()) {
    if (needsClang && missing !== undefined) {
      stdout.write(`${name}: left out, ${missing}\n`);
      continue;
    }
    const { line, faults } = lineOf(index, rounds, scale);
    lines.push(line);
    stdout.write(`${line}\n`);
    for (const fault of faults) stdout.write(`  ${fault}\n`);
    if (faults.length > 0) process.exitCode = 1;
  }
  if (process.exitCode === undefined) writeFileSync(FIGURES, `${lines.join("\n")}\n`);
}

if (argv[2] === "measure") {
  const program = PROGRAMS[Number(argv[3])]!;
  const scale = Number(argv[5]);
  const measured = await (argv[4] === "own"
    ? measureOwn(program, scale)
    : measureAdopted(program, scale, argv[4] === "merged"));
  stdout.write(`\n${JSON.stringify(measured)}\n`);
} else {
  const [rounds = 5, scale = 3] = argv.slice(2).map(Number);
  measureAll(rounds, scale);
}
