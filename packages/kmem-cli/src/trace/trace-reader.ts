import type { BrokenLog } from "./broken-log.ts";
import type { EventStream } from "./event-context.ts";
import type { OpSink, OpTotals } from "./op-stream.ts";
import type { FormSummary } from "./trace-summary.ts";

/** What a reader works with. */
export interface ReaderSetting {
  /** Takes the operations. */
  readonly sink: OpSink;
  readonly stream: EventStream;
  /** Takes what cannot be read. */
  readonly broken: BrokenLog;
}

/** Reads one form of trace front to back, in memory bounded by what is live in it. */
export interface TraceReader {
  /**
   * Takes the next bytes, unpacked; the chunk may be used again afterwards.
   *
   * @throws TraceFormatError when it is no trace of this form at all.
   */
  push(chunk: Uint8Array): void;
  /**
   * Ends the trace.
   *
   * @param isCut whether the packed file is known to be cut or damaged, so that the last line may be half a line.
   * @throws TraceFormatError as `push`.
   */
  end(isCut: boolean): void;
  /** The number of the last line, event or byte that was looked at: what the positions in the BrokenLog count. */
  readonly position: number;
  /** What the header of an operation file says. */
  totals(): OpTotals;
  /** What the trace held, as the summary of its form has it. Once, after `end`. */
  summarize(): FormSummary;
}
