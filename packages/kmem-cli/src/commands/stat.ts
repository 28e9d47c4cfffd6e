import { type Command, InvalidArgumentError, Option } from "commander";
import type { TraceForm } from "../forms/known-forms.ts";
import { requireUnderstood } from "../forms/nothing-understood.ts";
import { readTrace } from "../forms/read-trace.ts";
import { StatCollector } from "../insight/collector.ts";
import { type StatReport, statReport } from "../insight/stat-report.ts";
import { SORT_KEYS, type SortKey, type StatView, statText } from "../insight/stat-text.ts";
import { traceSummaryText, unreadTexts } from "../report/trace-summary-text.ts";
import { STDIN_PATH } from "../system/open-input.ts";
import { printJson, printProblem, printText } from "../system/output.ts";
import { PLAIN_STYLE } from "../system/terminal.ts";
import { EventStream } from "../trace/event-context.ts";
import { formatOption } from "./arguments.ts";
import { dumpStat, dumpStatText } from "./dump-stat.ts";
import { parseCount } from "./number-arguments.ts";
import { isDump } from "./read-dump.ts";

const EXPLANATION = `
FILE is a trace of any form that kmem replay reads, or a dump of a heap.

The tables and their words are those of perf kmem stat:
  --caller    by call site (the default), with the caller of it where stacks are
  --alloc     by block: of a trace the slot that it was in
  --slab, --page  only objects, only pages; both without either
  --live      only what is live at the end, and its bytes
  -s, --sort  keys, the first one first: bytes, hit, frag, pingpong, callsite,
              ptr, order, live, temporary
Temporary allocations are those that were freed before the next allocation. The
peak, lifetimes and sizes are as heaptrack_print shows them; the first is of the
objects alone, since the pages of a kernel trace lie under them.

Examples:
  kmem stat app.heaptrack.zst -l 10
  kmem stat boot.trace.txt.zst --page --live
  kmem stat --json app.kmt > stat.json

Exit codes: 0; 1 when the file cannot be read; 2 for a command line that makes
no sense.`;

const DEFAULT_LINES = 20;

interface StatFlags {
  readonly caller?: true;
  readonly alloc?: true;
  readonly slab?: true;
  readonly page?: true;
  readonly live?: true;
  readonly sort?: readonly SortKey[];
  readonly line: number;
  readonly json?: true;
  readonly format?: TraceForm;
}

/** Adds `kmem stat`. */
export function registerStat(program: Command): void {
  program
    .command("stat")
    .summary("sum a trace or a dump up by call site, cache and size")
    .description("Shows who allocates in a trace, how much of it is live, temporary or wasted, and when it peaked.")
    .argument("<file>", `a trace or a dump, or ${STDIN_PATH} for a trace from standard input`)
    .option("--caller", "a table by call site")
    .option("--alloc", "a table by block")
    .option("--slab", "objects: malloc, kmalloc and slab caches")
    .option("--page", "pages")
    .option("--live", "only what is live at the end")
    .addOption(new Option("-s, --sort <keys>", "what rows are sorted by").argParser(parseKeys))
    .addOption(
      new Option("-l, --line <count>", "rows of each table; 0 for all")
        .argParser((text) => parseCount(text, 0))
        .default(DEFAULT_LINES),
    )
    .addOption(formatOption())
    .option("--json", "print one JSON document (kmem-stat, version 1) and nothing else")
    .addHelpText("after", EXPLANATION)
    .action(stat);
}

async function stat(path: string, flags: StatFlags): Promise<void> {
  const lines = flags.line === 0 ? undefined : flags.line;
  if (flags.format === undefined && (await isDump(path))) {
    const report = await dumpStat(path);
    if (flags.json === true) printJson(report);
    else printText(dumpStatText(report, lines));
    return;
  }
  const report = await traceStat(path, flags.format, flags.alloc === true);
  if (flags.json === true) printJson(report);
  else printText(`${traceSummaryText(path, report.trace, PLAIN_STYLE)}\n\n${statText(report, viewOf(flags, lines))}`);
  for (const line of unreadTexts(path, report.trace)) printProblem(line);
}

/** The figures of a trace; `countsBlocks` has figures of single blocks, too. */
export async function traceStat(path: string, form?: TraceForm, countsBlocks = false): Promise<StatReport> {
  const stream = new EventStream(true);
  const collector = new StatCollector(stream, countsBlocks);
  const { summary } = await readTrace(path, collector, stream, form === undefined ? {} : { form });
  requireUnderstood(summary);
  return statReport(summary, collector, stream);
}

function viewOf(flags: StatFlags, lines: number | undefined): StatView {
  const isOneOnly = flags.slab !== flags.page;
  return {
    caller: flags.caller === true || flags.alloc !== true,
    alloc: flags.alloc === true,
    slab: !isOneOnly || flags.slab === true,
    page: !isOneOnly || flags.page === true,
    live: flags.live === true,
    sort: flags.sort ?? ["bytes"],
    lines,
  };
}

function parseKeys(text: string): SortKey[] {
  return text.split(",").map((key) => {
    const known = SORT_KEYS.find((one) => one === key.trim());
    if (known !== undefined) return known;
    throw new InvalidArgumentError(`There is no "${key}"; there are ${SORT_KEYS.join(", ")}.`);
  });
}
