import type { DumpInfo } from "kmem";
import { formatBytes, formatCount, formatPercent } from "../system/units.ts";

/** What rows of `kmem top --live` are sorted by. How often a cache was asked cannot be seen by looking at a heap. */
export const LIVE_TOP_KEYS = ["bytes", "live", "peak", "name"] as const;
export type LiveTopKey = (typeof LIVE_TOP_KEYS)[number];

const NUMBER_COLUMNS = 10;
const PERCENT = 100;
const TITLES = ["LIVE", "OBJ SIZE", "LIVE SIZE", "PEAK", "SLABS", "USE"];

interface LiveTopRow {
  readonly name: string;
  readonly live: number;
  readonly objectBytes: number;
  readonly bytes: number;
  readonly peak: number;
  readonly slabs: number;
  /** Live blocks of all that the slabs have, in percent. */
  readonly use: number;
}

/** Looks at a running heap, one look after another: what is live in it, in a table like slabtop's. */
export class LiveTop {
  readonly #peaks = new Map<string, number>();
  #peakBytes = 0;

  /** What a look has seen, `lines` rows of it. Caches without live objects are left out; peaks are of all looks. */
  text({ stats, slots, slotCount }: DumpInfo, key: LiveTopKey, lines: number): string {
    const { bytes, caches, liveBlocks, footprintBytes } = stats;
    const liveBytes = bytes.liveSlabBytes + bytes.blockRunBytes;
    this.#peakBytes = Math.max(this.#peakBytes, liveBytes);
    const rows = caches
      .filter((cache) => cache.liveBlocks > 0)
      .map((cache): LiveTopRow => {
        const live = cache.liveBlocks * cache.objectBytes;
        const peak = Math.max(this.#peaks.get(cache.name) ?? 0, live);
        this.#peaks.set(cache.name, peak);
        return {
          ...{ name: cache.name, live: cache.liveBlocks, objectBytes: cache.objectBytes, bytes: live, peak },
          ...{ slabs: cache.slabs, use: (PERCENT * cache.liveBlocks) / (cache.slabs * cache.slabBlocks) },
        };
      })
      .sort(orderBy(key));
    return [
      ` Live Objects                : ${formatCount(liveBlocks)}`,
      ` Live / Peak Size            : ${formatBytes(liveBytes)} / ${formatBytes(this.#peakBytes)}`,
      ` Live of Footprint           : ${formatPercent((PERCENT * liveBytes) / footprintBytes)} of ${formatBytes(footprintBytes)}`,
      ` Large Blocks / Page Runs    : ${formatBytes(bytes.blockRunBytes)} / ${formatBytes(bytes.pageRunBytes)}`,
      ` Slots                       : ${slots.length} of ${slotCount}`,
      "",
      `${TITLES.map((title) => title.padStart(NUMBER_COLUMNS)).join(" ")} NAME`,
      ...rows.slice(0, lines).map((row) => {
        const cells = [
          formatCount(row.live),
          formatBytes(row.objectBytes),
          formatBytes(row.bytes),
          formatBytes(row.peak),
          formatCount(row.slabs),
          formatPercent(row.use),
        ];
        return `${cells.map((cell) => cell.padStart(NUMBER_COLUMNS)).join(" ")} ${row.name}`;
      }),
    ].join("\n");
  }
}

function orderBy(key: LiveTopKey): (a: LiveTopRow, b: LiveTopRow) => number {
  if (key === "name") return (a, b) => (a.name < b.name ? -1 : 1);
  return (a, b) => b[key] - a[key] || (a.name < b.name ? -1 : 1);
}
