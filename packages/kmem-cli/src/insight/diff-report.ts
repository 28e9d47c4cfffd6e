import type { StatReport, StatRow } from "./stat-report.ts";

/** Goes up when a field changes its meaning or goes away. */
const DIFF_VERSION = 1;

/** How the live bytes of one site, cache or thread differ. */
export interface DiffRow {
  readonly name: string;
  readonly before: DiffFigures;
  readonly after: DiffFigures;
  readonly deltaBytes: number;
  readonly deltaCount: number;
}

/** What is live, and what was allocated and freed. */
export interface DiffFigures {
  readonly liveBytes: number;
  readonly liveCount: number;
  readonly hitCount: number;
  readonly freeCount: number;
}

/** What `kmem diff --json` prints. */
export interface DiffReport {
  readonly schema: "kmem-diff";
  readonly version: typeof DIFF_VERSION;
  readonly before: string;
  readonly after: string;
  readonly total: DiffRow;
  readonly sites: readonly DiffRow[];
  readonly caches: readonly DiffRow[];
  readonly slots: readonly DiffRow[];
}

/** What is compared of a trace or a dump. */
export interface Comparable {
  readonly path: string;
  readonly sites: readonly NamedFigures[];
  readonly caches: readonly NamedFigures[];
  readonly slots: readonly NamedFigures[];
}

export interface NamedFigures extends DiffFigures {
  readonly name: string;
}

const NOTHING: DiffFigures = { liveBytes: 0, liveCount: 0, hitCount: 0, freeCount: 0 };

/** What of a trace is compared: its objects, or its pages where it has nothing else. */
export function comparableTrace({ trace, objects, pages }: StatReport): Comparable {
  const family = objects.total.hitCount > 0 ? objects : pages;
  const rows = (all: readonly StatRow[]): NamedFigures[] =>
    all.map(({ name, frames, liveBytes, liveCount, hitCount, freeCount }) => ({
      name: frames?.join(" < ") ?? name,
      liveBytes,
      liveCount,
      hitCount,
      freeCount,
    }));
  return { path: trace.path, sites: rows(family.sites), caches: rows(family.caches), slots: rows(family.threads) };
}

/** Compares two traces or dumps; what differs most comes first, and what does not differ at all is left out. */
export function diffReport(before: Comparable, after: Comparable): DiffReport {
  return {
    schema: "kmem-diff",
    version: DIFF_VERSION,
    before: before.path,
    after: after.path,
    total: rowOf("total", sum(before.caches), sum(after.caches)),
    sites: compare(before.sites, after.sites),
    caches: compare(before.caches, after.caches),
    slots: compare(before.slots, after.slots),
  };
}

function compare(before: readonly NamedFigures[], after: readonly NamedFigures[]): DiffRow[] {
  const old = grouped(before);
  const now = grouped(after);
  const rows = [...new Set([...old.keys(), ...now.keys()])].map((name) =>
    rowOf(name, old.get(name) ?? NOTHING, now.get(name) ?? NOTHING),
  );
  return rows
    .filter(({ deltaBytes, deltaCount }) => deltaBytes !== 0 || deltaCount !== 0)
    .sort((a, b) => Math.abs(b.deltaBytes) - Math.abs(a.deltaBytes) || (a.name < b.name ? -1 : 1));
}

function grouped(rows: readonly NamedFigures[]): Map<string, DiffFigures> {
  const groups = new Map<string, DiffFigures>();
  for (const row of rows) groups.set(row.name, add(groups.get(row.name) ?? NOTHING, row));
  return groups;
}

function sum(rows: readonly DiffFigures[]): DiffFigures {
  return rows.reduce(add, NOTHING);
}

function add(a: DiffFigures, b: DiffFigures): DiffFigures {
  return {
    liveBytes: a.liveBytes + b.liveBytes,
    liveCount: a.liveCount + b.liveCount,
    hitCount: a.hitCount + b.hitCount,
    freeCount: a.freeCount + b.freeCount,
  };
}

function rowOf(name: string, before: DiffFigures, after: DiffFigures): DiffRow {
  const deltaBytes = after.liveBytes - before.liveBytes;
  return { name, before, after, deltaBytes, deltaCount: after.liveCount - before.liveCount };
}
