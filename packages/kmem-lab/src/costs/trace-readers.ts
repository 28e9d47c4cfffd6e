import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { readTrace } from "kmem-cli/internal/forms/read-trace";
import { CONVERSIONS } from "kmem-cli/internal/insight/conversions";
import { median } from "kmem-cli/internal/system/statistics";
import { EventStream } from "kmem-cli/internal/trace/event-context";
import type { OpSink } from "kmem-cli/internal/trace/op-stream";
import { ROOT, writeFigure } from "../figures/repository.ts";
import type { ReaderCost, ReaderJob } from "./reader-cost.ts";
import { measureRounds } from "./rounds.ts";
import { type FlatOps, OP_FIELDS, TEXT_FORMS, traceText } from "./trace-texts.ts";

const TRACES = join(ROOT, "packages", "kmem-cli", "traces");
/** A real program's calls and a real kernel's events. */
const MALLOC_TRACE = join(TRACES, "sqlite_file.trace.zst");
const KERNEL_TRACE = join(TRACES, "mid-6.12-hashedptr.trace.txt.zst");
const ROUNDS = 3;
/** Calls that are put into forms of text. */
const TEXT_CALLS = 50_000;
const DIGITS = 3;
const MILLION = 1e6;
const HEADER = ["trace", "events", "bytes an event", "million events/s", "the same with sites, times and threads"];

class Collector implements OpSink {
  readonly ops: number[] = [];

  op(...fields: [number, number, number, number, number]): void {
    this.ops.push(...fields);
  }
}

async function converted(path: string, to: string): Promise<Uint8Array> {
  const stream = new EventStream(true);
  const chunks: Uint8Array[] = [];
  const conversion = CONVERSIONS[to]!.open((bytes) => chunks.push(bytes.slice()), stream);
  const { summary } = await readTrace(path, conversion, stream);
  await conversion.finish(summary);
  return new Uint8Array(Buffer.concat(chunks));
}

async function opsOf(path: string): Promise<FlatOps> {
  const sink = new Collector();
  await readTrace(path, sink, new EventStream(false));
  return sink.ops;
}

const unpacked = (path: string): Uint8Array => new Uint8Array(zstdDecompressSync(readFileSync(path)));

/** The same two traces in all forms that come in events: what to call each, its form, and its bytes. */
async function samples(): Promise<[name: string, form: string, bytes: Uint8Array][]> {
  const ops = (await opsOf(MALLOC_TRACE)).slice(0, TEXT_CALLS * OP_FIELDS);
  return [
    ["kernel, ftrace text", "kernel", unpacked(KERNEL_TRACE)],
    ["kmem, of a kernel", "kmem", await converted(KERNEL_TRACE, "kmem")],
    ["kmem, of a program", "kmem", await converted(MALLOC_TRACE, "kmem")],
    ["atrc", "atrc", unpacked(MALLOC_TRACE)],
    ...TEXT_FORMS.map((form): [string, string, Uint8Array] => [form, form, traceText(form, ops)]),
    ["csv", "csv", await converted(MALLOC_TRACE, "csv")],
    ["perfetto", "perfetto", await converted(MALLOC_TRACE, "perfetto")],
  ];
}

/** Measures the readers of all forms that come in events, and writes docs/figures/trace-readers.csv. */
export async function writeTraceReaders(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "kmem-trace-readers-"));
  try {
    const traces = await samples();
    const jobs = traces.flatMap(([, form, bytes], index): ReaderJob[] => {
      const path = join(folder, `${index}.trace`);
      writeFileSync(path, bytes);
      return [false, true].map((wantsContext) => ({ form, path, wantsContext }));
    });
    const things = jobs.map((job) => JSON.stringify(job));
    const costs = await measureRounds<ReaderCost>("reader", things, ROUNDS);
    const speeds = costs.map((rounds) => median(rounds.map(({ eventsPerSecond }) => eventsPerSecond)) / MILLION);
    const rows = traces.map(([name], index) => {
      const { events, bytes } = costs[2 * index]![0]!;
      const [plain, withContext] = [speeds[2 * index]!, speeds[2 * index + 1]!];
      const bytesPerEvent = (bytes / events).toFixed(1);
      return [name, String(events), bytesPerEvent, plain.toPrecision(DIGITS), withContext.toPrecision(DIGITS)];
    });
    const cells = [HEADER, ...rows];
    writeFigure("trace-readers", cells, cells);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
