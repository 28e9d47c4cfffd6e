import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type BaseHeap, dumpHeap, heapStats, KmemError } from "kmem";
import { type AllocationSite, DebugHeap, sitesText } from "kmem/debug";
import { type Memcheck, type MemcheckSite, programLeaks } from "kmem/wasm";
import { isWithoutAllocator, PlainProgram, withAdvice } from "../run/plain-program.ts";
import { ProblemLog } from "../run/problem-log.ts";
import { type EndedProgram, Program, type ProgramCheck } from "../run/program.ts";
import { Suppressions } from "../run/suppressions.ts";
import { TraceRecorder } from "../run/trace-recorder.ts";
import { FolderError, type ProgramWorld } from "../run/wasi.ts";
import { systemReason } from "../system/input-problem.ts";
import { printReport } from "../system/output.ts";
import { UnfinishedFile } from "../system/unfinished-file.ts";
import { formatBytes, formatCounted } from "../system/units.ts";
import { writeWhole } from "../system/write-whole.ts";
import { parseCount, parseSize } from "./number-arguments.ts";
import { ProgramExit } from "./program-exit.ts";
import { pack } from "./read-dump.ts";

/** The exit code of a program that something is wrong with, whatever its own is: valgrind's --error-exitcode. */
const PROBLEM_EXIT_CODE = 99;
const DEFAULT_MAX_MEMORY_BYTES = 2 ** 30;
const MEMORY_BYTES_MOST = 2 ** 32;
/** The letter that keeps who allocated and freed a block. */
const TRACK_LETTER = "U";
/** All that there are, and the one that turns everything off. */
const CHECK_LETTERS = "FZPUTAO-";
/** As --check has them without letters of its own. */
const DEFAULT_LETTERS = "FZPU";
const CHECK_FLAG = "--check";
const MEMCHECK = "memcheck";
const UNDEFINED_READS = "undefined";

const EXPLANATION = `
PROGRAM is a WASI command in WebAssembly as its compiler has made it. Its malloc,
free and their family are replaced by a heap of kmem in the program's own memory.
Functions are named by the module's name section, lines by its debug information
(clang -g). Options stand before PROGRAM; all after it is the program's.

Wrong calls (a block that is freed twice, or is none) are always reported.
--check reports what is written before, behind or into freed blocks too; LETTERS
are those of Linux's slab_debug= (default FZPU). --check=memcheck looks at every
load and store when it is made, reads too; --check=memcheck,undefined also finds
reads of bytes of a block that were never written. --leaks lists at the end what
nothing leads to any more, and what the program just has not freed. A program
without malloc just runs.

Examples:
  kmem run --check --leaks app.wasm input.txt
  kmem run --check=memcheck app.wasm
  kmem run --dir . --record app.kmt app.wasm && kmem replay app.kmt
  kmem run --fail-nth 12 app.wasm           what it does when the 12th fails

Exit codes: the program's own; 99 with a report on standard error when something
was reported, lost blocks included; else 134 when it traps; 1 when it cannot be
run; 2 for a command line that makes no sense.`;

interface RunFlags {
  readonly check?: string;
  readonly leaks?: true;
  readonly record?: string;
  readonly stats?: true;
  readonly dump?: string;
  readonly failNth?: number;
  readonly maxMemory: number;
  readonly suppressions?: string;
  readonly dir?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Adds `kmem run`. */
export function registerRun(program: Command): void {
  const command = program
    .command("run")
    .summary("run a WebAssembly program on kmem, and find its memory bugs")
    .description(
      "Runs a WASI program with its malloc replaced, and reports its leaks and what it does wrong with blocks.",
    )
    .argument("<program>", "file of a WebAssembly module")
    .argument("[args...]", "what the program gets")
    .addOption(checkOption())
    .option("--leaks", "list what was not freed, by who allocated it")
    .option("--record <trace>", "write the calls of malloc's family to this file (.kmt)")
    .option("--stats", "print calls and memory at the end")
    .option("--dump <file>", "write a dump of the heap at the end, for the other commands")
    .addOption(new Option("--fail-nth <n>", "have the nth allocation fail").argParser((text) => parseCount(text, 1)))
    .addOption(
      new Option("--max-memory <bytes>", "how far the memory may grow, as 64M or 2G")
        .default(DEFAULT_MAX_MEMORY_BYTES, formatBytes(DEFAULT_MAX_MEMORY_BYTES))
        .argParser((text) => parseSize(text, MEMORY_BYTES_MOST)),
    )
    .option("--suppressions <file>", "leave out the problems that this file names")
    .addOption(new Option("--dir <host[::guest]>", "a folder that the program may open").argParser(addFolder))
    .addOption(new Option("--env <name=value>", "a variable of its environment").argParser(addVariable))
    .passThroughOptions()
    .addHelpText("after", EXPLANATION)
    .action(run);
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (argv) => parse(withOptionalLetters(argv, command.options));
}

function checkOption(): Option {
  const option = new Option(`${CHECK_FLAG} <letters>`, `find overwritten bytes; or ${CHECK_FLAG}=${MEMCHECK}`);
  // As the help shows it: a word after it is the program, and commander's own form of that would take the word.
  option.flags = `${CHECK_FLAG}[=LETTERS]`;
  return option.argParser(parseCheck);
}

/** `--check` takes letters behind "=" only: a word after it is the program. */
function withOptionalLetters(argv: readonly string[], options: readonly Option[]): string[] {
  const words = [...argv];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (!word.startsWith("-") || word === "--") break;
    if (word === CHECK_FLAG) words[at] = `${CHECK_FLAG}=${DEFAULT_LETTERS}`;
    else if (options.some(({ long, required }) => long === word && required)) at++;
  }
  return words;
}

function addFolder(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [host = "", guest = host] = text.split("::");
  if (host === "") throw new InvalidArgumentError("It is a folder, or HOST::GUEST.");
  return { ...before, [guest]: host };
}

function addVariable(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It is NAME=VALUE.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

async function run(path: string, args: readonly string[], flags: RunFlags): Promise<void> {
  const suppressions = flags.suppressions === undefined ? Suppressions.NONE : readSuppressions(flags.suppressions);
  const letters = memcheckOf(flags) === undefined ? lettersOf(flags) : undefined;
  const { program, module } = load(
    path,
    flags,
    memcheckOf(flags) ?? { stacks: letters?.toUpperCase().includes(TRACK_LETTER) === true },
  );
  const world = { args: [path, ...args], env: flags.env ?? {}, folders: flags.dir ?? {} };
  if (program instanceof PlainProgram) return await runPlain(program, path, world, flags);
  const recording = openRecording(flags.record, program);
  const log = new ProblemLog(program.frames, suppressions, printReport);
  const ended = await program
    .run(
      {
        ...world,
        module,
        letters,
        failNth: flags.failNth,
        maxMemoryBytes: flags.maxMemory,
        trace: recording?.trace,
      },
      {
        onBug: (report) => log.bug(report),
        onMisuse: (error) => log.misuse(error),
        onReport: (report) => log.access(report),
      },
    )
    .catch((error: unknown) => {
      recording?.file.abandon();
      throw named(path, error);
    });
  recording?.trace.finish(path);
  recording?.file.finish();
  if (ended.trap !== undefined) printReport(trapText(ended.trap, program));
  await finish(ended, log, flags, program);
  throw new ProgramExit(log.counts.problems > 0 ? PROBLEM_EXIT_CODE : ended.exitCode);
}

/** Runs a program that has no allocator, and says once that what was asked for is not there. */
async function runPlain(program: PlainProgram, path: string, world: ProgramWorld, flags: RunFlags): Promise<never> {
  const { check, leaks, stats, failNth, record, dump } = flags;
  const files = [record, dump].filter((file) => file !== undefined);
  if (files.length > 0 || [check, leaks, stats, failNth].some((flag) => flag !== undefined)) {
    const unwritten = files.map((file) => `, ${file} is not written`).join("");
    const advice = program.advice === undefined ? "" : `\n\t${program.advice}`;
    printReport(`kmem: the program has no allocator: nothing is checked${unwritten}${advice}`);
  }
  const ended = await program.run(world).catch((error: unknown) => {
    throw named(path, error);
  });
  if (ended.trap !== undefined) printReport(trapText(ended.trap, program));
  throw new ProgramExit(ended.exitCode);
}

/** A trace that is written while the program runs. */
interface Recording {
  readonly file: UnfinishedFile;
  readonly trace: TraceRecorder;
}

function openRecording(path: string | undefined, { frames }: Program): Recording | undefined {
  if (path === undefined) return undefined;
  try {
    const file = new UnfinishedFile(path);
    return { file, trace: new TraceRecorder((bytes) => file.write(bytes), frames) };
  } catch (error) {
    throw named(path, error);
  }
}

/** What is found once the program is at rest, and how much that was. */
async function finish(ended: EndedProgram, log: ProblemLog, flags: RunFlags, program: Program): Promise<void> {
  try {
    await lookAtHeap(ended, log, flags, program);
  } catch (error) {
    if (!(error instanceof KmemError)) throw error;
    // The heap's tables lie in the program's memory, where it can write anywhere.
    log.unchecked(error);
  }
  const { problems, repeated, suppressed } = log.counts;
  if (problems + suppressed === 0) return;
  const also = [
    ...(repeated > 0 ? [`${repeated} of them as told before`] : []),
    ...(suppressed > 0 ? [`${suppressed} suppressed`] : []),
  ];
  printReport(`kmem: ${[formatCounted(problems, "problem"), ...also].join(", ")}`);
}

/** The dump is of what the program has left, before its quarantine is emptied. */
async function lookAtHeap(ended: EndedProgram, log: ProblemLog, flags: RunFlags, program: Program): Promise<void> {
  const { heap, memcheck } = ended;
  if (flags.dump !== undefined) await write(flags.dump, pack(flags.dump, dumpHeap(heap)));
  if (heap instanceof DebugHeap) {
    heap.validate();
    if (flags.leaks === true) printLeaks(heap, ended, log);
    heap.trim();
  }
  if (memcheck !== undefined) {
    if (flags.leaks === true) printLost(memcheck, ended, log, program);
    log.countRepeats((report) => memcheck.repeatsOf(report));
    memcheck.trim();
  }
  if (flags.stats === true) printReport(statsText(ended));
}

function printLeaks(heap: DebugHeap, { heapBase, stack, given }: EndedProgram, log: ProblemLog): void {
  const roots = { heapBase, pointers: given, ...(stack === undefined ? {} : { stack }) };
  const { lost, reachable } = programLeaks(heap, roots);
  printSites("lost, nothing leads to them", log.leaks(lost));
  printSites(
    "still reachable",
    reachable.map((site) => log.shown(site)),
  );
}

/** As printLeaks, of a program that is checked. */
function printLost(memcheck: Memcheck, { heapBase, stack, given }: EndedProgram, log: ProblemLog, program: Program) {
  const roots = { heapBase, pointers: given, ...(stack === undefined ? {} : { stack }) };
  const { lost, reachable } = memcheck.leaks(roots);
  const print = (what: string, sites: readonly MemcheckSite[]): void => {
    if (sites.length === 0) return;
    const bytes = sites.reduce((sum, site) => sum + site.bytes, 0);
    const blocks = sites.reduce((sum, { addresses }) => sum + addresses.length, 0);
    printReport(`kmem: ${bytes} bytes in ${formatCounted(blocks, "block")} ${what}`);
    for (const site of sites) {
      const frames = site.stack.map((offset) => `\t\t${program.frames.frameAt(offset)}`);
      const count = formatCounted(site.addresses.length, "block");
      printReport([`\t${site.bytes} bytes in ${count} from stack`, ...frames].join("\n"));
    }
  };
  print("lost, nothing leads to them", log.lost(lost));
  print("still reachable", reachable);
}

function printSites(what: string, sites: readonly AllocationSite[]): void {
  if (sites.length === 0) return;
  const bytes = sites.reduce((sum, site) => sum + site.bytes, 0);
  const blocks = sites.reduce((sum, site) => sum + site.blocks, 0);
  printReport(`kmem: ${bytes} bytes in ${formatCounted(blocks, "block")} ${what}`);
  printReport(sitesText(sites));
}

/** Who allocated a block is kept where leaks are to be told. */
function lettersOf({ check, leaks }: RunFlags): string | undefined {
  if (leaks !== true) return check;
  if (check === undefined) return TRACK_LETTER;
  return check
    .split(";")
    .map((block) => {
      const [letters = "", ...names] = block.split(",");
      const isTracked = letters === "" || letters.toUpperCase().includes(TRACK_LETTER);
      return [isTracked ? letters : `${letters.replace("-", "")}${TRACK_LETTER}`, ...names].join();
    })
    .join(";");
}

/** What `--check=memcheck` asks for; undefined where it is letters. */
function memcheckOf({ check = "" }: RunFlags): ProgramCheck | undefined {
  const [name, ...words] = check.split(",");
  return name === MEMCHECK ? { check: MEMCHECK, findUndefined: words.length > 0 } : undefined;
}

function isCheck(text: string): boolean {
  const [name, ...words] = text.split(",");
  return name === MEMCHECK ? words.every((word) => word === UNDEFINED_READS) : hasOnlyLetters(text);
}

function parseCheck(text: string): string {
  if (!isCheck(text)) {
    throw new InvalidArgumentError(
      `It is letters of ${CHECK_LETTERS}, ${MEMCHECK}, or ${MEMCHECK},${UNDEFINED_READS}.`,
    );
  }
  return text;
}

/** Whether all letters are ones that there are: of each selection, before the names that follow after commas. */
function hasOnlyLetters(text: string): boolean {
  const letters = text.split(";").map((selection) => selection.split(",", 1)[0]!.toUpperCase());
  return [...letters.join("")].every((letter) => CHECK_LETTERS.includes(letter));
}

interface LoadedProgram {
  readonly program: Program | PlainProgram;
  readonly module: Uint8Array;
}

function load(path: string, flags: RunFlags, check: ProgramCheck | undefined): LoadedProgram {
  let module: Uint8Array | undefined;
  try {
    module = readFileSync(path);
    return { program: openProgram(module, check), module };
  } catch (error) {
    const { message, cause } = named(path, withAdvice(error, module));
    throw new Error(`${message}${hintFor(path, flags, error)}`, { cause });
  }
}

/** Where a word after a bare `--check` was taken for the program, and would have been a choice of checks behind "=". */
function hintFor(path: string, { check }: RunFlags, error: unknown): string {
  const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
  if (!isAbsent || check !== DEFAULT_LETTERS || !isCheck(path)) return "";
  return ` (did you mean ${CHECK_FLAG}=${path}?)`;
}

function openProgram(module: Uint8Array, check: ProgramCheck | undefined): Program | PlainProgram {
  try {
    return new Program(module, check);
  } catch (error) {
    if (!isWithoutAllocator(error)) throw error;
    return new PlainProgram(module);
  }
}

function readSuppressions(path: string): Suppressions {
  try {
    return Suppressions.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw named(path, error);
  }
}

async function write(path: string, pieces: Parameters<typeof writeWhole>[1]): Promise<void> {
  await writeWhole(path, pieces).catch((error: unknown) => {
    throw named(path, error);
  });
}

function named(path: string, error: unknown): Error {
  if (error instanceof FolderError) return error;
  const reason = systemReason(error) ?? (error instanceof Error ? error.message : String(error));
  return new Error(`${path}: ${reason}`, { cause: error });
}

function trapText({ message, stack = "" }: Error, { frames }: Pick<Program, "frames">): string {
  return [`kmem: the program was ended by a trap: ${message}`, ...frames.framesOf(stack).map((one) => `\t${one}`)].join(
    "\n",
  );
}

function statsText({ counts, heap, memory }: EndedProgram): string {
  const { allocations, resizes, frees, failures } = counts;
  return [
    `calls     ${formatCounted(allocations, "allocation")}, ${formatCounted(resizes, "resize")}, ` +
      `${formatCounted(frees, "free")}; ${failures} failed`,
    ...heapLines(heap),
    `memory    ${formatBytes(memory.buffer.byteLength)} of linear memory`,
  ].join("\n");
}

function heapLines(heap: BaseHeap): string[] {
  const { bytes, liveBlocks, foreignBytes } = heapStats(heap);
  const liveBytes = bytes.liveSlabBytes + bytes.blockRunBytes;
  return [
    `live      ${formatCounted(liveBlocks, "block")}, ${formatBytes(liveBytes)}`,
    `heap      ${formatBytes(bytes.totalBytes)}: tables ${formatBytes(bytes.metadataBytes)}, ` +
      `free ${formatBytes(bytes.freePageBytes)}`,
    ...(foreignBytes === 0 ? [] : [`foreign   ${formatBytes(foreignBytes)} that the program has added by itself`]),
  ];
}
