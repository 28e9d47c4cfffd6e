import { FileSource } from "../system/file-source.ts";
import { BrokenLog, DEFAULT_BROKEN_EXAMPLE_COUNT } from "../trace/broken-log.ts";
import type { EventStream } from "../trace/event-context.ts";
import type { OpSink, OpTotals } from "../trace/op-stream.ts";
import { TextDecoder8 } from "../trace/text-encoding.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import type { TraceProgress } from "../trace/trace-progress.ts";
import type { TraceReader } from "../trace/trace-reader.ts";
import type { TraceSummary } from "../trace/trace-summary.ts";
import { type OpenedTrace, type OpenTraceOptions, openTrace } from "./open-trace.ts";

/** How a trace is read. */
export interface ReadTraceOptions extends OpenTraceOptions {
  /** Is called after each chunk and at the end. */
  readonly onProgress?: (progress: TraceProgress) => void;
  /** Broken lines that the summary keeps in detail. */
  readonly brokenExampleCount?: number;
}

/** What came of a trace. */
export interface ReadResult {
  readonly summary: TraceSummary;
  /** What the header of an operation file says. */
  readonly totals: OpTotals;
}

/**
 * Reads a trace of any form front to back, in memory bounded by what is live in it, and hands its operations on.
 *
 * @param path a trace, packed or not, or `-` for standard input.
 * @param stream where the context of each operation and the tables of names are.
 * @throws TraceFormatError when it is not a trace at all; broken lines are in the summary instead.
 */
export async function readTrace(
  path: string,
  sink: OpSink,
  stream: EventStream,
  options: ReadTraceOptions = {},
): Promise<ReadResult> {
  const trace = await openTrace(path, options);
  const { form } = trace;
  const broken = new BrokenLog(options.brokenExampleCount ?? DEFAULT_BROKEN_EXAMPLE_COUNT);
  const counted = new CountingSink(sink);
  const reader = form.open({ sink: counted, stream, broken });
  const decoder = form.isText ? new TextDecoder8(trace.encoding) : undefined;
  const { onProgress } = options;
  let size = { readBytes: 0, traceBytes: 0 };
  try {
    if (reader.readWhole !== undefined && trace.isPlainFile) size = await readFile(path, trace, reader, onProgress);
    else size = await readChunks(trace, reader, decoder, onProgress);
    const damage = trace.damage();
    if (damage !== undefined) broken.add(reader.position + 1, "the packed data are damaged or cut", () => damage);
  } catch (error) {
    if (!(error instanceof TraceFormatError)) throw error;
    throw new TraceFormatError(`${path}: taken for ${form.name} (${form.id}): ${error.message}`);
  } finally {
    reader.close?.();
  }
  const file = { path, compression: trace.compression, ...size };
  const summary = { ...reader.summarize(), ...file, broken: broken.report(), opCount: counted.opCount };
  return { summary, totals: reader.totals() };
}

type OnProgress = ReadTraceOptions["onProgress"];

interface ReadSize {
  readonly readBytes: number;
  readonly traceBytes: number;
}

async function readChunks(
  trace: OpenedTrace,
  reader: TraceReader,
  decoder: TextDecoder8 | undefined,
  onProgress: OnProgress,
): Promise<ReadSize> {
  let traceBytes = 0;
  const report = (): void => onProgress?.({ readBytes: trace.readBytes(), fileBytes: trace.fileBytes });
  for await (const chunk of trace.chunks) {
    reader.push(decoder?.decode(chunk) ?? chunk);
    traceBytes += chunk.length;
    report();
  }
  report();
  await reader.end(trace.damage() !== undefined);
  return { readBytes: trace.readBytes(), traceBytes };
}

/** Has a reader take a file where it lies. */
async function readFile(
  path: string,
  trace: OpenedTrace,
  reader: TraceReader,
  onProgress: OnProgress,
): Promise<ReadSize> {
  trace.close();
  const source = new FileSource(path);
  const fileBytes = source.sizeBytes;
  try {
    await reader.readWhole!(source, (readBytes) => onProgress?.({ readBytes, fileBytes }));
    return { readBytes: fileBytes, traceBytes: fileBytes };
  } finally {
    source.close();
  }
}

class CountingSink implements OpSink {
  opCount = 0;
  readonly #sink: OpSink;

  constructor(sink: OpSink) {
    this.#sink = sink;
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    this.opCount += 1;
    this.#sink.op(code, log2Align, slot, size, aux);
  }
}
