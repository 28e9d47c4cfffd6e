import { basename } from "node:path";
import { type AllocationProfile, gzipped, pprofBytes, type StackFrame, speedscopeText } from "kmem/profile";
import type { ByteSink } from "../forms/stored-section-writer.ts";
import type { EventStream } from "../trace/event-context.ts";
import type { TraceSummary } from "../trace/trace-summary.ts";
import { StatCollector } from "./collector.ts";
import type { Conversion } from "./conversion.ts";

const NS_PER_MS = 1e6;
/** `main (/tmp/a.c:12)`. */
const PLACED = /^(.*) \((.*):(\d{1,7})\)$/;

/** Sums a trace up by call site, as a profile for pprof or speedscope. */
export class ProfileConversion implements Conversion {
  readonly #sink: ByteSink;
  readonly #stream: EventStream;
  readonly #collector: StatCollector;
  readonly #form: "pprof" | "speedscope";

  constructor(sink: ByteSink, stream: EventStream, form: "pprof" | "speedscope") {
    this.#sink = sink;
    this.#stream = stream;
    this.#collector = new StatCollector(stream);
    this.#form = form;
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    this.#collector.op(code, log2Align, slot, size, aux);
  }

  async finish({ path }: TraceSummary): Promise<void> {
    const profile = profileOf(this.#collector, this.#stream);
    if (this.#form === "pprof") this.#sink(await gzipped(pprofBytes(profile)));
    else this.#sink(Buffer.from(speedscopeText([{ name: basename(path), profile }]), "utf8"));
  }
}

/** What a collector has counted of objects, as a profile. A trace's clock begins anywhere: the profile begins at 0. */
function profileOf(collector: StatCollector, { tables }: EventStream): AllocationProfile {
  const { objects, pages, hasTimes, firstTime, lastTime } = collector;
  const family = objects.total.hitCount > 0 ? objects : pages;
  const samples = Array.from(family.sites, ([stack, figures]) => ({
    stack: tables.framesOf(stack).map(frameOf),
    liveCount: figures.liveCount,
    liveBytes: figures.liveBytes,
    allocCount: figures.hitCount,
    allocBytes: figures.requestedBytes,
  }));
  return { samples, startedAtMs: 0, durationMs: hasTimes ? Math.max(0, lastTime - firstTime) / NS_PER_MS : 0 };
}

function frameOf(name: string): StackFrame {
  const placed = PLACED.exec(name);
  if (placed === null) return { functionName: name, url: "", line: 0, column: 0 };
  return { functionName: placed[1]!, url: placed[2]!, line: Number(placed[3]), column: 0 };
}
