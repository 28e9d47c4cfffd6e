import type { Command } from "commander";
import { traceParts } from "kmem/trace";
import { printPart } from "../system/output.ts";
import { readDump } from "./read-dump.ts";

const EXPLANATION = `
DUMP is a file with what dumpHeap() returned: plain, .gz or .zst.

Examples:
  kmem trace heap.dump.zst
  kmem trace heap.dump | kmem replay -

Exit codes: 0; 1 when the dump cannot be read, or has no trace ring in it; 2
for a command line that makes no sense.`;

/** Adds `kmem trace`. */
export function registerTrace(program: Command): void {
  program
    .command("trace")
    .summary("print the events of a dump's trace ring, as ftrace")
    .description("Prints the events in the trace ring of a dumped heap, as Linux prints its trace file.")
    .argument("<dump>", "file of a dump")
    .addHelpText("after", EXPLANATION)
    .action(async (path: string) => {
      const parts = traceParts(await readDump(path));
      if (parts === undefined) throw new Error(`${path}: there is no trace ring in it`);
      for (const part of parts) printPart(part);
    });
}
