import { formatBytes, formatCount, formatCounted, formatPercent } from "../system/units.ts";
import type { BucketRow, FamilyReport, StatReport, StatRow } from "./stat-report.ts";

/** The keys that rows are sorted by, as perf kmem calls them. */
export const SORT_KEYS = ["bytes", "hit", "frag", "pingpong", "callsite", "ptr", "order", "live", "temporary"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** What of a report is shown. */
export interface StatView {
  readonly caller: boolean;
  readonly alloc: boolean;
  readonly slab: boolean;
  readonly page: boolean;
  /** Only what is live at the end, and sizes of that. */
  readonly live: boolean;
  readonly sort: readonly SortKey[];
  /** Rows of each table; undefined for all. */
  readonly lines: number | undefined;
}

const NAME_COLUMNS = 34;
const RULE = "-".repeat(105);
const SHORT_RULE = "=".repeat(24);
const NS_PER_SECOND = 1e9;
const BAR_COLUMNS = 40;

/** A report as text, in perf kmem stat's words and columns where it has them, and in heaptrack_print's after that. */
export function statText(report: StatReport, view: StatView): string {
  const { objects, pages } = report;
  const parts: string[] = [];
  if (view.slab) {
    if (view.caller) parts.push(slabTable("Callsite", objects.sites, view));
    if (view.alloc) parts.push(slabTable("Alloc Ptr", objects.blocks, view));
    const caches = objects.caches.filter(({ name }) => name !== "(malloc)");
    if (caches.length > 0 && !view.alloc) parts.push(slabTable("Cache", objects.caches, view));
    parts.push(slabSummary(objects));
  }
  if (view.page && pages.total.hitCount > 0) {
    if (view.caller || view.alloc) parts.push(pageTable("Callsite", pages.sites, view));
    parts.push(pageTable("Order", pages.caches, view), pageSummary(pages));
  }
  parts.push(heapSummary(report));
  return parts.join("\n");
}

function sorted(rows: readonly StatRow[], { sort, live }: StatView): StatRow[] {
  const shown = live ? rows.filter(({ liveCount }) => liveCount > 0) : [...rows];
  const bytes = (row: StatRow): number => (live ? row.liveAllocatedBytes : row.allocatedBytes);
  const orders: Readonly<Record<SortKey, (a: StatRow, b: StatRow) => number>> = {
    bytes: (a, b) => bytes(b) - bytes(a),
    hit: (a, b) => b.hitCount - a.hitCount,
    frag: (a, b) => b.fragmentationPercent - a.fragmentationPercent,
    pingpong: (a, b) => b.pingPongCount - a.pingPongCount,
    callsite: (a, b) => a.name.localeCompare(b.name),
    ptr: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
    order: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
    live: (a, b) => b.liveBytes - a.liveBytes,
    temporary: (a, b) => b.temporaryCount - a.temporaryCount,
  };
  return shown.sort((a, b) => {
    for (const key of sort) {
      const order = orders[key](a, b);
      if (order !== 0) return order;
    }
    return 0;
  });
}

/** perf kmem's table of the slab allocator. */
function slabTable(title: string, rows: readonly StatRow[], view: StatView): string {
  const head = ` ${title.padEnd(NAME_COLUMNS)} | Total_alloc/Per | Total_req/Per   | Hit      | Ping-pong | Frag`;
  const all = sorted(rows, view);
  const shown = all.slice(0, view.lines);
  const lines = shown.map((row) => {
    const hits = view.live ? row.liveCount : row.hitCount;
    const alloc = view.live ? row.liveAllocatedBytes : row.allocatedBytes;
    const req = view.live ? row.liveBytes : row.requestedBytes;
    const per = (bytes: number): string =>
      `${bytes}`.padStart(9) + `/${Math.floor(bytes / Math.max(1, hits))}`.padEnd(6);
    const frag = alloc === 0 ? 0 : 100 - (100 * req) / alloc;
    const fragments = `${frag.toFixed(3)}%`.padStart(7);
    const counts = `${`${hits}`.padStart(8)} | ${`${row.pingPongCount}`.padStart(9)} | ${fragments}`;
    return ` ${nameText(row)} | ${per(alloc)} | ${per(req)} | ${counts}`;
  });
  const more = all.length > shown.length ? [` ${"...".padEnd(NAME_COLUMNS)} | ${DOTS}`] : [];
  return [RULE, head, RULE, ...lines, ...more, RULE].join("\n");
}

const DOTS = "...             | ...             | ...      | ...       | ...    ";

function pageTable(title: string, rows: readonly StatRow[], view: StatView): string {
  const head = ` ${title.padEnd(NAME_COLUMNS)} | ${view.live ? "Live" : "Total"} alloc (KB) |      Hits |      Live`;
  const shown = sorted(rows, view).slice(0, view.lines);
  const lines = shown.map((row) => {
    const kib = Math.round((view.live ? row.liveAllocatedBytes : row.allocatedBytes) / 1024);
    const hits = view.live ? row.liveCount : row.hitCount;
    const counts = [hits, row.liveCount].map((count) => formatCount(count).padStart(9)).join(" | ");
    return ` ${nameText(row)} | ${formatCount(kib).padStart(16)} | ${counts}`;
  });
  return [RULE, head, RULE, ...lines, RULE].join("\n");
}

function nameText({ name, frames }: StatRow): string {
  const text = frames === undefined ? name : `${name} < ${frames[1]}`;
  return text.length > NAME_COLUMNS ? `${text.slice(0, NAME_COLUMNS - 1)}…` : text.padEnd(NAME_COLUMNS);
}

function slabSummary({ total }: FamilyReport): string {
  const wasted = total.allocatedBytes - total.requestedBytes;
  const freedBytes = total.allocatedBytes - total.liveAllocatedBytes;
  const fragmentation = total.allocatedBytes === 0 ? 0 : (100 * wasted) / total.allocatedBytes;
  return [
    "",
    "SUMMARY (SLAB allocator)",
    SHORT_RULE,
    `Total bytes requested: ${formatCount(total.requestedBytes)}`,
    `Total bytes allocated: ${formatCount(total.allocatedBytes)}`,
    `Total bytes freed:     ${formatCount(freedBytes)}`,
    `Net total bytes allocated: ${formatCount(total.liveAllocatedBytes)}`,
    `Total bytes wasted on internal fragmentation: ${formatCount(wasted)}`,
    `Internal fragmentation: ${fragmentation.toFixed(6)}%`,
    `Cross CPU allocations: ${formatCount(total.pingPongCount)}/${formatCount(total.hitCount)}`,
  ].join("\n");
}

function pageSummary({ total }: FamilyReport): string {
  const kib = (bytes: number): string => `[ ${formatCount(Math.round(bytes / 1024)).padStart(16)} KB ]`;
  const line = (text: string, count: number, bytes: number): string =>
    `${text.padEnd(29)}: ${formatCount(count).padStart(16)}   ${kib(bytes)}`;
  const freedBytes = total.allocatedBytes - total.liveAllocatedBytes;
  return [
    "",
    "SUMMARY (page allocator)",
    SHORT_RULE,
    line("Total allocation requests", total.hitCount, total.allocatedBytes),
    line("Total free requests", total.freeCount, freedBytes),
    "",
    line("Total alloc+freed requests", total.freeCount, freedBytes),
    line("Total alloc-only requests", total.liveCount, total.liveAllocatedBytes),
  ].join("\n");
}

/** What heaptrack_print ends with, and its histograms. */
function heapSummary({ objects, peak, clock, pages }: StatReport): string {
  const { total } = objects;
  const temporaryPercent = total.hitCount === 0 ? 0 : (100 * total.temporaryCount) / total.hitCount;
  const at = clock === "ns" ? `${(peak.at / NS_PER_SECOND).toFixed(3)} s` : formatCounted(peak.at, "event");
  const peakBytes = total.peakLiveBytes;
  return [
    "",
    `calls to allocation functions: ${formatCount(total.hitCount)}`,
    `temporary memory allocations: ${formatCount(total.temporaryCount)} (${formatPercent(temporaryPercent)})`,
    `peak heap memory consumption: ${formatBytes(peakBytes)}${pages.total.hitCount > 0 ? "" : ` after ${at}`}`,
    `total memory live at the end: ${formatBytes(total.liveBytes)} in ${formatCounted(total.liveCount, "block")}`,
    "",
    histogramText("sizes of allocations", objects.sizes, formatBytes),
    histogramText("lifetimes of what was freed", objects.lifetimes, clock === "ns" ? timeText : formatCount),
  ].join("\n");
}

function histogramText(title: string, rows: readonly BucketRow[], text: (value: number) => string): string {
  if (rows.length === 0) return `${title}: none`;
  const most = Math.max(...rows.map(({ count }) => count));
  const lines = rows.map(({ from, below, count }) => {
    const bar = "#".repeat(Math.round((count / most) * BAR_COLUMNS));
    return `  ${`${text(from)} – ${text(below)}`.padStart(24)}  ${formatCount(count).padStart(12)}  ${bar}`.trimEnd();
  });
  return [`${title}:`, ...lines].join("\n");
}

const TIME_UNITS: readonly (readonly [string, number])[] = [
  ["s", NS_PER_SECOND],
  ["ms", 1e6],
  ["µs", 1e3],
];

/** A time in the largest unit of which there is one: `1.05 ms`. */
export function timeText(ns: number): string {
  const [unit, factor] = TIME_UNITS.find(([, length]) => ns >= length) ?? ["ns", 1];
  return `${Number((ns / factor).toPrecision(3))} ${unit}`;
}
