import { MallocTraceReader } from "./malloc-trace.ts";
import type { OpTotals } from "./op-stream.ts";
import type { ReaderSetting, TraceReader } from "./trace-reader.ts";
import type { FormSummary } from "./trace-summary.ts";
import { summarizeLive } from "./trace-summary.ts";

/** kmem's older binary malloc traces as one form among others. */
export class MallocFormReader implements TraceReader {
  readonly #reader: MallocTraceReader;

  constructor({ sink, broken }: ReaderSetting) {
    this.#reader = new MallocTraceReader(sink, broken);
  }

  get position(): number {
    return this.#reader.readEventCount;
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  end(): void {
    this.#reader.end();
  }

  totals(): OpTotals {
    return this.#reader.totals();
  }

  summarize(): FormSummary {
    const reader = this.#reader;
    return {
      format: "malloc",
      form: "atrc",
      events: reader.eventCounts(),
      slotCount: reader.totals().slotCount,
      live: summarizeLive(reader.live),
      header: reader.header!,
      eventCount: reader.readEventCount,
    };
  }
}
