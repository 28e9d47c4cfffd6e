import type { StatReport } from "kmem-cli/internal/insight/stat-report";
import { type FilePlace, sourceOf } from "../sources/opened-file.ts";
import { type ReadTrace, readTrace } from "../trace/read-trace.ts";
import type { ReplayPlan } from "../trace/replay.ts";
import type { EventDetail, LivePoint } from "../trace/trace-store.ts";

/** What is known of a trace once it is read. */
export interface TraceOutline {
  readonly name: string;
  readonly formName: string;
  readonly eventCount: number;
  readonly hasTimes: boolean;
  readonly isKernel: boolean;
  readonly peak: { readonly bytes: number; readonly event: number };
  /** All figures, as `kmem stat --json` prints them. */
  readonly report: StatReport;
}

/** Answers what the page wants to know of a trace; runs in a worker, or in a test. */
export class TraceService {
  #trace: ReadTrace | undefined;

  async open(place: FilePlace): Promise<TraceOutline> {
    const trace = await readTrace(place.name, sourceOf(place));
    this.#trace = trace;
    const { store, form, summary, totals } = trace;
    return {
      name: place.name,
      formName: form.name,
      eventCount: store.eventCount,
      hasTimes: store.hasTimes,
      isKernel: totals.kind === "kernel",
      peak: store.peak,
      report: store.report(summary),
    };
  }

  point(event: number): LivePoint {
    return this.#opened.store.pointAt(event);
  }

  event(event: number): EventDetail | undefined {
    return this.#opened.store.eventAt(event);
  }

  course(from: number, to: number, count: number): LivePoint[] {
    return this.#opened.store.course(from, to, count);
  }

  /** What a worker needs to replay the trace; the operations are shared where the page is isolated. */
  plan(): ReplayPlan {
    const { store, totals, caches } = this.#opened;
    const plain = caches.map(({ objectBytes, allocBytes }) => ({ objectBytes, allocBytes }));
    return { chunks: store.chunks, eventCount: store.eventCount, totals, caches: plain };
  }

  get #opened(): ReadTrace {
    if (this.#trace === undefined) throw new Error("no trace is open");
    return this.#trace;
  }
}
