import type { EventStream } from "../trace/event-context.ts";
import type { TraceSummary } from "../trace/trace-summary.ts";
import { type Figures, fragmentationPercent } from "./allocation-figures.ts";
import type { Family, StatCollector } from "./collector.ts";

/** Goes up when a field changes its meaning or goes away. */
const STAT_VERSION = 1;

/** One row of a table: what it is of, and its figures. */
export interface StatRow extends Figures {
  readonly name: string;
  /** The frames of a call site, the innermost first, where there is more than one. */
  readonly frames?: readonly string[];
  readonly fragmentationPercent: number;
  /** Of pages: the order. */
  readonly order?: number;
}

/** The figures of one family. */
export interface FamilyReport {
  readonly total: Figures;
  readonly sites: readonly StatRow[];
  readonly caches: readonly StatRow[];
  readonly threads: readonly StatRow[];
  /** Blocks one by one, where they were asked for. */
  readonly blocks: readonly StatRow[];
  readonly sizes: readonly BucketRow[];
  readonly lifetimes: readonly BucketRow[];
}

/** A bucket of a histogram: values from `from` to below `below`. */
export interface BucketRow {
  readonly from: number;
  readonly below: number;
  readonly count: number;
}

/** What `kmem stat --json` prints of a trace. */
export interface StatReport {
  readonly schema: "kmem-stat";
  readonly version: typeof STAT_VERSION;
  readonly trace: TraceSummary;
  /** What lifetimes and the peak's time count in. */
  readonly clock: "ns" | "events";
  readonly peak: { readonly bytes: number; readonly at: number };
  readonly objects: FamilyReport;
  readonly pages: FamilyReport;
}

const UNKNOWN_SITE = "(unknown)";

/** What a collector has counted, by names. */
export function statReport(trace: TraceSummary, collector: StatCollector, stream: EventStream): StatReport {
  const { objects, pages, peak, hasTimes, firstTime, blocks } = collector;
  const names = namesOf(stream);
  return {
    schema: "kmem-stat",
    version: STAT_VERSION,
    trace,
    clock: hasTimes ? "ns" : "events",
    peak: { bytes: peak.bytes, at: hasTimes ? peak.at - firstTime : peak.at },
    objects: familyReport(objects, names, blocks),
    pages: familyReport(pages, { ...names, kind: (order) => `order ${order}` }, undefined),
  };
}

interface Names {
  readonly frames: (stack: number) => readonly string[];
  readonly thread: (id: number) => string;
  readonly kind: (kind: number) => string;
}

function namesOf(stream: EventStream): Names {
  const { tables } = stream;
  return {
    frames: (stack) => tables.framesOf(stack),
    thread: (id) => (id === 0 ? "(unknown)" : tables.threads.name(id)),
    kind: (kind) => cacheName(stream, kind),
  };
}

/** What a kind of objects is called: a collector's kinds are caches, plus 1, and 0 for what is of none. */
export function cacheName({ tables }: EventStream, kind: number): string {
  if (kind === 0) return "(malloc)";
  const cache = tables.caches[kind - 1];
  if (cache === undefined) return "(unknown)";
  return cache.name === "" ? `(objects of ${cache.objectBytes})` : cache.name;
}

function familyReport(family: Family, names: Names, blocks: ReadonlyMap<number, Figures> | undefined): FamilyReport {
  const rows = (figures: ReadonlyMap<number, Figures>, name: (id: number) => string): StatRow[] =>
    Array.from(figures, ([id, one]) => row(name(id), one));
  const sites = Array.from(family.sites, ([stack, figures]) => {
    const frames = names.frames(stack);
    const one = row(frames[0] ?? UNKNOWN_SITE, figures);
    return frames.length > 1 ? { ...one, frames } : one;
  });
  return {
    total: family.total,
    sites: byBytes(sites),
    caches: byBytes(rows(family.kinds, names.kind)),
    threads: byBytes(rows(family.threads, names.thread)),
    blocks: byBytes(rows(blocks ?? new Map<number, Figures>(), (slot) => `block ${slot}`)),
    sizes: buckets(family.sizes),
    lifetimes: buckets(family.lifetimes),
  };
}

function row(name: string, figures: Figures): StatRow {
  return { name, ...figures, fragmentationPercent: fragmentationPercent(figures) };
}

function byBytes(rows: StatRow[]): StatRow[] {
  return rows.sort((a, b) => b.allocatedBytes - a.allocatedBytes || (a.name < b.name ? -1 : 1));
}

function buckets(histogram: Float64Array): BucketRow[] {
  return Array.from(histogram, (count, bucket) => ({
    from: bucket === 0 ? 0 : 2 ** (bucket - 1),
    below: 2 ** bucket,
    count,
  })).filter(({ count }) => count > 0);
}
