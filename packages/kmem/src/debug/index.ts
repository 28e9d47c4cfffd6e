/**
 * Heaps that find memory bugs, with red zones, poison and call stacks: {@link DebugHeap}; and one for production, which
 * keeps the call stacks of a sample of the blocks: {@link SampledHeap}.
 *
 * @module kmem/debug
 */

export type { DebugCache, DebugCacheOptions } from "./debug-cache.ts";
export { DebugHeap } from "./debug-heap.ts";
export { checkDump, repairDump } from "./dumps.ts";
export type { FaultOptions } from "./fault-injection.ts";
export {
  type AllocationSite,
  type LeakFilter,
  type LiveObject,
  sitesText,
  unreferencedText,
} from "./leaks.ts";
export { openHeap } from "./open-heap.ts";
export type { DebugHeapOptions, DebugThreadOptions } from "./options.ts";
export { type BugFacts, BugReport, type ReportedBlock, type ReportedBytes, type Track } from "./report.ts";
export { SampledHeap, type SampledHeapOptions, type SamplingStats } from "./sampled-heap.ts";
export type { SamplingOptions } from "./sampling-options.ts";
export type { ScanOptions } from "./scan.ts";
export type { AllocationScope } from "./scope.ts";
export type { MapFrame, StackSource } from "./stack.ts";
export type { TrackedHeap } from "./tracked-heap.ts";
