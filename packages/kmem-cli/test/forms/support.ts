import { detectForm } from "../../src/forms/detect-form.ts";
import { formById } from "../../src/forms/known-forms.ts";
import { BrokenLog, type BrokenReport } from "../../src/trace/broken-log.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import type { OpSink } from "../../src/trace/op-stream.ts";
import type { FormSummary } from "../../src/trace/trace-summary.ts";
import { bytesOf, OpList, type OpTuple } from "../trace/support.ts";

/** An operation with what stood beside it. */
export interface SeenEvent {
  readonly op: OpTuple;
  readonly timeNs: number;
  readonly thread: string;
  readonly cpu: number;
  readonly frames: readonly string[];
  readonly allocatedBytes: number;
}

/** Keeps operations and their contexts. */
export class EventList implements OpSink {
  readonly events: SeenEvent[] = [];
  readonly #stream: EventStream;

  constructor(stream: EventStream) {
    this.#stream = stream;
  }

  op(...op: OpTuple): void {
    const { context, tables } = this.#stream;
    const { timeNs, cpu, allocatedBytes } = context;
    const thread = tables.threads.name(context.thread);
    this.events.push({ op, timeNs, thread, cpu, frames: tables.framesOf(context.stack), allocatedBytes });
  }
}

export interface FormResult {
  readonly summary: FormSummary;
  readonly broken: BrokenReport;
  readonly ops: readonly OpTuple[];
  readonly events: readonly SeenEvent[];
}

/** Reads bytes as a form, in chunks of so many. */
export function readForm(id: string, bytes: Uint8Array, chunkBytes = 65_536): FormResult {
  const stream = new EventStream(true);
  const sink = new EventList(stream);
  const broken = new BrokenLog();
  const reader = formById(id)!.open({ sink, stream, broken });
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.push(bytes.slice(at, at + chunkBytes));
  reader.end(false);
  return {
    summary: reader.summarize(),
    broken: broken.report(),
    ops: sink.events.map(({ op }) => op),
    events: sink.events,
  };
}

/** Reads lines as a form, after finding out that they are of it. */
export function readLines(id: string, ...lines: readonly string[]): FormResult {
  const bytes = bytesOf(lines.map((line) => `${line}\n`).join(""));
  const found = detectForm(bytes, "bytes").id;
  if (found !== id) throw new Error(`taken for ${found}`);
  return readForm(id, bytes);
}

export { OpList };
