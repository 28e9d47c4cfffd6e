import { BrokenLog, DEFAULT_BROKEN_EXAMPLE_COUNT } from "./broken-log.ts";
import { KernelTraceReader } from "./kernel-trace.ts";
import { MallocTraceReader } from "./malloc-trace.ts";
import { Matcher } from "./matcher.ts";
import { OpWriter } from "./op-writer.ts";
import { type OpenedTrace, type OpenTraceOptions, openTrace } from "./open-trace.ts";
import { TextDecoder8 } from "./text-encoding.ts";
import { TraceFormatError } from "./trace-error.ts";
import { summarizeLive, type TraceSummary } from "./trace-summary.ts";

/** How far the reading of a trace has come, in bytes of the file as packed. */
export interface TraceProgress {
  readonly readBytes: number;
  /** Undefined when it is not known, as for standard input. */
  readonly fileBytes: number | undefined;
}

export interface CompileTraceOptions extends OpenTraceOptions {
  /** Is called after each chunk and at the end. */
  readonly onProgress?: (progress: TraceProgress) => void;
  /** Broken lines that the summary keeps in detail. */
  readonly brokenExampleCount?: number;
}

/**
 * Reads a trace front to back, in memory bounded by what is live in it, and writes its operations to a file.
 *
 * @param tracePath a trace, packed or not, or `-` for standard input.
 * @param opsPath the operation file to write; when the trace cannot be read there is none afterwards.
 * @throws TraceFormatError when it is not a trace at all; broken lines are in the summary instead.
 */
export async function compileTrace(
  tracePath: string,
  opsPath: string,
  options: CompileTraceOptions = {},
): Promise<TraceSummary> {
  const trace = await openTrace(tracePath, options);
  const writer = new OpWriter(opsPath);
  try {
    const context = { path: tracePath, trace, writer, options };
    return trace.format === "malloc" ? await compileMalloc(context) : await compileKernel(context);
  } catch (error) {
    writer.abandon();
    throw error instanceof TraceFormatError ? new TraceFormatError(`${tracePath}: ${error.message}`) : error;
  }
}

interface CompileContext {
  readonly path: string;
  readonly trace: OpenedTrace;
  readonly writer: OpWriter;
  readonly options: CompileTraceOptions;
}

function newBrokenLog(context: CompileContext): BrokenLog {
  return new BrokenLog(context.options.brokenExampleCount ?? DEFAULT_BROKEN_EXAMPLE_COUNT);
}

/** Pushes all chunks to a reader and answers how many bytes they had. */
async function readAll(context: CompileContext, push: (chunk: Uint8Array) => void): Promise<number> {
  const { trace, options } = context;
  let traceBytes = 0;
  for await (const chunk of trace.chunks) {
    push(chunk);
    traceBytes += chunk.length;
    options.onProgress?.({ readBytes: trace.readBytes(), fileBytes: trace.fileBytes });
  }
  options.onProgress?.({ readBytes: trace.readBytes(), fileBytes: trace.fileBytes });
  return traceBytes;
}

/** Reports damage to the packing, as standing behind the last thing read. */
function reportDamage(context: CompileContext, broken: BrokenLog, lastPosition: number): void {
  const message = context.trace.damage();
  if (message !== undefined) broken.add(lastPosition + 1, "the packed data are damaged or cut", () => message);
}

async function compileMalloc(context: CompileContext): Promise<TraceSummary> {
  const { trace, writer } = context;
  const broken = newBrokenLog(context);
  const reader = new MallocTraceReader(writer, broken);
  const traceBytes = await readAll(context, (chunk) => reader.push(chunk));
  reader.end();
  reportDamage(context, broken, reader.readEventCount);
  const totals = reader.totals();
  writer.finish(totals, []);
  return {
    format: "malloc",
    path: context.path,
    compression: trace.compression,
    readBytes: trace.readBytes(),
    traceBytes,
    events: reader.eventCounts(),
    broken: broken.report(),
    opCount: writer.opCount,
    slotCount: totals.slotCount,
    live: summarizeLive(reader.live),
    header: reader.header!,
    eventCount: reader.readEventCount,
  };
}

async function compileKernel(context: CompileContext): Promise<TraceSummary> {
  const { trace, writer } = context;
  const broken = newBrokenLog(context);
  const matcher = new Matcher(writer);
  const reader = new KernelTraceReader(matcher, broken);
  const decoder = new TextDecoder8(trace.encoding);
  const traceBytes = await readAll(context, (chunk) => reader.push(decoder.decode(chunk)));
  reader.end(trace.damage() !== undefined);
  const { lines, events, lostEventCount, unread } = reader.counts();
  reportDamage(context, broken, lines.total);
  const totals = matcher.totals();
  const caches = matcher.registry.caches(reader.cacheNames);
  writer.finish(totals, caches);
  return {
    format: "kernel",
    path: context.path,
    compression: trace.compression,
    readBytes: trace.readBytes(),
    traceBytes,
    events,
    broken: broken.report(),
    opCount: writer.opCount,
    slotCount: totals.slotCount,
    live: summarizeLive(matcher.total),
    lines,
    lostEventCount,
    unread,
    objects: { ...summarizeLive(matcher.liveObjects), ...matcher.objectCounts() },
    pages: { ...summarizeLive(matcher.livePages), ...matcher.pageCounts() },
    caches,
  };
}
