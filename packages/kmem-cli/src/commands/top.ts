import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { describeDump } from "kmem";
import type { TraceForm } from "../forms/known-forms.ts";
import { requireUnderstood } from "../forms/nothing-understood.ts";
import { readTrace } from "../forms/read-trace.ts";
import { StatCollector } from "../insight/collector.ts";
import { LIVE_TOP_KEYS, LiveTop, type LiveTopKey } from "../insight/live-top.ts";
import { TOP_KEYS, type TopKey, topText } from "../insight/top-text.ts";
import { TracePlayer } from "../insight/trace-player.ts";
import { unreadTexts } from "../report/trace-summary-text.ts";
import { STDIN_PATH } from "../system/open-input.ts";
import { printProblem, printText } from "../system/output.ts";
import { EventStream } from "../trace/event-context.ts";
import { formatOption } from "./arguments.ts";
import { fetchDump, parseLiveAddress, requireHeap } from "./live-heap.ts";
import { parseCount } from "./number-arguments.ts";

const DEFAULT_LINES = 20;
const DEFAULT_EVERY_MS = 500;
/** Moves to the first column of the first line, and clears from there on. */
const CLEAR = "\x1b[H\x1b[J";

const EXPLANATION = `
TRACE is of any form that kmem replay reads; with - it may still be going on.
The table is slabtop's, but that it counts what is live: a cache of which nothing
is live is left out. On a terminal it is drawn anew as the trace plays; otherwise,
and with --once, what is live at the end is printed. --live takes the address that
serveHeap() of kmem-inspector/serve gives in a running program, and looks at its
heap again and again, until Ctrl-C or until the heap is gone.

Examples:
  kmem top boot.trace.txt.zst --speed 1       at the speed of the recording
  trace-cmd show -p | kmem top -              a kernel that is running
  kmem top --once app.kmt -s peak
  kmem top --live http://127.0.0.1:7070/3f…/  a heap of a running program

Exit codes: 0; 1 when the trace or the heap cannot be read; 2 for a command line
that makes no sense.`;

interface TopFlags {
  readonly live?: string;
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
    .summary("show what is live in a running heap, or as a trace plays, as slabtop does")
    .description("Plays a trace, or looks at a running heap, and shows what is live, by cache and by order of pages.")
    .argument("[trace]", `a trace, or ${STDIN_PATH} for standard input`)
    .addOption(new Option("--live <address>", "a running heap, by what serveHeap() gives").argParser(parseLiveAddress))
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

async function top(path: string | undefined, flags: TopFlags, command: Command): Promise<void> {
  const { live, sort } = flags;
  if ((live === undefined) === (path === undefined)) command.error("error: name a trace, or a running heap by --live");
  if (live === undefined) return await topOfTrace(path!, flags);
  if (flags.speed !== undefined || flags.format !== undefined) {
    command.error("error: --speed and --format are for traces");
  }
  if (!isLiveKey(sort)) command.error(`error: a running heap cannot be sorted by ${sort}: it does not count them`);
  await topOfHeap(live, sort, flags);
}

async function topOfTrace(path: string, { once, sort, line, delay, speed, format }: TopFlags): Promise<void> {
  const stream = new EventStream(true);
  const collector = new StatCollector(stream);
  const isLive = once !== true && process.stdout.isTTY === true;
  const show = (): void => {
    process.stdout.write(CLEAR);
    printText(topText(collector, stream, sort, line));
  };
  const sink = isLive ? new TracePlayer(collector, stream, { show, everyMs: delay, speed }) : collector;
  const { summary } = await readTrace(path, sink, stream, format === undefined ? {} : { form: format });
  requireUnderstood(summary);
  if (isLive) show();
  else printText(topText(collector, stream, sort, line));
  for (const text of unreadTexts(path, summary)) printProblem(text);
}

/** Looks at a running heap: once where nobody watches, and otherwise until it is gone. */
async function topOfHeap(address: string, sort: LiveTopKey, { once, line, delay }: TopFlags): Promise<void> {
  await requireHeap(address);
  const watches = once !== true && process.stdout.isTTY === true;
  const top = new LiveTop();
  for (;;) {
    const dump = await fetchDump(address);
    if (dump === undefined) throw new Error(`${address}: the heap is gone: it has been detached`);
    const text = top.text(describeDump(dump), sort, line);
    if (watches) process.stdout.write(CLEAR);
    printText(text);
    if (!watches) return;
    await setTimeout(delay);
  }
}

function isLiveKey(key: TopKey): key is LiveTopKey {
  return LIVE_TOP_KEYS.some((one) => one === key);
}

function parseSpeed(text: string): number {
  const speed = Number(text);
  if (Number.isFinite(speed) && speed > 0) return speed;
  throw new InvalidArgumentError("It is a number above 0, as 1 or 0.5.");
}
