import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { Geometry } from "../memory/header.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { BuddyZone } from "./buddy.ts";
import type { FrameTable } from "./frames.ts";
import { MAX_ORDER_FRAMES, ORDER_COUNT, ZONE_COUNT, ZONE_NAMES, Zone, ZoneRecord } from "./layout.ts";
import { tablePages, tablePagesUpTo } from "./moving-tables.ts";
import type { PageRequest } from "./page-request.ts";

/** Statistics of one zone. "Frame" and "page" mean the same thing. */
export interface ZoneStats {
  /** Name of the zone, as /proc/buddyinfo prints it. */
  readonly name: string;
  /** The heap's pages in the zone; holes, pages that are not this heap's, do not count. */
  readonly pages: number;
  /** Free pages in the zone. */
  readonly freePages: number;
  /** Free blocks of each order from 0, as a line of /proc/buddyinfo. */
  readonly freeBlocksByOrder: readonly number[];
  /**
   * `min`: free pages that ordinary requests leave. `low`: at or below it pressure begins where memory cannot grow, and
   * sheaves and pcp lists are bypassed. `high`: above it that ends.
   */
  readonly watermarkPages: { readonly min: number; readonly low: number; readonly high: number };
}

/** The reserve, which only requests with `mayUseReserve` may use, is the zone's pages divided by this. */
const RESERVE_DIVISOR = 256;
/** The reserve never exceeds this many pages: 1 MiB. */
const RESERVE_PAGES_MAX = 256;

/** The zones over one frame table. DMA comes first in memory and may be empty. */
export function openZones(frames: FrameTable, geometry: Geometry): readonly BuddyZone[] {
  return Array.from({ length: ZONE_COUNT }, (_, zone) => new BuddyZone(frames, geometry.zoneTable, zone));
}

/** Sets the bounds of all zones after creation; `extendZones` adds the pages. */
export function createZones(zones: readonly BuddyZone[], geometry: Geometry): void {
  const dmaEnd = dmaEndFrame(geometry);
  setBounds(zones[Zone.DMA], geometry.firstPageFrame, geometry.firstPageFrame);
  setBounds(zones[Zone.NORMAL], dmaEnd, dmaEnd);
}

/**
 * Moves the end of the zones up to `end`, and adds the frames from `first` on as free pages, but for tables that move,
 * which stand at one end of them if there. The frames between the former end and `first` become a hole: they are not
 * this heap's.
 */
export function extendZones(zones: readonly BuddyZone[], geometry: Geometry, first: number, end: number): void {
  const dmaEnd = dmaEndFrame(geometry);
  extendZone(zones[Zone.DMA], geometry, Math.min(first, dmaEnd), Math.min(end, dmaEnd));
  extendZone(zones[Zone.NORMAL], geometry, Math.max(first, dmaEnd), end);
}

function setBounds(zone: BuddyZone, first: number, end: number): void {
  zone.set(ZoneRecord.FIRST_FRAME, first);
  zone.set(ZoneRecord.END_FRAME, end);
}

function extendZone(zone: BuddyZone, geometry: Geometry, first: number, end: number): void {
  const oldEnd = zone.get(ZoneRecord.END_FRAME);
  if (end <= oldEnd) return;
  if (ASSERTIONS)
    assert(first >= oldEnd, `a zone that ends at page ${oldEnd} gets pages from there on, not from ${first}`);
  if (first > oldEnd) zone.set(ZoneRecord.FOREIGN_FRAMES, zone.get(ZoneRecord.FOREIGN_FRAMES) + first - oldEnd);
  zone.set(ZoneRecord.END_FRAME, end);
  const tablesEnd = geometry.tablesFirstFrame + tablePages(geometry);
  const freeFirst = geometry.tablesFirstFrame === first ? tablesEnd : first;
  // From the top down, so that the lowest block comes first in each list: a young heap then stays compact.
  for (let top = tablesEnd === end ? geometry.tablesFirstFrame : end; top > freeFirst; ) {
    const bottom = Math.max(freeFirst, (Math.ceil(top / MAX_ORDER_FRAMES) - 1) * MAX_ORDER_FRAMES);
    zone.give(bottom, top - bottom);
    top = bottom;
  }
  setWatermarks(zone, minWatermark(zone.managedFrames));
}

/** The min watermark of a zone of this many pages. */
export function minWatermark(pages: number): number {
  return Math.min(Math.floor(pages / RESERVE_DIVISOR), RESERVE_PAGES_MAX);
}

/**
 * Whether `count` pages could be allocated as requested if only `pinnedPages` pages were in use and the heap had grown
 * to its limit.
 */
export function isSatisfiable(geometry: Geometry, count: number, pinnedPages: number, request: PageRequest): boolean {
  const { alignFrames = 1, dma = false, mayUseReserve = false } = request;
  const { firstPageFrame, limitFrame } = geometry;
  const dmaEnd = dmaEndFrame(geometry);
  const fits = (first: number, end: number): boolean => {
    const reserve = mayUseReserve ? 0 : minWatermark(end - first);
    return Math.ceil(first / alignFrames) * alignFrames + count <= end && count <= end - first - reserve;
  };
  const describedPages = limitFrame - firstPageFrame - tablePagesUpTo(geometry, limitFrame);
  if (count > describedPages - pinnedPages) return false;
  return fits(firstPageFrame, dmaEnd) || (!dma && fits(dmaEnd, limitFrame));
}

/** Sets the three watermarks from the min watermark: low is 5/4 and high 3/2 of it, as in Linux. */
export function setWatermarks(zone: BuddyZone, minPages: number): void {
  if (ASSERTIONS) assert(minPages >= 0 && minPages <= zone.managedFrames, `a zone can keep ${minPages} pages back`);
  zone.set(ZoneRecord.MIN, minPages);
  zone.set(ZoneRecord.LOW, lowWatermark(minPages));
  zone.set(ZoneRecord.HIGH, highWatermark(minPages));
}

export function lowWatermark(minPages: number): number {
  return minPages + (minPages >> 2);
}

export function highWatermark(minPages: number): number {
  return minPages + (minPages >> 1);
}

/** The first frame after the DMA zone, whether or not the heap has grown that far. */
export function dmaEndFrame(geometry: Geometry): number {
  return Math.min(geometry.firstPageFrame + geometry.dmaFrames, geometry.limitFrame);
}

export function zoneStats(zone: BuddyZone, number: number): ZoneStats {
  // The memory may be damaged: clamp every figure to its possible range.
  const within = (value: number, most: number): number => Math.max(0, Math.min(value, most));
  const pages = within(zone.managedFrames, zone.heapSpanFrames);
  return {
    name: ZONE_NAMES[number],
    pages,
    freePages: within(zone.freeFrames, pages),
    freeBlocksByOrder: Array.from({ length: ORDER_COUNT }, (_, order) =>
      within(zone.get(ZoneRecord.FREE_COUNT + order), pages >>> order),
    ),
    watermarkPages: {
      min: within(zone.get(ZoneRecord.MIN), pages),
      low: within(zone.get(ZoneRecord.LOW), 2 * pages),
      high: within(zone.get(ZoneRecord.HIGH), 2 * pages),
    },
  };
}

/** Frames in holes of the zones, which are not this heap's. */
export function foreignFrames(zones: readonly BuddyZone[]): number {
  return zones.reduce((sum, zone) => sum + zone.get(ZoneRecord.FOREIGN_FRAMES), 0);
}

/** Bytes in free pages of the zones. */
export function freeBytes(zones: readonly BuddyZone[]): number {
  return zones.reduce((sum, zone) => sum + zone.freeFrames, 0) * PAGE_SIZE;
}
