import process from "node:process";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { TraceForm } from "../forms/known-forms.ts";
import { readTrace } from "../forms/read-trace.ts";
import { StatCollector } from "../insight/collector.ts";
import { TOP_KEYS, type TopKey, topText } from "../insight/top-text.ts";
import { TracePlayer } from "../insight/trace-player.ts";
import { unreadTexts } from "../report/trace-summary-text.ts";
import { STDIN_PATH } from "../system/open-input.ts";
import { printProblem, printText } from "../system/output.ts";
import { EventStream } from "../trace/event-context.ts";
import { formatOption } from "./arguments.ts";
import { parseCount } from "./number-arguments.ts";

const DEFAULT_LINES = 20;
const DEFAULT_EVERY_MS = 500;
/** Moves to the first column of the first line, and clears from there on. */
const CLEAR = "\x1b[H\x1b[J";

const EXPLANATION = `
TRACE is of any form that kmem replay reads; with - it may still be going on.
The table is slabtop's, but that it counts what is live: a cache of which nothing
is live is left out. On a terminal it is drawn anew as the trace plays; otherwise,
and with --once, what is live at the end is printed.

Examples:
  kmem top boot.trace.txt.zst --speed 1       at the speed of the recording
  trace-cmd show -p | kmem top -              a kernel that is running
  kmem top --once app.kmt -s peak

Exit codes: 0; 1 when the trace cannot be read; 2 for a command line that makes
no sense.`;

interface TopFlags {
  readonly once?: true;
  readonly sort: TopKey;
  readonly line: number;
  readonly delay: number;
  readonly speed?: number;
  readonly format?: TraceForm;
}

/** Adds `kmem top`. */
export function registerTop(program: Command): void {
  program
    .command("top")
    .summary("show what is live as a trace plays, as slabtop does")
    .description("Plays a trace and shows what is live in it, by cache and by order of pages.")
    .argument("<trace>", `a trace, or ${STDIN_PATH} for standard input`)
    .option("-o, --once", "print the end alone")
    .addOption(new Option("-s, --sort <key>", "what rows are sorted by").choices(TOP_KEYS).default("bytes"))
    .addOption(
      new Option("-l, --line <count>", "rows of the table")
        .argParser((text) => parseCount(text, 1))
        .default(DEFAULT_LINES),
    )
    .addOption(
      new Option("-d, --delay <ms>", "milliseconds from one table to the next")
        .argParser((text) => parseCount(text, 1))
        .default(DEFAULT_EVERY_MS),
    )
    .addOption(
      new Option("--speed <factor>", "play times as fast as recorded (default: as fast as it can be read)").argParser(
        parseSpeed,
      ),
    )
    .addOption(formatOption())
    .addHelpText("after", EXPLANATION)
    .action(top);
}

async function top(path: string, { once, sort, line, delay, speed, format }: TopFlags): Promise<void> {
  const stream = new EventStream(true);
  const collector = new StatCollector(stream);
  const isLive = once !== true && process.stdout.isTTY === true;
  const show = (): void => {
    process.stdout.write(CLEAR);
    printText(topText(collector, stream, sort, line));
  };
  const sink = isLive ? new TracePlayer(collector, stream, { show, everyMs: delay, speed }) : collector;
  const { summary } = await readTrace(path, sink, stream, format === undefined ? {} : { form: format });
  if (isLive) show();
  else printText(topText(collector, stream, sort, line));
  for (const text of unreadTexts(path, summary)) printProblem(text);
}

function parseSpeed(text: string): number {
  const speed = Number(text);
  if (Number.isFinite(speed) && speed > 0) return speed;
  throw new InvalidArgumentError("It is a number above 0, as 1 or 0.5.");
}
