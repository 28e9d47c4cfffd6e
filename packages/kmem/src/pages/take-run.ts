import { type BuddyZone, orderFor } from "./buddy.ts";
import { MAX_ORDER, NO_FRAME, ORDER_COUNT, RunKind, type RunKindValue, Zone, ZoneRecord } from "./layout.ts";
import type { PageRequest } from "./page-request.ts";

/** Shorter runs come from the buddy lists, whose blocks have just their length. */
const SEARCHED_PAGES_MIN = 3;

/** Free pages that are not a run yet. */
export interface TakenPages {
  /** The first of them, or NO_FRAME. */
  readonly frame: number;
  readonly count: number;
}

const NO_PAGES: TakenPages = { frame: NO_FRAME, count: 0 };

/**
 * Takes `count` free pages in a row; returns the first, or NO_FRAME. For RunKind.PAGES, for the pcp lists, and below
 * SEARCHED_PAGES_MIN, from the buddy lists, which take back the unused tail at once. Other runs, slabs of three pages
 * and more and users' large blocks, and those for which no buddy block is free, come from a contiguous free range,
 * first fit by address: so a heap fills from below, and few slabs split the stretches that long runs need. NO_FRAME if
 * there is no such range, or if what is left would be below MIN. Under the pages' lock.
 */
export function takeRun(zones: readonly BuddyZone[], count: number, request: PageRequest, kind: RunKindValue): number {
  if (request.dma === true) return takeFrom(zones[Zone.DMA], count, request, kind);
  const frame = takeFrom(zones[Zone.NORMAL], count, request, kind);
  return frame === NO_FRAME ? takeFrom(zones[Zone.DMA], count, request, kind) : frame;
}

/** As {@link takeRun}, from one zone. */
export function takeFrom(zone: BuddyZone, count: number, request: PageRequest, kind: RunKindValue): number {
  const left = zone.freeFrames - count;
  if (left < (request.mayUseReserve === true ? 0 : zone.get(ZoneRecord.MIN))) return NO_FRAME;
  const alignFrames = request.alignFrames ?? 1;
  if (count < SEARCHED_PAGES_MIN || kind === RunKind.PAGES || kind === RunKind.CACHED) {
    const order = orderFor(Math.max(count, alignFrames));
    const block = order <= MAX_ORDER ? zone.take(order, count) : NO_FRAME;
    if (block !== NO_FRAME) return block;
  }
  const range = zone.find(count, alignFrames);
  if (range !== NO_FRAME) zone.carve(range, count);
  return range;
}

/**
 * Takes at most `count` free pages in a row out of one buddy block: all of them where a block has so many, else the
 * largest block that there is. Under the pages' lock. O(orders).
 */
export function takeUpTo(zones: readonly BuddyZone[], count: number, request: PageRequest): TakenPages {
  const wanted = request.dma === true ? [zones[Zone.DMA]] : [zones[Zone.NORMAL], zones[Zone.DMA]];
  for (const zone of wanted) {
    const part = largestPart(zone, Math.min(count, availableFrames(zone, request)));
    if (part > 0) return { frame: zone.take(orderFor(part), part), count: part };
  }
  return NO_PAGES;
}

/** How many pages, at most `limit`, one block of a zone has. */
function largestPart(zone: BuddyZone, limit: number): number {
  if (limit <= 0) return 0;
  const order = orderFor(limit);
  for (let larger = order; larger < ORDER_COUNT; larger++) if (zone.head(larger) !== NO_FRAME) return limit;
  for (let smaller = Math.min(order, ORDER_COUNT) - 1; smaller >= 0; smaller--) {
    if (zone.head(smaller) !== NO_FRAME) return 1 << smaller;
  }
  return 0;
}

/** Free pages of a zone that a request may use. */
function availableFrames(zone: BuddyZone, request: PageRequest): number {
  return zone.freeFrames - (request.mayUseReserve === true ? 0 : zone.get(ZoneRecord.MIN));
}
