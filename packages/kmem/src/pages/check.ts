import type { Report } from "../memory/finding.ts";
import { PAGE_SIZE, WASM_PAGE_FRAMES } from "../memory/layout.ts";
import type { BuddyZone } from "./buddy.ts";
import type { FrameTable } from "./frames.ts";
import { FreeGroups } from "./free-groups.ts";
import {
  FrameKind,
  FrameRecord,
  GROUP_FRAMES,
  GROUP_SHIFT,
  MAX_ORDER,
  NO_FRAME,
  ORDER_COUNT,
  RunKind,
  ZONE_NAMES,
  ZoneRecord,
} from "./layout.ts";
import type { PageAllocator } from "./page-allocator.ts";
import { highWatermark, lowWatermark } from "./zone.ts";

const RUN_HEADS: ReadonlySet<number> = new Set(Object.values(RunKind));

/**
 * Verifies the frame table against the free lists: every frame belongs to one block or run, every free block is in the
 * list of its order and merged as far as it goes, and the counts are right. Reads only; ends on any bytes.
 */
export function checkPages(pages: PageAllocator, report: Report): void {
  const { frames, zones } = pages;
  for (let frame = frames.baseFrame; frame < frames.firstPageFrame; frame++) {
    if (frames.kind(frame) !== FrameKind.RESERVED) report(frame * PAGE_SIZE, "a page of the tables is not reserved");
  }
  for (let frame = frames.endFrame; frame < frames.coveredEndFrame; frame++) {
    if (frames.kind(frame) !== FrameKind.ABSENT) report(frame * PAGE_SIZE, "a page beyond the end is not absent");
  }
  const freeHeads = new Set<number>();
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; ) {
    frame += checkBlock(frames, frame, freeHeads, report);
  }
  checkBounds(pages, report);
  for (const [number, zone] of zones.entries()) checkZone(frames, zone, ZONE_NAMES[number], freeHeads, report);
  for (const frame of freeHeads) report(frame * PAGE_SIZE, "a free block is in no list");
  checkGroups(pages, report);
}

/** First frame and end of each zone, as they follow from the heap's own. */
function boundsOf({ frames, dmaEndFrame }: PageAllocator): readonly (readonly [first: number, end: number])[] {
  const { firstPageFrame, endFrame } = frames;
  return [
    [firstPageFrame, Math.max(firstPageFrame, Math.min(endFrame, dmaEndFrame))],
    [dmaEndFrame, Math.max(dmaEndFrame, endFrame)],
  ];
}

/** Verifies what is noted of the free stretches in groups of frames. */
function checkGroups(pages: PageAllocator, report: Report): void {
  const { frames } = pages;
  const { words } = frames.memory;
  const groups = new FreeGroups(frames);
  const bounds = boundsOf(pages);
  const lastGroup = (frames.coveredEndFrame - 1) >>> GROUP_SHIFT;
  for (let group = frames.baseFrame >>> GROUP_SHIFT; group <= lastGroup; group++) {
    const noted = words[frames.groupBias + group];
    if (noted === 0) continue;
    const first = group << GROUP_SHIFT;
    const end = first + GROUP_FRAMES;
    const isWithin = bounds.some((zone) => first >= zone[0] && end <= zone[1]);
    if (isWithin && noted === groups.wordOf(first, end)) continue;
    report(first * PAGE_SIZE, `what is noted of the free pages among ${GROUP_FRAMES} is wrong`);
  }
}

/** Verifies that the zones share out all pages between them, and that their watermarks follow from the lowest. */
function checkBounds(pages: PageAllocator, report: Report): void {
  const bounds = boundsOf(pages);
  for (const [number, zone] of pages.zones.entries()) {
    const [first, end] = bounds[number];
    const name = ZONE_NAMES[number];
    const address = first * PAGE_SIZE;
    const foundFirst = zone.get(ZoneRecord.FIRST_FRAME);
    const foundEnd = zone.get(ZoneRecord.END_FRAME);
    if (foundFirst !== first || foundEnd !== end) {
      report(address, `zone ${name} goes from page ${foundFirst} to ${foundEnd}, not from ${first} to ${end}`);
    }
    const min = zone.get(ZoneRecord.MIN);
    const [low, high] = [zone.get(ZoneRecord.LOW), zone.get(ZoneRecord.HIGH)];
    let foreign = 0;
    for (let frame = first; frame < end; frame++) if (pages.frames.isForeign(frame)) foreign++;
    const counted = zone.get(ZoneRecord.FOREIGN_FRAMES);
    if (counted !== foreign) report(address, `zone ${name}: ${foreign} pages are others', the count says ${counted}`);
    if (min < 0 || min > end - first || low !== lowWatermark(min) || high !== highWatermark(min)) {
      report(address, `zone ${name} has the watermarks ${min}, ${low} and ${high}`);
    }
  }
}

/** Verifies the block or run that starts at `frame`; returns its frames. Slabs are left to their own check. */
function checkBlock(frames: FrameTable, frame: number, freeHeads: Set<number>, report: Report): number {
  const address = frame * PAGE_SIZE;
  const kind = frames.kind(frame);
  if (kind >= FrameKind.FIRST_CACHE) return 1;
  if (kind === FrameKind.FREE_HEAD) {
    const order = frames.count(frame);
    if (order < 0 || order > MAX_ORDER || frame % (1 << order) !== 0) {
      report(address, `a free block has the order ${order}, which cannot stand here`);
      return 1;
    }
    freeHeads.add(frame);
    return checkTails(frames, frame, 1 << order, report);
  }
  if (RUN_HEADS.has(kind)) {
    const count = frames.count(frame);
    if (count < 1 || frame + count > frames.endFrame) {
      report(address, `a run has ${count} pages, more than there are`);
      return 1;
    }
    return checkTails(frames, frame, count, report);
  }
  if (kind === FrameKind.RESERVED) {
    const next = frame + 1;
    const isEnd = next === frames.endFrame || !frames.isForeign(next);
    if (isEnd && next % WASM_PAGE_FRAMES !== 0)
      report(address, "pages that others have added end within one of theirs");
    return 1;
  }
  report(address, kind === FrameKind.ABSENT ? "a page is marked absent" : `a page of kind ${kind} has no head`);
  return 1;
}

function checkTails(frames: FrameTable, head: number, count: number, report: Report): number {
  const tailKind = frames.kind(head) + 1;
  for (let frame = head + 1; frame < head + count; frame++) {
    if (frames.kind(frame) === tailKind) continue;
    report(frame * PAGE_SIZE, `page ${frame - head} of a block of ${count} is of kind ${frames.kind(frame)}`);
    return frame - head;
  }
  return count;
}

function checkZone(frames: FrameTable, zone: BuddyZone, name: string, freeHeads: Set<number>, report: Report): void {
  const { words } = frames.memory;
  const first = zone.get(ZoneRecord.FIRST_FRAME);
  const end = zone.get(ZoneRecord.END_FRAME);
  let freeFrames = 0;
  for (let order = 0; order < ORDER_COUNT; order++) {
    let length = 0;
    let previous: number = NO_FRAME;
    for (let frame = zone.head(order); frame !== NO_FRAME; frame = words[frames.record(frame) + FrameRecord.NEXT]) {
      const address = frame * PAGE_SIZE;
      if (frame < first || frame >= end || frames.kind(frame) !== FrameKind.FREE_HEAD || !freeHeads.delete(frame)) {
        report(address, `zone ${name}: the list of order ${order} holds what is no free block, or holds it twice`);
        break;
      }
      if (frames.count(frame) !== order) report(address, `zone ${name}: a block of another order is in list ${order}`);
      if (words[frames.record(frame) + FrameRecord.PREV] !== previous) {
        report(address, `zone ${name}: a link back in the list of order ${order} is wrong`);
      }
      const buddy = frame ^ (1 << order);
      const isApart = order === MAX_ORDER || buddy < first || buddy + (1 << order) > end;
      if (!isApart && frames.kind(buddy) === FrameKind.FREE_HEAD && frames.count(buddy) === order) {
        report(address, `zone ${name}: two free buddies of order ${order} are not merged`);
      }
      previous = frame;
      length++;
    }
    freeFrames += length << order;
    if (length !== zone.get(ZoneRecord.FREE_COUNT + order)) {
      const counted = zone.get(ZoneRecord.FREE_COUNT + order);
      report(first * PAGE_SIZE, `zone ${name}: ${length} blocks of order ${order}, the count says ${counted}`);
    }
  }
  if (freeFrames !== zone.freeFrames) {
    report(first * PAGE_SIZE, `zone ${name}: ${freeFrames} pages are free, the count says ${zone.freeFrames}`);
  }
}
