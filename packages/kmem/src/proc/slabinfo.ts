import type { CacheRow } from "./caches.ts";
import { left, right } from "./format.ts";

const HEADER =
  "slabinfo - version: 2.1\n" +
  "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>" +
  " : tunables <limit> <batchcount> <sharedfactor>" +
  " : slabdata <active_slabs> <num_slabs> <sharedavail>\n";
/** Limit, batch count and shared factor belong to SLAB; Linux's SLUB prints zeros, and so do we. */
const TUNABLES = [0, 0, 0];
/** Objects that slabs share between processors: of SLAB again. */
const SHARED_AVAILABLE = 0;
const WIDTH = { NAME: 17, OBJECTS: 6, OBJECT_BYTES: 6, PER_SLAB: 4, PAGES: 4, TUNABLE: 4, SLABS: 6 } as const;

/** The text of /proc/slabinfo, version 2.1. */
export function slabinfoText(rows: readonly CacheRow[]): string {
  return HEADER + rows.map(line).join("");
}

function line(row: CacheRow): string {
  const about = [
    left(row.name, WIDTH.NAME),
    right(row.activeObjects, WIDTH.OBJECTS),
    right(row.objects, WIDTH.OBJECTS),
    right(row.objectBytes, WIDTH.OBJECT_BYTES),
    right(row.objectsPerSlab, WIDTH.PER_SLAB),
    right(row.pagesPerSlab, WIDTH.PAGES),
  ];
  const tunables = TUNABLES.map((value) => right(value, WIDTH.TUNABLE));
  const slabdata = [row.activeSlabs, row.slabs, SHARED_AVAILABLE].map((value) => right(value, WIDTH.SLABS));
  return `${about.join(" ")} : tunables ${tunables.join(" ")} : slabdata ${slabdata.join(" ")}\n`;
}
