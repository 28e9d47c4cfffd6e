import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { type Command, Option } from "commander";
import type { TraceForm } from "../forms/known-forms.ts";
import { requireUnderstood } from "../forms/nothing-understood.ts";
import { readTrace } from "../forms/read-trace.ts";
import { CONVERSIONS } from "../insight/conversions.ts";
import { partitionOf } from "../insight/parquet-conversion.ts";
import { unreadTexts } from "../report/trace-summary-text.ts";
import { STDIN_PATH } from "../system/open-input.ts";
import { printProblem } from "../system/output.ts";
import { UnfinishedFile } from "../system/unfinished-file.ts";
import { formatBytes, formatCounted } from "../system/units.ts";
import { isSameFile } from "../system/write-whole.ts";
import { EventStream } from "../trace/event-context.ts";
import { formatOption } from "./arguments.ts";

const EXPLANATION = `
  kmem        kmem's own format: a few bytes for each event (.kmt)
  ftrace      text of the kernel's trace file, which all tools for that read
  csv         a line for each event
  pprof       sums by call site, for pprof (.pb.gz)
  speedscope  the same for speedscope.app
  parquet     a row for each event, in a folder for many traces (docs/parquet.md)
  perfetto    each event, for ui.perfetto.dev and chrome://tracing

Examples:
  kmem convert app.heaptrack.zst --to kmem -o app.kmt
  valgrind --trace-malloc=yes ./app 2>&1 | kmem convert - --to csv -o app.csv
  kmem convert boot.trace.txt.zst --to perfetto
  kmem convert app.kmt --to parquet --release 1.2 -o events

Exit codes: 0; 1 when the trace cannot be read, or OUT not be written; 2 for a
command line that makes no sense.`;

const DEFAULT_FOLDER = "events";
const DEFAULT_RELEASE = "unknown";
const PARQUET_FILE = "part-0.parquet";

interface ConvertOptions {
  readonly to: string;
  readonly output?: string;
  readonly release?: string;
  readonly format?: TraceForm;
}

/** Adds `kmem convert`. */
export function registerConvert(program: Command): void {
  program
    .command("convert")
    .summary("write a trace in another form")
    .description("Reads a trace of any form that is read and writes it in another one.")
    .argument("<trace>", `a file, or ${STDIN_PATH} for standard input`)
    .addOption(new Option("--to <form>", "the form to write").choices(Object.keys(CONVERSIONS)).default("kmem"))
    .option("-o, --output <out>", "the file to write, - for standard output (default: named after the trace)")
    .option("--release <name>", "of Parquet: what the trace is of, a part of where its file lies (default: unknown)")
    .addOption(formatOption())
    .addHelpText("after", EXPLANATION)
    .action(async (path: string, options: ConvertOptions, command: Command) => {
      const { open, isFolder } = CONVERSIONS[options.to]!;
      if (isFolder !== true && options.release !== undefined) command.error("error: --release is of --to parquet");
      if (isFolder === true && options.output === STDIN_PATH) {
        command.error("error: Parquet goes into a folder, not to standard output");
      }
      const out = isFolder === true ? fileInFolder(path, options) : outputOf(path, options);
      if (path !== STDIN_PATH && isSameFile(path, out)) command.error("error: OUT is the trace itself");
      const file = new UnfinishedFile(out);
      let writtenBytes = 0;
      try {
        const stream = new EventStream(true);
        const conversion = open((bytes) => {
          writtenBytes += bytes.length;
          file.write(bytes);
        }, stream);
        const form = options.format === undefined ? {} : { form: options.format };
        const { summary } = await readTrace(path, conversion, stream, form);
        requireUnderstood(summary);
        await conversion.finish(summary);
        file.finish();
        for (const line of unreadTexts(path, summary)) printProblem(line);
        const what = `${formatCounted(summary.opCount, "operation")} (${summary.form})`;
        if (out !== STDIN_PATH) process.stdout.write(`${out}: ${what}, ${formatBytes(writtenBytes)}\n`);
      } catch (error) {
        file.abandon();
        throw error;
      }
    });
}

function outputOf(path: string, { to, output }: ConvertOptions): string {
  return output ?? `${nameOf(path)}${CONVERSIONS[to]!.ending}`;
}

/** The file of a trace in a folder of many, which is made where there is none. */
function fileInFolder(path: string, { output, release }: ConvertOptions): string {
  const folder = join(output ?? DEFAULT_FOLDER, ...partitionOf(release ?? DEFAULT_RELEASE, nameOf(path)));
  mkdirSync(folder, { recursive: true });
  return join(folder, PARQUET_FILE);
}

function nameOf(path: string): string {
  return path === STDIN_PATH ? "trace" : basename(path).replace(/(?:\.(?:trace|txt|zst|gz|raw|log|kmt))+$/, "");
}
