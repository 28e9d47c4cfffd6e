import { type Command, Option } from "commander";
import { type Heap, KmemError } from "kmem";
import {
  buddyinfo,
  findVmalloc,
  meminfo,
  SLABTOP_SORTS,
  type SlabtopSort,
  slabinfo,
  slabtop,
  vmallocinfo,
} from "kmem/proc";
import { printPart } from "../system/output.ts";
import { readDump } from "./read-dump.ts";

/** The reports that take no options. */
const REPORTS: readonly { readonly name: string; readonly summary: string; readonly text: (heap: Heap) => string }[] = [
  { name: "slabinfo", summary: "slab caches, as /proc/slabinfo 2.1", text: slabinfo },
  { name: "buddyinfo", summary: "free pages by order, as /proc/buddyinfo", text: buddyinfo },
  {
    name: "vmallocinfo",
    summary: "areas of virtual memory, as /proc/vmallocinfo",
    text: (heap) => vmallocinfo(findVmalloc(heap)),
  },
  {
    name: "meminfo",
    summary: "where memory is, as /proc/meminfo",
    text: (heap) => meminfo(heap, findVmalloc(heap)),
  },
];

const EXPLANATION = `
DUMP is a file with what dumpHeap() returned: plain, .gz or .zst.

slabinfo and slabtop count as SLUB does: free blocks that wait in the sheaves of
threads are active objects. kmem info counts live blocks alone.

Examples:
  kmem proc slabinfo heap.dump.zst
  kmem proc slabtop --sort c heap.dump

Exit codes: 0; 1 when the dump cannot be read; 2 for a command line that makes
no sense.`;

/** Adds `kmem proc` with a subcommand for each report. */
export function registerProc(program: Command): void {
  const proc = program
    .command("proc")
    .summary("print what Linux has under /proc, of a dump")
    .description("Prints reports on a dumped heap in exactly the formats of the Linux kernel, and slabtop's.")
    .addHelpText("after", EXPLANATION);
  for (const { name, summary, text } of REPORTS) {
    proc
      .command(name)
      .summary(summary)
      .description(`Prints ${summary}.`)
      .argument("<dump>", "file of a dump")
      .action((path: string) => print(path, text));
  }
  const criteria = Object.entries(SLABTOP_SORTS).map(([letter, what]) => `${letter}: ${what}`);
  proc
    .command("slabtop")
    .summary("slab caches, as slabtop -o")
    .description("Prints slab caches, as slabtop -o, the largest first.")
    .argument("<dump>", "file of a dump")
    .addOption(
      new Option("-s, --sort <criterion>", `what comes first; ${criteria.join(", ")}`)
        .choices(Object.keys(SLABTOP_SORTS))
        .default("o"),
    )
    .action((path: string, { sort }: { sort: SlabtopSort }) => print(path, (heap) => slabtop(heap, { sort })));
}

async function print(path: string, textOf: (heap: Heap) => string): Promise<void> {
  const heap = await readDump(path);
  printPart(named(path, () => textOf(heap)));
}

/** What a damaged heap throws is said with the name of its file. */
function named<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw error instanceof KmemError ? new Error(`${path}: ${error.message}`, { cause: error }) : error;
  }
}
