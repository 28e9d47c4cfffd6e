import type { Geometry } from "../memory/header.ts";
import { type BuddyZone, largestOrderAt } from "./buddy.ts";
import { type FrameTable, isFreeKind } from "./frames.ts";
import { FreeGroups } from "./free-groups.ts";
import { completeInterruptedGrowth } from "./growth.ts";
import { FrameKind, FrameRecord, NO_FRAME, ORDER_COUNT, RunOwner, Zone, ZoneRecord } from "./layout.ts";
import { isOldTables, keepsOldTables } from "./moving-tables.ts";
import { dmaEndFrame, minWatermark, setWatermarks } from "./zone.ts";

/** What zones are rebuilt from and into. */
export interface PageTables {
  readonly frames: FrameTable;
  readonly zones: readonly BuddyZone[];
}

/**
 * Rebuilds all zones from kinds, COUNT and OWNER alone: bounds, watermarks, free lists and their counts. Runs that were
 * being split become whole again, and a growth that was not over is ended. Free is what is marked so, what growth has
 * added and not covered, and every tail that no run's COUNT covers. No page's contents are changed. A thread that dies
 * on the way leaves what the next call rebuilds. Under the pages' lock, with other threads at work, or while all are
 * at rest. O(frames).
 */
export function rebuildZones({ frames, zones }: PageTables, geometry: Geometry): void {
  const dmaEnd = dmaEndFrame(geometry);
  completeInterruptedGrowth(frames);
  const { firstPageFrame, endFrame } = frames;
  new FreeGroups(frames).forget(frames.baseFrame, frames.coveredEndFrame - frames.baseFrame);
  if (geometry.hasMovingTables && !keepsOldTables(frames.memory)) freeOldTables(frames, geometry);
  freeOrphans(frames);
  rebuildZone(frames, zones[Zone.DMA], firstPageFrame, Math.max(firstPageFrame, Math.min(endFrame, dmaEnd)));
  rebuildZone(frames, zones[Zone.NORMAL], dmaEnd, Math.max(dmaEnd, endFrame));
}

/** Frees the run that tables have moved away from, or were about to move to. */
function freeOldTables(frames: FrameTable, geometry: Geometry): void {
  for (let head = frames.firstPageFrame; head < frames.endFrame; head++) {
    if (!isOldTables(geometry, head, frames.kind(head), frames.owner(head))) continue;
    frames.fillKind(head, countWithin(frames, head), FrameKind.FREE_TAIL);
  }
}

/** Pages of a run, which ends where the heap does: a COUNT that a stray write has hit may say anything. */
export function countWithin(frames: FrameTable, head: number): number {
  return Math.max(1, Math.min(frames.count(head), frames.endFrame - head));
}

/** Whether a kind is that of the first page of a run. */
export function isRunHead(kind: number): boolean {
  return kind >= FrameKind.FIRST_RUN && kind < FrameKind.FIRST_CACHE && (kind - FrameKind.FIRST_RUN) % 2 === 0;
}

/** Marks every frame free that belongs to no run and no slab, and ends splits that their thread has not. */
function freeOrphans(frames: FrameTable): void {
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; ) {
    const kind = frames.kind(frame);
    const count = countWithin(frames, frame);
    if (isRunHead(kind)) {
      // A slab may just be made of it without the pages' lock; COUNT was that of the run while the kind is the same.
      if (frames.kind(frame) !== kind) continue;
      repairSplit(frames, frame, kind);
      repairTail(frames, frame, kind, count);
      frame += count;
    } else {
      const isKnown = isFreeKind(kind) || kind >= FrameKind.FIRST_CACHE || kind === FrameKind.RESERVED;
      const isUsed = isKnown || isCovered(frames, frame);
      if (!isUsed) frames.setKind(frame, FrameKind.FREE_TAIL);
      frame++;
    }
  }
}

/** Gives a run that was being split back to its former owner, with the COUNT that it has at this instant. */
function repairSplit(frames: FrameTable, head: number, kind: number): void {
  const owner = frames.owner(head);
  if ((owner & ~RunOwner.LOW_MASK) !== RunOwner.OWNER_BIT || (owner & RunOwner.SPLIT) === 0) return;
  frames.fillKind(head + 1, countWithin(frames, head) - 1, kind + 1);
  frames.setOwner(head, RunOwner.OWNER_BIT | ((owner >>> RunOwner.FORMER_SHIFT) & RunOwner.SLOT_MASK));
}

/** Takes pages back into a run of which the first ones were being marked free: while there is a head, all is a run. */
function repairTail(frames: FrameTable, head: number, kind: number, count: number): void {
  for (let frame = head + 1; frame < head + count; frame++) {
    if (isFreeKind(frames.kind(frame))) frames.setKind(frame, kind + 1);
  }
}

/**
 * Whether a frame that was seen outside of any run lies in one after all: a slab that its cache has released just now,
 * which needs no pages' lock.
 */
function isCovered(frames: FrameTable, frame: number): boolean {
  for (let head = frame - 1; head >= frames.firstPageFrame; head--) {
    const kind = frames.kind(head);
    if (isRunHead(kind)) return head + frames.count(head) > frame;
    if (isFreeKind(kind) || kind === FrameKind.RESERVED) return false;
  }
  return false;
}

function rebuildZone(frames: FrameTable, zone: BuddyZone, first: number, end: number): void {
  zone.set(ZoneRecord.FIRST_FRAME, first);
  zone.set(ZoneRecord.END_FRAME, end);
  zone.set(ZoneRecord.FREE_FRAMES, 0);
  for (let order = 0; order < ORDER_COUNT; order++) {
    zone.set(ZoneRecord.FREE_LIST + order, NO_FRAME);
    zone.set(ZoneRecord.FREE_COUNT + order, 0);
    zone.set(ZoneRecord.SEARCH_FROM + order, first);
  }
  let foreignFrames = 0;
  for (let frame = first; frame < end; frame++) if (frames.isForeign(frame)) foreignFrames++;
  zone.set(ZoneRecord.FOREIGN_FRAMES, foreignFrames);
  setWatermarks(zone, minWatermark(end - first - foreignFrames));
  // From the top down, so that the lowest block of each list stands first: see extendZones.
  for (let top = end; top > first; ) {
    let bottom = top;
    while (bottom > first && isFreeKind(frames.kind(bottom - 1))) bottom--;
    if (bottom < top) linkStretch(frames, zone, bottom, top);
    top = bottom === top ? top - 1 : bottom;
  }
}

/**
 * Makes blocks of a stretch of free pages. The largest aligned blocks from its start are never buddies of each other.
 */
function linkStretch(frames: FrameTable, zone: BuddyZone, first: number, end: number): void {
  const blocks: { frame: number; order: number }[] = [];
  for (let frame = first; frame < end; ) {
    const order = largestOrderAt(frame, end - frame);
    blocks.push({ frame, order });
    frame += 1 << order;
  }
  for (const { frame, order } of blocks.reverse()) link(frames, zone, frame, order);
}

function link(frames: FrameTable, zone: BuddyZone, frame: number, order: number): void {
  const { words } = frames.memory;
  const record = frames.record(frame);
  const next = zone.head(order);
  words[record + FrameRecord.NEXT] = next;
  words[record + FrameRecord.PREV] = NO_FRAME;
  words[record + FrameRecord.COUNT] = order;
  frames.setRun(frame, 1 << order, FrameKind.FREE_HEAD);
  if (next !== NO_FRAME) words[frames.record(next) + FrameRecord.PREV] = frame;
  zone.set(ZoneRecord.FREE_LIST + order, frame);
  zone.set(ZoneRecord.FREE_COUNT + order, zone.get(ZoneRecord.FREE_COUNT + order) + 1);
  zone.set(ZoneRecord.FREE_FRAMES, zone.freeFrames + (1 << order));
}
