import type { OpSink } from "../trace/op-stream.ts";
import type { TraceSummary } from "../trace/trace-summary.ts";

/** Takes the operations of a trace and writes them in another form. */
export interface Conversion extends OpSink {
  /** Writes what is left, once all operations have come. */
  finish(summary: TraceSummary): void | Promise<void>;
}
