import type { BrokenLog } from "./broken-log.ts";
import type { ByteSource } from "./byte-source.ts";
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

/** Reads one form of trace in memory bounded by what is live in it; most of them front to back. */
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
  end(isCut: boolean): void | Promise<void>;
  /**
   * Of forms that are not read front to back: reads a file where it lies, instead of `push` and `end`. `onProgress` is
   * told from time to time how many of its bytes are done, roughly.
   *
   * @throws TraceFormatError as `push`.
   */
  readWhole?(source: ByteSource, onProgress: (doneBytes: number) => void): Promise<void>;
  /** Gives back what the reader holds besides memory; once nothing more is read, also after an error. */
  close?(): void;
  /** The number of the last line, event or byte that was looked at: what the positions in the BrokenLog count. */
  readonly position: number;
  /** What the header of an operation file says. */
  totals(): OpTotals;
  /** What the trace held, as the summary of its form has it. Once, after `end`. */
  summarize(): FormSummary;
}
