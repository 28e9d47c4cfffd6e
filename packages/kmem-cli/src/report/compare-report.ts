import type { BucketRow } from "../insight/stat-report.ts";
import type { ReplayReport, TraceReport } from "../replay/report.ts";
import type { SweepReport } from "./sweep-report.ts";

/** Goes up when a field of the document changes its meaning or goes away; new fields alone leave it as it is. */
export const COMPARE_VERSION = 1;

/**
 * What `kmem compare --json` prints, and all that its page is made of: a replay's report, and of each trace what is in
 * it. Sizes are in bytes and times in nanoseconds, as the names say.
 */
export interface CompareReport extends Omit<ReplayReport, "schema" | "version" | "traces"> {
  readonly schema: "kmem-compare";
  readonly version: typeof COMPARE_VERSION;
  readonly traces: readonly CompareTrace[];
  readonly sweep?: SweepReport;
}

export interface CompareTrace extends TraceReport {
  /** Absent where the trace could not be read. */
  readonly profile?: TraceProfile;
}

/** What is in a trace, whoever replays it. */
export interface TraceProfile {
  /** What lifetimes count in. */
  readonly clock: "ns" | "events";
  /** Objects (malloc, kmalloc and slab caches) and pages, as far as there are any. */
  readonly families: readonly FamilyProfile[];
}

export interface FamilyProfile {
  readonly kind: "objects" | "pages";
  readonly allocationCount: number;
  readonly freeCount: number;
  /** Freed before anything else was allocated. */
  readonly temporaryCount: number;
  readonly sizes: readonly BucketRow[];
  readonly lifetimes: readonly BucketRow[];
  /** What the groups are: call sites where the trace has some, else caches, or orders of pages. */
  readonly groupedBy: "site" | "cache" | "order";
  /** Groups in all; the lists below have the first of them. */
  readonly groupCount: number;
  /** By what they asked for, by what of it nobody asked for, and by how often they allocate. */
  readonly byBytes: readonly GroupRow[];
  readonly byWaste: readonly GroupRow[];
  readonly byChurn: readonly GroupRow[];
}

export interface GroupRow {
  readonly name: string;
  /** The callers, the innermost first, where there is more than one. */
  readonly frames?: readonly string[];
  readonly allocationCount: number;
  readonly requestedBytes: number;
  readonly allocatedBytes: number;
  /** Set aside and not asked for. */
  readonly wastedBytes: number;
  readonly temporaryCount: number;
  readonly peakLiveBytes: number;
  readonly liveBytesAtEnd: number;
}
