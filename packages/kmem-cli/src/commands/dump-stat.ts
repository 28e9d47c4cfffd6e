import { type DumpInfo, describeDump, type Heap } from "kmem";
import { DebugHeap } from "kmem/debug";
import type { Comparable, NamedFigures } from "../insight/diff-report.ts";
import { plainTable } from "../system/plain-table.ts";
import { formatBytes, formatCount } from "../system/units.ts";
import { quarantinedCount, quarantinedText } from "./quarantined.ts";
import { readDump, readDumpWith } from "./read-dump.ts";

/** Columns of the first column: with those of the figures they fit the width of what is no terminal. */
const NAME_COLUMNS = 96;

/** What is live in a dump, by one thing. */
export interface DumpRow {
  readonly name: string;
  readonly liveCount: number;
  readonly liveBytes: number;
}

/** What `kmem stat --json` prints of a dump. */
export interface DumpStatReport {
  readonly schema: "kmem-dump-stat";
  readonly version: 1;
  readonly dump: string;
  readonly liveCount: number;
  readonly liveBytes: number;
  /** How many of the live blocks are freed ones in the quarantine of a debugged heap: they have no call site. */
  readonly quarantinedCount: number;
  /** Call sites of a debugged heap; empty otherwise. */
  readonly sites: readonly DumpRow[];
  readonly caches: readonly DumpRow[];
  readonly slots: readonly DumpRow[];
}

/** What is live in a dump, by call site where its heap is debugged, by cache, and by slot. */
export async function dumpStat(path: string): Promise<DumpStatReport> {
  const { stats, slots } = await readDumpWith(path, describeDump);
  const heap = await readDump(path);
  const caches = cachesOf(stats);
  return {
    schema: "kmem-dump-stat",
    version: 1,
    dump: path,
    liveCount: stats.liveBlocks,
    liveBytes: stats.bytes.liveSlabBytes + stats.bytes.blockRunBytes,
    quarantinedCount: quarantinedCount(heap, stats.liveBlocks),
    sites: sitesOf(heap),
    caches,
    slots: slots
      .map(({ slot, liveBlocks, liveBytes }) => ({ name: `slot ${slot}`, liveCount: liveBlocks, liveBytes }))
      .filter(({ liveCount }) => liveCount > 0),
  };
}

/** Caches with live blocks; what lies free in sheaves is not live, and empty caches are left out. */
function cachesOf({ caches }: DumpInfo["stats"]): DumpRow[] {
  return caches
    .map(({ name, liveBlocks, blockBytes }) => ({ name, liveCount: liveBlocks, liveBytes: liveBlocks * blockBytes }))
    .filter(({ liveCount }) => liveCount > 0)
    .sort((a, b) => b.liveBytes - a.liveBytes);
}

function sitesOf(heap: Heap): DumpRow[] {
  if (!(heap instanceof DebugHeap)) return [];
  return heap.leaks().map(({ stack, blocks, bytes }) => ({
    name:
      stack
        .split("\n")
        .map((line) => line.trim().replace(/^at /, ""))
        .join(" < ") || "(unknown)",
    liveCount: blocks,
    liveBytes: bytes,
  }));
}

/** A dump's figures as text; `lines` rows of each table. */
export function dumpStatText(report: DumpStatReport, lines: number | undefined): string {
  const table = (title: string, rows: readonly DumpRow[]): string[] => {
    if (rows.length === 0) return [];
    const cells = rows
      .slice(0, lines)
      .map(({ name, liveCount, liveBytes }) => [cut(name), formatCount(liveCount), formatBytes(liveBytes)]);
    return ["", plainTable([title, "live", "bytes"], cells)];
  };
  return [
    `${report.dump}: ${formatCount(report.liveCount)} live blocks, ${formatBytes(report.liveBytes)}` +
      quarantinedText(report.quarantinedCount),
    ...table("site", report.sites),
    ...table("cache", report.caches),
    ...table("slot", report.slots),
  ].join("\n");
}

/** A stack may have thousands of characters, which no line is wide enough for; `--json` has all of them. */
function cut(name: string): string {
  return name.length > NAME_COLUMNS ? `${name.slice(0, NAME_COLUMNS - 1)}…` : name;
}

/** A dump as something to compare; what has gone is not in it. */
export function comparableDump({ dump, sites, caches, slots }: DumpStatReport): Comparable {
  const figures = (rows: readonly DumpRow[]): NamedFigures[] =>
    rows.map((row) => ({ ...row, hitCount: row.liveCount, freeCount: 0 }));
  return { path: dump, sites: figures(sites), caches: figures(caches), slots: figures(slots) };
}
