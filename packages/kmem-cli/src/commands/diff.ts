import { type Command, Option } from "commander";
import type { TraceForm } from "../forms/known-forms.ts";
import { type Comparable, comparableTrace, diffReport } from "../insight/diff-report.ts";
import { diffText } from "../insight/diff-text.ts";
import { printJson, printText } from "../system/output.ts";
import { formatOption } from "./arguments.ts";
import { comparableDump, dumpStat } from "./dump-stat.ts";
import { parseCount } from "./number-arguments.ts";
import { isDump } from "./read-dump.ts";
import { traceStat } from "./stat.ts";

const DEFAULT_LINES = 20;

const EXPLANATION = `
BEFORE and AFTER are traces of any form that kmem replay reads, or dumps; one of
each may be compared too. What is live at the end is compared, by call site, by
cache, and by the slot or thread that allocated; what did not change is left out.

Examples:
  kmem diff monday.heap.dump.zst tuesday.heap.dump.zst
  kmem diff before.heaptrack.zst after.heaptrack.zst -l 5

Exit codes: 0; 1 when a file cannot be read; 2 for a command line that makes no
sense.`;

interface DiffFlags {
  readonly line: number;
  readonly json?: true;
  readonly format?: TraceForm;
}

/** Adds `kmem diff`. */
export function registerDiff(program: Command): void {
  program
    .command("diff")
    .summary("compare what is live in two traces or dumps")
    .description("Says what grew from one trace or dump to another, by call site, cache, and slot or thread.")
    .argument("<before>", "a trace or a dump")
    .argument("<after>", "another one")
    .addOption(
      new Option("-l, --line <count>", "rows of each table; 0 for all")
        .argParser((text) => parseCount(text, 0))
        .default(DEFAULT_LINES),
    )
    .addOption(formatOption())
    .option("--json", "print one JSON document (kmem-diff, version 1) and nothing else")
    .addHelpText("after", EXPLANATION)
    .action(async (before: string, after: string, { line, json, format }: DiffFlags) => {
      const report = diffReport(await comparable(before, format), await comparable(after, format));
      if (json === true) printJson(report);
      else printText(diffText(report, line === 0 ? Number.POSITIVE_INFINITY : line));
    });
}

async function comparable(path: string, form: TraceForm | undefined): Promise<Comparable> {
  if (form === undefined && (await isDump(path))) return comparableDump(await dumpStat(path));
  return comparableTrace(await traceStat(path, form));
}
