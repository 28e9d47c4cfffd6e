import { StatCollector } from "../insight/collector.ts";
import { statReport } from "../insight/stat-report.ts";
import type { Contender } from "../replay/contender.ts";
import { type ReplayObserver, type ReplayOptions, replayTraces } from "../replay/replay-traces.ts";
import type { EventStream } from "../trace/event-context.ts";
import { COMPARE_VERSION, type CompareReport, type CompareTrace } from "./compare-report.ts";
import { traceProfile } from "./trace-profile.ts";

/** Parts of a workload that the lines over time are drawn of. */
const SAMPLE_COUNT = 200;

/** How traces are compared: as they are replayed, with samples of the memory. */
export type CompareOptions = Omit<ReplayOptions, "watch" | "sampleCount">;

/** Replays traces on contenders, and finds out what is in them as they are read. As `replayTraces`. */
export async function compareTraces(
  paths: readonly string[],
  contenders: readonly Contender[],
  options: CompareOptions,
  observer: ReplayObserver,
): Promise<CompareReport> {
  const watched = new Map<number, { readonly collector: StatCollector; readonly stream: EventStream }>();
  const watch = (number: number, stream: EventStream): StatCollector => {
    const collector = new StatCollector(stream);
    watched.set(number, { collector, stream });
    return collector;
  };
  const replayed = await replayTraces(paths, contenders, { ...options, sampleCount: SAMPLE_COUNT, watch }, observer);
  const traces = replayed.traces.map((trace, number): CompareTrace => {
    const seen = watched.get(number);
    if (seen === undefined || trace.summary === undefined) return trace;
    return { ...trace, profile: traceProfile(statReport(trace.summary, seen.collector, seen.stream)) };
  });
  return { ...replayed, schema: "kmem-compare", version: COMPARE_VERSION, traces };
}
