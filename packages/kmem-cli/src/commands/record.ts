import { basename } from "node:path";
import type { Command } from "commander";
import { recordProgram } from "../run/record-program.ts";
import { printProblem } from "../system/output.ts";
import { formatBytes, formatCount, formatCounted } from "../system/units.ts";
import { ReportedFailure } from "./reported-failure.ts";

const EXPLANATION = `
The recorder is a library of some hundred lines of C that is compiled with cc at
its first use and preloaded into the program. It sees malloc, calloc, realloc,
memalign, aligned_alloc, posix_memalign and free, of all threads and of all
programs that the program starts; those that are linked statically, or that have
a malloc of their own inside, it does not see. Where addr2line is installed,
call sites have names. A program that a signal kills loses its last calls.

The program's own output goes where it would go; what kmem says goes to standard
error.

Examples:
  kmem record -- sort words.txt            writes sort.kmt
  kmem record -o app.kmt -- ./app --fast
  kmem stat app.kmt
  kmem replay app.kmt

Exit codes: the program's own; 1 when it cannot be started or recorded.`;

/** Adds `kmem record`. */
export function registerRecord(program: Command): void {
  program
    .command("record")
    .summary("record what a native program asks of malloc")
    .description("Runs a program and writes a trace of its calls of malloc and free, with their call sites.")
    .argument("<command...>", "the program and its arguments, after --")
    .option("-o, --output <out>", "the file to write (default: the program's name with .kmt)")
    .passThroughOptions()
    .addHelpText("after", EXPLANATION)
    .action(async ([command = "", ...args]: string[], { output }: { output?: string }) => {
      const out = output ?? `${basename(command)}.kmt`;
      const { exitCode, programs } = await recordProgram(command, args, out);
      for (const { path, pid, counts } of programs) {
        const { eventCount, allocCount, liveBlockCount, liveBytes, peakLiveBytes } = counts;
        printProblem(
          `${path}: process ${pid}, ${formatCounted(eventCount, "event")}: ${formatCount(allocCount)} allocations, ` +
            `at most ${formatBytes(peakLiveBytes)} live; at the end ${formatCounted(liveBlockCount, "block")} of ` +
            `${formatBytes(liveBytes)}`,
        );
      }
      if (programs.length === 0)
        printProblem("nothing was recorded: the program is linked statically, or never allocates");
      if (exitCode !== 0) throw new ReportedFailure(exitCode);
    });
}
