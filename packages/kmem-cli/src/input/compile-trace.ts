import { EventStream } from "../trace/event-context.ts";
import { OpWriter } from "../trace/op-writer.ts";
import type { TraceSummary } from "../trace/trace-summary.ts";
import { type ReadTraceOptions, readTrace } from "./read-trace.ts";

export type CompileTraceOptions = ReadTraceOptions;

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
    const stream = new EventStream(false);
    const { summary, totals } = await readTrace(tracePath, writer, stream, options);
    writer.finish(totals, stream.tables.caches);
    return summary;
  } catch (error) {
    writer.abandon();
    throw error;
  }
}
