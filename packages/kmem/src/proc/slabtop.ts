import { PAGE_SIZE } from "../memory/layout.ts";
import type { CacheRow } from "./caches.ts";
import { fixed, KILOBYTE_BYTES, left, right } from "./format.ts";
import { sumOf } from "./sum.ts";

const PERCENT = 100;
const WIDTH = {
  SUMMARY: 35,
  OBJECTS: 6,
  USE: 3,
  OBJECT_KILOBYTES: 7,
  SLABS: 6,
  PER_SLAB: 8,
  CACHE_KILOBYTES: 9,
  NAME: 23,
} as const;
const KILOBYTE_DIGITS = 2;
const SHARE_DIGITS = 1;
const TITLES = "  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE ";

/** A letter of slabtop's option -s. */
export type SlabtopSort = "a" | "b" | "c" | "l" | "v" | "n" | "o" | "p" | "s" | "u";

const BY_NAME = "n";
/** What the other letters sort by. */
const CRITERIA: Readonly<Record<Exclude<SlabtopSort, typeof BY_NAME>, (row: CacheRow) => number>> = {
  a: (row) => row.activeObjects,
  b: (row) => row.objectsPerSlab,
  c: cachePages,
  l: (row) => row.slabs,
  v: (row) => row.activeSlabs,
  o: (row) => row.objects,
  p: (row) => row.pagesPerSlab,
  s: (row) => row.objectBytes,
  u: usePercent,
};

/** What each letter sorts by, in the order of slabtop's own help. */
export const SLABTOP_SORTS: Readonly<Record<SlabtopSort, string>> = {
  a: "active objects",
  b: "objects per slab",
  c: "cache size",
  l: "slabs",
  v: "active slabs",
  n: "name",
  o: "objects",
  p: "pages per slab",
  s: "object size",
  u: "cache utilization",
};

/**
 * The output of `slabtop -o`: sums over all caches, an empty line, and a line for each cache, the largest first, or in
 * the order of names. Caches that are alike stay in the order of /proc/slabinfo.
 */
export function slabtopText(rows: readonly CacheRow[], sort: SlabtopSort): string {
  const lines = [...summaryLines(rows), "", TITLES + left("NAME", WIDTH.NAME), ...sorted(rows, sort).map(cacheLine)];
  return `${lines.join("\n")}\n`;
}

function sorted(rows: readonly CacheRow[], sort: SlabtopSort): CacheRow[] {
  if (sort === BY_NAME) return [...rows].sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  const criterion = CRITERIA[sort];
  return [...rows].sort((a, b) => criterion(b) - criterion(a));
}

function summaryLines(rows: readonly CacheRow[]): string[] {
  const sum = (figureOf: (row: CacheRow) => number): number => sumOf(rows, figureOf);
  const objects = sum((row) => row.objects);
  const slabs = sum((row) => row.slabs);
  const activeCaches = rows.filter((row) => row.objects > 0).length;
  const totalBytes = sum((row) => row.objects * row.objectBytes);
  const activeBytes = sum((row) => row.activeObjects * row.objectBytes);
  const sizes = rows.map((row) => row.objectBytes);
  const least = sizes.reduce((a, b) => Math.min(a, b), sizes[0] ?? 0);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const averageBytes = objects === 0 ? 0 : Math.floor(totalBytes / objects);
  const share = (part: number, whole: number, text: (value: number) => string): string => {
    const percent = whole === 0 ? 0 : (PERCENT * part) / whole;
    return `${text(part)} / ${text(whole)} (${fixed(percent, SHARE_DIGITS)}%)`;
  };
  return [
    summary(
      "Active / Total Objects (% used)",
      share(
        sum((row) => row.activeObjects),
        objects,
        String,
      ),
    ),
    summary(
      "Active / Total Slabs (% used)",
      share(
        sum((row) => row.activeSlabs),
        slabs,
        String,
      ),
    ),
    summary("Active / Total Caches (% used)", share(activeCaches, rows.length, String)),
    summary("Active / Total Size (% used)", share(activeBytes, totalBytes, kilobytes)),
    summary("Minimum / Average / Maximum Object", [least, averageBytes, largest].map(kilobytes).join(" / ")),
  ];
}

function summary(title: string, text: string): string {
  return ` ${left(title, WIDTH.SUMMARY)}: ${text}`;
}

function cacheLine(row: CacheRow): string {
  return [
    right(row.objects, WIDTH.OBJECTS),
    right(row.activeObjects, WIDTH.OBJECTS),
    `${right(usePercent(row), WIDTH.USE)}%`,
    `${right(fixed(row.objectBytes / KILOBYTE_BYTES, KILOBYTE_DIGITS), WIDTH.OBJECT_KILOBYTES)}K`,
    right(row.slabs, WIDTH.SLABS),
    right(row.objectsPerSlab, WIDTH.PER_SLAB),
    `${right((cachePages(row) * PAGE_SIZE) / KILOBYTE_BYTES, WIDTH.CACHE_KILOBYTES)}K`,
    left(row.name, WIDTH.NAME),
  ].join(" ");
}

function cachePages(row: CacheRow): number {
  return row.slabs * row.pagesPerSlab;
}

function usePercent(row: CacheRow): number {
  return row.objects === 0 ? 0 : Math.floor((PERCENT * row.activeObjects) / row.objects);
}

function kilobytes(bytes: number): string {
  return `${fixed(bytes / KILOBYTE_BYTES, KILOBYTE_DIGITS)}K`;
}
