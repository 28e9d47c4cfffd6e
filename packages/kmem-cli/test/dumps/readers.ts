import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Command, CommanderError } from "commander";
import { blockAt, blocksOf, checkHeap, dumpHeap, heapStats, KmemError, loadDump, repairHeap } from "kmem";
import { DebugHeap, openHeap } from "kmem/debug";
import { findVmalloc } from "kmem/proc";
import { createProgram } from "../../src/commands/program.ts";
import { ReportedFailure } from "../../src/commands/reported-failure.ts";

/** Something that reads a dump. */
export interface Reader {
  readonly name: string;
  /** Reads it; what is thrown is judged by {@link isTyped}. Answers what was printed. */
  read(dump: Uint8Array): Promise<string>;
}

/** Whether an error is one that the library or the command means to be thrown. */
export function isTyped(error: unknown): boolean {
  if (error instanceof KmemError || error instanceof ReportedFailure || error instanceof CommanderError) return true;
  // What the command says itself is an Error of no class; where it passes another one on, that is what counts.
  if (!(error instanceof Error) || error.name !== "Error" || "code" in error) return false;
  return error.cause === undefined || isTyped(error.cause);
}

/** Runs command lines on a dump that is written to a file once for all of them. */
class Commands {
  readonly #folder: string;
  readonly #file: string;
  readonly #program: Promise<Command> = createProgram({ contenders: [] });
  #written: Uint8Array | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.#file = join(folder, "mutant.dump");
  }

  reader(args: readonly string[]): Reader {
    const paths: Record<string, string> = { DUMP: this.#file, OUT: join(this.#folder, "out.dump") };
    const named = args.map((arg) => paths[arg] ?? arg.replace(/^FOLDER/, this.#folder));
    return { name: args.join(" "), read: (dump) => this.#run(named, dump) };
  }

  async #run(args: readonly string[], dump: Uint8Array): Promise<string> {
    if (this.#written !== dump) writeFileSync(this.#file, dump);
    this.#written = dump;
    const write = process.stdout.write;
    const texts: string[] = [];
    process.stdout.write = ((text: string | Uint8Array) => texts.push(String(text)) > 0) as typeof write;
    try {
      await (await this.#program).parseAsync(["node", "kmem", ...args]);
    } finally {
      process.stdout.write = write;
    }
    return texts.join("");
  }
}

function library(name: string, read: (dump: Uint8Array) => unknown): Reader {
  return { name, read: async (dump) => String(read(dump) ?? "") };
}

/** Reads what there is in a heap that has been loaded, as a program does. */
function lookAround(dump: Uint8Array): void {
  const loaded = openHeap(dump);
  const heap = loaded instanceof DebugHeap ? DebugHeap.load(dump, { report: () => {} }) : loaded;
  const live = [...blocksOf(heap)];
  for (const { address } of live.slice(0, 100)) blockAt(heap, address);
  heapStats(heap);
  checkHeap(heap);
  if (heap instanceof DebugHeap) {
    heap.scanForLeaks({ roots: [] });
    heap.validate();
  }
  const vm = findVmalloc(heap);
  vm?.areas();
  vm?.check(() => {});
  repairHeap(heap);
}

/** Works in a heap that has been loaded: what is damaged may be refused, and must not hang. */
function work(dump: Uint8Array): void {
  const heap = loadDump(dump);
  heapStats(heap);
  dumpHeap(heap);
}

/** The command lines that take a dump; of those in one list a case takes one. */
const COMMANDS: readonly (readonly (readonly string[])[])[] = [
  [
    ["check", "DUMP"],
    ["check", "--json", "DUMP"],
  ],
  [["check", "--repair", "OUT", "DUMP"]],
  [
    ["info", "DUMP"],
    ["info", "--json", "DUMP"],
  ],
  [
    ["leaks", "DUMP"],
    ["leaks", "--json", "DUMP"],
    ...[".pb.gz", ".heapprofile", ".speedscope.json", ".folded"].map((end) => [
      "leaks",
      "--profile",
      `FOLDER/p${end}`,
      "DUMP",
    ]),
  ],
  ...["slabinfo", "buddyinfo", "vmallocinfo", "meminfo", "slabtop"].map((name) => [["proc", name, "DUMP"]]),
  [["trace", "DUMP"]],
];

/** Every command that takes a dump, and every function of the library that does; of those in one list any one. */
export function readers(folder: string): Reader[][] {
  const commands = new Commands(folder);
  return [
    ...COMMANDS.map((variants) => variants.map((args) => commands.reader(args))),
    [library("load", work)],
    [library("look around", lookAround)],
  ];
}
