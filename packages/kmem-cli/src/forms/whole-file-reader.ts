import { SpoolFile } from "../system/file-source.ts";
import { type ByteSource, MemorySource } from "../trace/byte-source.ts";
import type { OpTotals } from "../trace/op-stream.ts";
import type { TraceReader } from "../trace/trace-reader.ts";
import type { FormSummary } from "../trace/trace-summary.ts";

/**
 * Reads a form whose parts are not in the order in which they are needed. Where the file itself can be had, `readWhole`
 * takes it; what comes as a stream is kept in a temporary file until it ends.
 */
export abstract class WholeFileReader implements TraceReader {
  #spool: SpoolFile | undefined;

  abstract readonly position: number;

  push(chunk: Uint8Array): void {
    this.#spool ??= new SpoolFile();
    this.#spool.append(chunk);
  }

  async end(): Promise<void> {
    try {
      await this.readWhole(this.#spool ?? new MemorySource(new Uint8Array(0)), () => {});
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#spool?.close();
    this.#spool = undefined;
  }

  abstract readWhole(source: ByteSource, onProgress: (doneBytes: number) => void): Promise<void>;
  abstract totals(): OpTotals;
  abstract summarize(): FormSummary;
}

/** Lets others of this thread have their turn, Ctrl-C included. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
