import type { HeapStats } from "../kmalloc/stats.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { ZoneStats } from "../pages/zone.ts";
import type { VmallocStats } from "../vmalloc/vmalloc.ts";
import { KILOBYTE_BYTES, left, right } from "./format.ts";
import { sumOf } from "./sum.ts";

const WIDTH = { NAME: 16, VALUE: 8 } as const;

/**
 * The text of /proc/meminfo with the lines that mean something here, in Linux's order. Bytes become kB, 1024 bytes.
 *
 * | line         | here                                                                              |
 * |--------------|-----------------------------------------------------------------------------------|
 * | MemTotal     | pages of all zones: the memory without the tables that describe it                |
 * | MemFree      | free pages, the reserve included                                                  |
 * | MemAvailable | free pages above the high watermarks; what `trim` could give back is not known    |
 * | Slab         | slabs, and blocks of kmalloc too large for one, which Linux counts there as well  |
 * | PageTables   | directory and page tables of the virtual memory                                   |
 * | VmallocTotal | virtual addresses there are                                                       |
 * | VmallocUsed  | pages in areas of vmalloc                                                         |
 * | VmallocChunk | the longest free stretch of virtual addresses, as before Linux 4.4 (0 since)      |
 * | Percpu       | private pages of slots, and the pages and runs that they cache                    |
 *
 * The four about virtual memory are there when that is. SReclaimable and SUnreclaim are not: no cache says which it is.
 */
export function meminfoText(stats: HeapStats, vmalloc?: VmallocStats): string {
  const { bytes, zones, caches } = stats;
  const pages = sumOf(zones, (zone) => zone.pages);
  const slabPages = sumOf(caches, (cache) => cache.slabs * cache.slabPages);
  return [
    line("MemTotal", pages * PAGE_SIZE),
    line("MemFree", bytes.freePageBytes),
    line("MemAvailable", availablePages(zones) * PAGE_SIZE),
    line("Slab", slabPages * PAGE_SIZE + bytes.blockRunBytes),
    ...(vmalloc === undefined ? [] : vmallocLines(vmalloc)),
    line("Percpu", bytes.slotBytes + bytes.pcpBytes),
  ].join("");
}

function vmallocLines(stats: VmallocStats): string[] {
  return [
    line("PageTables", (stats.directoryPages + stats.tablePages) * PAGE_SIZE),
    line("VmallocTotal", stats.totalBytes),
    line("VmallocUsed", stats.framePages * PAGE_SIZE),
    line("VmallocChunk", stats.largestFreeBytes),
  ];
}

function availablePages(zones: readonly ZoneStats[]): number {
  const available = sumOf(zones, (zone) => zone.freePages) - sumOf(zones, (zone) => zone.watermarkPages.high);
  return Math.max(0, available);
}

function line(name: string, bytes: number): string {
  return `${left(`${name}:`, WIDTH.NAME)}${right(Math.floor(bytes / KILOBYTE_BYTES), WIDTH.VALUE)} kB\n`;
}
