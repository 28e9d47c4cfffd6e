import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cpuUsage } from "node:process";
import { zstdDecompressSync } from "node:zlib";
import { formById } from "kmem-cli/internal/forms/known-forms";
import { readTrace } from "kmem-cli/internal/forms/read-trace";
import { CONVERSIONS } from "kmem-cli/internal/insight/conversions";
import { BrokenLog } from "kmem-cli/internal/trace/broken-log";
import { EventStream } from "kmem-cli/internal/trace/event-context";
import type { OpSink } from "kmem-cli/internal/trace/op-stream";
import { ROOT, writeFigure } from "../figures/repository.ts";
import { type FlatOps, OP_FIELDS, TEXT_FORMS, traceText } from "./trace-texts.ts";

const TRACES = join(ROOT, "packages", "kmem-cli", "traces");
/** A real program's calls and a real kernel's events. */
const MALLOC_TRACE = join(TRACES, "sqlite_file.trace.zst");
const KERNEL_TRACE = join(TRACES, "mid-6.12-hashedptr.trace.txt.zst");
const ROUNDS = 3;
/** Calls that are put into forms of text. */
const TEXT_CALLS = 50_000;
const CHUNK_BYTES = 262_144;
const US_PER_SECOND = 1e6;
const DIGITS = 3;
const MILLION = 1e6;

class Collector implements OpSink {
  readonly ops: number[] = [];

  op(...fields: [number, number, number, number, number]): void {
    this.ops.push(...fields);
  }
}

class Counter implements OpSink {
  count = 0;

  op(): void {
    this.count += 1;
  }
}

/** One reading: lines or events that stood in the trace, and seconds of this process's time for them. */
function readOnce(
  form: string,
  bytes: Uint8Array,
  wantsContext: boolean,
): { readonly seconds: number; readonly count: number } {
  const stream = new EventStream(wantsContext);
  const sink = new Counter();
  const reader = formById(form)!.open({ sink, stream, broken: new BrokenLog() });
  const before = cpuUsage();
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) reader.push(bytes.subarray(at, at + CHUNK_BYTES));
  reader.end(false);
  const { user, system } = cpuUsage(before);
  const { events } = reader.summarize();
  return { seconds: (user + system) / US_PER_SECOND, count: Object.values(events).reduce((sum, one) => sum + one, 0) };
}

/** Millions of events in a second of one processor: the best of some rounds, since all else only slows one down. */
function speedOf(
  form: string,
  bytes: Uint8Array,
  wantsContext: boolean,
): { readonly speed: number; readonly count: number } {
  const rounds = Array.from({ length: ROUNDS }, () => readOnce(form, bytes, wantsContext));
  const count = rounds[0]!.count;
  return { speed: count / Math.min(...rounds.map(({ seconds }) => seconds)) / MILLION, count };
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

/** Measures the readers of all forms that come in events, and writes docs/figures/trace-readers.csv. */
export async function writeTraceReaders(): Promise<void> {
  const ops = (await opsOf(MALLOC_TRACE)).slice(0, TEXT_CALLS * OP_FIELDS);
  const unpacked = (path: string): Uint8Array => new Uint8Array(zstdDecompressSync(readFileSync(path)));
  const traces: [name: string, form: string, bytes: Uint8Array][] = [
    ["kernel, ftrace text", "kernel", unpacked(KERNEL_TRACE)],
    ["kmem, of a kernel", "kmem", await converted(KERNEL_TRACE, "kmem")],
    ["kmem, of a program", "kmem", await converted(MALLOC_TRACE, "kmem")],
    ["atrc", "atrc", unpacked(MALLOC_TRACE)],
    ...TEXT_FORMS.map((form): [string, string, Uint8Array] => [form, form, traceText(form, ops)]),
    ["csv", "csv", await converted(MALLOC_TRACE, "csv")],
    ["perfetto", "perfetto", await converted(MALLOC_TRACE, "perfetto")],
  ];
  const rows = traces.map(([name, form, bytes]) => {
    const { speed, count } = speedOf(form, bytes, false);
    const withContext = speedOf(form, bytes, true).speed;
    const bytesPerEvent = bytes.length / count;
    return [name, String(count), bytesPerEvent.toFixed(1), speed.toPrecision(DIGITS), withContext.toPrecision(DIGITS)];
  });
  const header = ["trace", "events", "bytes an event", "million events/s", "the same with sites, times and threads"];
  const cells = [header, ...rows];
  writeFigure("trace-readers", cells, cells);
}
