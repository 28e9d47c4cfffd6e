import { formatBytes, formatCount, formatPercent } from "../system/units.ts";
import type { EventStream } from "../trace/event-context.ts";
import type { StatCollector } from "./collector.ts";
import { cacheName } from "./stat-report.ts";
import { timeText } from "./stat-text.ts";

/** What rows of `kmem top` are sorted by, as slabtop's letters have it. */
export const TOP_KEYS = ["bytes", "live", "peak", "hits", "name"] as const;
export type TopKey = (typeof TOP_KEYS)[number];

const NUMBER_COLUMNS = 10;
const PERCENT = 100;

interface TopRow {
  readonly name: string;
  readonly live: number;
  readonly hits: number;
  readonly bytes: number;
  readonly peak: number;
}

/** What is live at this moment, in a table like slabtop's, `lines` rows of it. Caches without live objects are left out. */
export function topText(collector: StatCollector, stream: EventStream, key: TopKey, lines: number): string {
  const { objects, pages, hasTimes, firstTime, lastTime, eventCount } = collector;
  const rows = [...rowsOf(objects.kinds, (kind) => cacheName(stream, kind))];
  rows.push(...rowsOf(pages.kinds, (order) => `pages of order ${order}`));
  const shown = rows.filter(({ live }) => live > 0).sort(orderBy(key));
  const at = hasTimes ? timeText(Math.max(0, lastTime - firstTime)) : `${formatCount(eventCount)} events`;
  const { total } = objects;
  const use = total.liveAllocatedBytes === 0 ? 0 : (total.liveBytes / total.liveAllocatedBytes) * PERCENT;
  return [
    ` At                          : ${at}, ${formatCount(eventCount)} events`,
    ` Live / Total Objects        : ${formatCount(total.liveCount)} / ${formatCount(total.hitCount)}`,
    ` Live / Peak Size            : ${formatBytes(total.liveBytes)} / ${formatBytes(total.peakLiveBytes)}`,
    ` Requested of Set Aside      : ${formatPercent(use)}`,
    ` Live / Peak Pages           : ${formatBytes(pages.total.liveBytes)} / ${formatBytes(pages.total.peakLiveBytes)}`,
    "",
    ["LIVE", "TOTAL", "OBJ SIZE", "LIVE SIZE", "PEAK"].map((title) => title.padStart(NUMBER_COLUMNS)).join(" ") +
      " NAME",
    ...shown.slice(0, lines).map(({ name, live, hits, bytes, peak }) => {
      const cells = [
        formatCount(live),
        formatCount(hits),
        formatBytes(bytes / live),
        formatBytes(bytes),
        formatBytes(peak),
      ];
      return `${cells.map((cell) => cell.padStart(NUMBER_COLUMNS)).join(" ")} ${name}`;
    }),
  ].join("\n");
}

function rowsOf(kinds: StatCollector["objects"]["kinds"], name: (kind: number) => string): TopRow[] {
  return Array.from(kinds, ([kind, { liveCount, hitCount, liveBytes, peakLiveBytes }]) => ({
    name: name(kind),
    live: liveCount,
    hits: hitCount,
    bytes: liveBytes,
    peak: peakLiveBytes,
  }));
}

function orderBy(key: TopKey): (a: TopRow, b: TopRow) => number {
  if (key === "name") return (a, b) => (a.name < b.name ? -1 : 1);
  return (a, b) => b[key] - a[key] || (a.name < b.name ? -1 : 1);
}
