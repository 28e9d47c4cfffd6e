/**
 * The reports that a Linux machine has under /proc, and slabtop, of a heap: character for character in the formats of
 * the kernel, so that what reads those reads these.
 *
 * @module kmem/proc
 */

import { attachmentOf } from "../heap/access.ts";
import type { Heap } from "../heap/heap.ts";
import { heapStats } from "../heap/inspect.ts";
import { findAnchor } from "../kernels/linux/anchor.ts";
import { badArgument, type Checks, reading, readOptions } from "../memory/arguments.ts";
import type { VmArea } from "../vmalloc/areas.ts";
import type { Vmalloc, VmallocStats } from "../vmalloc/vmalloc.ts";
import { buddyinfoText } from "./buddyinfo.ts";
import { cacheRows } from "./caches.ts";
import { meminfoText } from "./meminfo.ts";
import { slabinfoText } from "./slabinfo.ts";
import { SLABTOP_SORTS, type SlabtopSort, slabtopText } from "./slabtop.ts";
import { vmallocinfoText } from "./vmallocinfo.ts";

export { SLABTOP_SORTS, type SlabtopSort } from "./slabtop.ts";

/** Virtual memory as far as the reports read it: the `vm` of `kmem/linux`. */
export interface VirtualMemoryReader {
  /** The areas in the order of their addresses. */
  areas(): readonly VmArea[];
  /** The figures of the virtual memory. */
  stats(): VmallocStats;
}

/** How {@link slabtop} is wanted. */
export interface SlabtopOptions {
  /** A letter of {@link SLABTOP_SORTS}. Default: `o`, by objects. */
  readonly sort?: SlabtopSort;
}

const SLABTOP_CHECKS: Checks<SlabtopOptions> = {
  sort: (name, value) => {
    if (typeof value === "string" && Object.hasOwn(SLABTOP_SORTS, value)) return;
    throw badArgument(name, `one of the letters ${Object.keys(SLABTOP_SORTS).join("")}`, value);
  },
};

/**
 * /proc/slabinfo 2.1: a line for each cache, also those without slabs, the newest first. Objects in sheaves count as
 * active; tunables are 0, as Linux has them since SLUB. Blanks in names become underlines. O(pages).
 */
export function slabinfo(heap: Heap): string {
  return reading("heap", heap, () => slabinfoText(cacheRows(heapStats(heap, { emptyCaches: true }).caches)));
}

/** /proc/buddyinfo: the free blocks of each order, a line for each zone that has pages. O(zones). */
export function buddyinfo(heap: Heap): string {
  return reading("heap", heap, () => buddyinfoText(heap.pages.stats()));
}

/** /proc/vmallocinfo: a line for each area, in the order of addresses; empty when there is none. O(areas). */
export function vmallocinfo(vmalloc?: VirtualMemoryReader): string {
  return vmalloc === undefined ? "" : reading("vmalloc", vmalloc, () => vmallocinfoText(vmalloc.areas()));
}

/**
 * /proc/meminfo with the lines that mean something here: MemTotal, MemFree, MemAvailable, Slab, Percpu, and those of
 * the virtual memory where it is given: PageTables, VmallocTotal, VmallocUsed, VmallocChunk. O(pages).
 */
export function meminfo(heap: Heap, vmalloc?: VirtualMemoryReader): string {
  const areas = vmalloc === undefined ? undefined : reading("vmalloc", vmalloc, () => vmalloc.stats());
  return reading("heap", heap, () => meminfoText(heapStats(heap), areas));
}

/** What `slabtop -o` prints for {@link slabinfo}. O(pages). */
export function slabtop(heap: Heap, options: SlabtopOptions = {}): string {
  const { sort = "o" } = readOptions("options", options, SLABTOP_CHECKS);
  return reading("heap", heap, () => slabtopText(cacheRows(heapStats(heap, { emptyCaches: true }).caches), sort));
}

/**
 * The virtual memory that `kmem/linux` made in a heap, undefined where it made none: that of a dump, for the reports.
 * Reads only. Throws as `Vmalloc.attach` does where it is damaged. O(pages).
 */
export function findVmalloc(heap: Heap): Vmalloc | undefined {
  const layers = attachmentOf(heap).layers;
  return reading("heap", heap, () => findAnchor(layers)?.vm);
}
