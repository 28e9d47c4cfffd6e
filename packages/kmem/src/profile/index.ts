/**
 * Allocation profiles and timelines in the formats of viewers that people already have. Pure functions from plain
 * objects to text or bytes: they know no heap, may be called on any thread, and read nothing but what they are given.
 *
 * | function           | format                      | opened by                                                |
 * |--------------------|-----------------------------|----------------------------------------------------------|
 * | `heapProfileText`  | V8 `.heapprofile`           | DevTools of Chrome and Edge, VS Code, speedscope         |
 * | `pprofBytes`       | pprof's `profile.proto`     | pprof, Pyroscope, Polar Signals, Datadog, speedscope     |
 * | `collapsedText`    | collapsed stacks            | flamegraph.pl, inferno, speedscope                       |
 * | `speedscopeText`   | speedscope's own            | speedscope                                               |
 * | `traceEventsText`  | Chrome's trace events, JSON | Perfetto, chrome://tracing, DevTools                     |
 * | `openMetricsText`  | OpenMetrics                 | Prometheus, Grafana                                      |
 *
 * @module kmem/profile
 */
export { type CollapsedOptions, collapsedText } from "./collapsed.ts";
export { gzipped } from "./gzip.ts";
export { type HeapProfileOptions, heapProfileText } from "./heap-profile.ts";
export {
  type BytePart,
  type MetricsOptions,
  type MetricsSource,
  OPEN_METRICS_MEDIA_TYPE,
  openMetricsText,
} from "./open-metrics.ts";
export { parseStack } from "./parse-stack.ts";
export { pprofBytes } from "./pprof.ts";
export {
  type AllocationProfile,
  PROFILE_FIGURES,
  type ProfileFigure,
  type ProfileFigures,
  type ProfileSample,
  type StackFrame,
  totalOf,
} from "./profile.ts";
export { type NamedProfile, speedscopeText } from "./speedscope.ts";
export {
  type CompleteEvent,
  type HeapTimeline,
  type InstantEvent,
  type MemorySnapshot,
  type TimelineEvent,
  traceEventsText,
} from "./trace-events.ts";
