import { EventStream } from "../trace/event-context.ts";
import type { OpSink } from "../trace/op-stream.ts";
import { OpWriter } from "../trace/op-writer.ts";
import type { TraceSummary } from "../trace/trace-summary.ts";
import { type ReadTraceOptions, readTrace } from "./read-trace.ts";

/** How a trace is compiled. */
export interface CompileTraceOptions extends ReadTraceOptions {
  /** Takes the operations as well, with what the trace says of each; that takes longer to read. */
  readonly watch?: (stream: EventStream) => OpSink;
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
  const writer = new OpWriter(opsPath);
  try {
    const stream = new EventStream(options.watch !== undefined);
    const watcher = options.watch?.(stream);
    const sink = watcher === undefined ? writer : both(writer, watcher);
    const { summary, totals } = await readTrace(tracePath, sink, stream, options);
    writer.finish(totals, stream.tables.caches);
    return summary;
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

function both(first: OpSink, second: OpSink): OpSink {
  return {
    op: (code, log2Align, slot, size, aux) => {
      first.op(code, log2Align, slot, size, aux);
      second.op(code, log2Align, slot, size, aux);
    },
  };
}
