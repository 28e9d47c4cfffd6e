import { readFileSync } from "node:fs";
import { cpuUsage } from "node:process";
import { formById } from "kmem-cli/internal/forms/known-forms";
import { median } from "kmem-cli/internal/system/statistics";
import { BrokenLog } from "kmem-cli/internal/trace/broken-log";
import { EventStream } from "kmem-cli/internal/trace/event-context";
import type { OpSink } from "kmem-cli/internal/trace/op-stream";

/** What to read: a file that is not packed, in a form, with or without what stands around its events. */
export interface ReaderJob {
  readonly form: string;
  readonly path: string;
  readonly wantsContext: boolean;
}

/** What reading took. */
export interface ReaderCost {
  readonly events: number;
  readonly bytes: number;
  readonly eventsPerSecond: number;
}

const CHUNK_BYTES = 262_144;
const US_PER_SECOND = 1e6;
/** Long traces are what speed is wanted for: the first readings, in which V8 still compiles the reader, count little. */
const READING_SECONDS = 1.5;
const READINGS_MIN = 5;

class Counter implements OpSink {
  count = 0;

  op(): void {
    this.count += 1;
  }
}

/** One reading: events that stood in the trace, and seconds of this process's time for them. */
function readOnce(
  { form, wantsContext }: ReaderJob,
  bytes: Uint8Array,
): { readonly seconds: number; readonly events: number } {
  const stream = new EventStream(wantsContext);
  const sink = new Counter();
  const reader = formById(form)!.open({ sink, stream, broken: new BrokenLog() });
  const before = cpuUsage();
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) reader.push(bytes.subarray(at, at + CHUNK_BYTES));
  reader.end(false);
  const { user, system } = cpuUsage(before);
  const events = Object.values(reader.summarize().events).reduce((sum, one) => sum + one, 0);
  return { seconds: (user + system) / US_PER_SECOND, events };
}

/** Reads a trace again and again: the median of the readings, in events a second of one processor. */
export function readerCost(job: ReaderJob): ReaderCost {
  const bytes = new Uint8Array(readFileSync(job.path));
  const speeds: number[] = [];
  let events = 0;
  for (let total = 0; total < READING_SECONDS || speeds.length < READINGS_MIN; ) {
    const reading = readOnce(job, bytes);
    events = reading.events;
    speeds.push(events / reading.seconds);
    total += reading.seconds;
  }
  return { events, bytes: bytes.length, eventsPerSecond: median(speeds) };
}
