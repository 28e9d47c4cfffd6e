/** Finds memory bugs: see {@link DebugHeap}. */
export type { FaultOptions } from "./debug/fault-injection.ts";
export {
  type AllocationSite,
  type LeakFilter,
  type LiveObject,
  sitesText,
  unreferencedText,
} from "./debug/leaks.ts";
export { type BugFacts, BugReport, type ReportedBlock, type ReportedBytes, type Track } from "./debug/report.ts";
export type { ScanOptions } from "./debug/scan.ts";
export type { AllocationScope } from "./debug/scope.ts";
export type { MapFrame } from "./debug/stack.ts";
export { DebugCache, type DebugCacheOptions } from "./debug-cache.ts";
export { checkDump, repairDump } from "./debug-dumps.ts";
export { DebugHeap } from "./debug-heap.ts";
export type { DebugHeapOptions, DebugThreadOptions } from "./debug-options.ts";
export { loadHeap } from "./load-heap.ts";
export { SampledHeap, type SampledHeapOptions, type SamplingOptions, type SamplingStats } from "./sampled-heap.ts";
