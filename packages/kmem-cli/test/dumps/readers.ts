import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CommanderError } from "commander";
import { Heap, KmemError } from "kmem";
import { DebugHeap, loadHeap } from "kmem/debug";
import { findVmalloc } from "kmem/proc";
import { ReportedFailure } from "../../src/commands/reported-failure.ts";
import { createProgram } from "../../src/program.ts";

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

function command(folder: string, args: readonly string[]): Reader {
  const file = join(folder, "mutant.dump");
  return {
    name: args.join(" "),
    async read(dump) {
      writeFileSync(file, dump);
      const write = process.stdout.write;
      const texts: string[] = [];
      process.stdout.write = ((text: string | Uint8Array) => texts.push(String(text)) > 0) as typeof write;
      try {
        const paths: Record<string, string> = { DUMP: file, OUT: join(folder, "out.dump") };
        const named = args.map((arg) => paths[arg] ?? arg.replace(/^FOLDER/, folder));
        await createProgram({ contenders: [] }).parseAsync(["node", "kmem", ...named]);
      } finally {
        process.stdout.write = write;
      }
      return texts.join("");
    },
  };
}

function library(name: string, read: (dump: Uint8Array) => unknown): Reader {
  return { name, read: async (dump) => String(read(dump) ?? "") };
}

/** Reads what there is in a heap that has been loaded, as a program does. */
function lookAround(dump: Uint8Array): void {
  const loaded = loadHeap(dump);
  const heap = loaded instanceof DebugHeap ? DebugHeap.load(dump, { report: () => {} }) : loaded;
  const live = [...heap.blocks()];
  for (const { address } of live.slice(0, 100)) heap.blockAt(address);
  heap.stats();
  heap.check();
  if (heap instanceof DebugHeap) {
    heap.scanForLeaks({ roots: [] });
    heap.validate();
  }
  const vm = findVmalloc(heap);
  vm?.areas();
  vm?.check(() => {});
  heap.repair();
}

/** Works in a heap that has been loaded: what is damaged may be refused, and must not hang. */
function work(dump: Uint8Array): void {
  const heap = Heap.load(dump);
  heap.stats();
  heap.dump();
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
  return [
    ...COMMANDS.map((variants) => variants.map((args) => command(folder, args))),
    [library("load", work)],
    [library("look around", lookAround)],
  ];
}
