import { KernelContextReader } from "./kernel-context.ts";
import { KernelTraceReader } from "./kernel-trace.ts";
import { Matcher } from "./matcher.ts";
import type { OpTotals } from "./op-stream.ts";
import type { ReaderSetting, TraceReader } from "./trace-reader.ts";
import { type FormSummary, summarizeLive } from "./trace-summary.ts";

/** The text of ftrace, perf script, perf trace and trace-cmd report as one form among others. */
export class KernelFormReader implements TraceReader {
  readonly #matcher: Matcher;
  readonly #reader: KernelTraceReader;

  constructor({ sink, stream, broken }: ReaderSetting) {
    const { caches } = stream.tables;
    this.#matcher = new Matcher(sink, {
      onCache: (_id, nameId, { objectBytes, allocBytes }) => {
        caches.push({ name: this.#reader.cacheNames.name(nameId), objectBytes, allocBytes });
      },
      onName: (id, nameId) => {
        caches[id]!.name = this.#reader.cacheNames.name(nameId);
      },
    });
    const context = stream.wantsContext ? new KernelContextReader(stream) : undefined;
    this.#reader = new KernelTraceReader(this.#matcher, broken, context);
  }

  get position(): number {
    return this.#reader.lineCount;
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  end(isCut: boolean): void {
    this.#reader.end(isCut);
  }

  totals(): OpTotals {
    return this.#matcher.totals();
  }

  summarize(): FormSummary {
    const matcher = this.#matcher;
    const { lines, events, lostEventCount, unread } = this.#reader.counts();
    return {
      format: "kernel",
      form: "kernel",
      events,
      slotCount: matcher.totals().slotCount,
      live: summarizeLive(matcher.total),
      lines,
      lostEventCount,
      unread,
      objects: { ...summarizeLive(matcher.liveObjects), ...matcher.objectCounts() },
      pages: { ...summarizeLive(matcher.livePages), ...matcher.pageCounts() },
      caches: matcher.registry.caches(this.#reader.cacheNames),
    };
  }
}
