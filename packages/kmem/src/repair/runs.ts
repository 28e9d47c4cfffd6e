import { isOwner } from "../kmalloc/check-state.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { type FrameTable, isFreeKind } from "../pages/frames.ts";
import {
  FrameKind,
  FrameRecord,
  MAX_ORDER,
  NO_FRAME,
  ORDER_COUNT,
  RunKind,
  RunOwner,
  ZoneRecord,
} from "../pages/layout.ts";
import { isRunHead } from "../pages/rebuild.ts";
import { tagIndex } from "../slab/tags.ts";
import { isTagged, type RepairContext, startsLive } from "./context.ts";
import { repairBehindForeign, repairForeign, repairLastForeign } from "./foreign-pages.ts";

/** Marks the tables reserved and what lies beyond the end absent. */
export function repairBorders({ layers, pagesLog }: RepairContext): void {
  const { frames } = layers.pages;
  // Nothing tells a growth that its thread has not ended from a damaged note: the pages are somebody else's then.
  frames.setGrowthJournal(0);
  const mark = (first: number, end: number, kind: number, done: string): void => {
    for (let frame = first; frame < end; frame++) {
      if (frames.kind(frame) === kind) continue;
      frames.setKind(frame, kind);
      pagesLog.done(frame * PAGE_SIZE, done);
    }
  };
  mark(frames.baseFrame, frames.firstPageFrame, FrameKind.RESERVED, "a page of the tables was marked reserved");
  mark(frames.endFrame, frames.coveredEndFrame, FrameKind.ABSENT, "a page beyond the end was marked absent");
}

/**
 * Settles runs whose head, tails and COUNT say the same, if OWNER or the tags say that they are runs; and free blocks
 * that can stand where they do, with all their tails, to which a list leads.
 */
export function trustSoundRuns(context: RepairContext): void {
  const { layers, trusted } = context;
  const { frames } = layers.pages;
  const linked = linkedFrames(context);
  for (const frame of trusted.others()) {
    const kind = frames.kind(frame);
    const count = isRunHead(kind) ? frames.count(frame) : kind === FrameKind.FREE_HEAD ? freeFrames(frames, frame) : 0;
    if (trusted.hasAny(frame, count) || tailsBehind(context, frame, kind + 1, count - 1) !== count - 1) continue;
    if (isRunHead(kind)) {
      const isLonger = tailsBehind(context, frame, kind + 1, count) === count;
      const isRun = frames.owner(frame) < 0 || !isAnyTagged(context, frame, count);
      if (!isLonger && isRun) setRun(context, frame, count, kind);
    } else if (linked.has(frame)) trusted.add(frame, count);
  }
}

/** Frames of a free block, 0 where there is no such order, or none that can stand here. */
function freeFrames(frames: FrameTable, frame: number): number {
  const order = frames.count(frame);
  return order >= 0 && order <= MAX_ORDER && frame % (1 << order) === 0 ? 1 << order : 0;
}

function isAnyTagged({ layers }: RepairContext, first: number, count: number): boolean {
  for (let frame = first; frame < first + count; frame++) if (isTagged(layers, frame)) return true;
  return false;
}

/** Unsettled frames of a kind that follow a frame, up to `limit`. */
function tailsBehind(
  { layers, trusted }: RepairContext,
  frame: number,
  tailKind: number,
  limit: number = Number.POSITIVE_INFINITY,
): number {
  const { frames } = layers.pages;
  let count = 0;
  while (count < limit && frame + count + 1 < frames.endFrame) {
    const tail = frame + count + 1;
    if (frames.kind(tail) !== tailKind || trusted.has(tail)) break;
    count++;
  }
  return count;
}

/** Every frame that a list of free blocks, or a link of one of them, leads to. */
function linkedFrames({ layers }: RepairContext): Set<number> {
  const { frames, zones } = layers.pages;
  const { words } = layers.memory;
  const linked = new Set<number>();
  for (const zone of zones) {
    for (let order = 0; order < ORDER_COUNT; order++) linked.add(zone.get(ZoneRecord.FREE_LIST + order));
  }
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.kind(frame) !== FrameKind.FREE_HEAD) continue;
    linked.add(words[frames.record(frame) + FrameRecord.NEXT]);
    linked.add(words[frames.record(frame) + FrameRecord.PREV]);
  }
  return linked;
}

/**
 * Settles the blocks of free lists, as far as links and orders are whole, on which nothing starts and which nobody
 * uses.
 */
export function trustListedBlocks(context: RepairContext): void {
  const { layers, trusted, pagesLog } = context;
  const { frames, zones } = layers.pages;
  const { words } = layers.memory;
  for (const zone of zones) {
    for (let order = 0; order < ORDER_COUNT; order++) {
      let previous: number = NO_FRAME;
      let frame = zone.head(order);
      // A list that runs into itself ends where a link back is another one than at the first time.
      while (frame >= frames.firstPageFrame && frame + (1 << order) <= frames.endFrame) {
        const isWhole = frames.count(frame) === order && frame % (1 << order) === 0;
        if (!isWhole || words[frames.record(frame) + FrameRecord.PREV] !== previous) break;
        if (!trusted.hasAny(frame, 1 << order) && !isAnyTagged(context, frame, 1 << order)) {
          frames.setRun(frame, 1 << order, FrameKind.FREE_HEAD);
          trusted.add(frame, 1 << order);
          pagesLog.done(frame * PAGE_SIZE, `a block of ${1 << order} pages is free, as its list says`);
        }
        previous = frame;
        frame = words[frames.record(frame) + FrameRecord.NEXT];
      }
    }
  }
}

/**
 * Makes runs and free pages of all frames that are left, so that none is free that may be in use:
 *
 * 1. A run whose COUNT covers its own tails, and no trusted frame, has what lies between.
 * 2. What lies among pages that are somebody else's, in one page of WebAssembly, is too.
 * 3. Tails without a head belong to the frame before them if its COUNT or a live tag says so.
 * 4. A head whose COUNT cannot be right has the tails that follow it.
 * 5. What is marked free, and carries no tag, is free.
 * 6. All else, kinds that mean nothing among it, is kept as runs of pages: their owners read and write them
 *    still, and nobody else gets them.
 */
export function repairRuns(context: RepairContext): void {
  const { layers, trusted } = context;
  const { frames } = layers.pages;
  for (const frame of trusted.others()) if (isRunHead(frames.kind(frame))) repairByCount(context, frame);
  repairForeign(context);
  for (const frame of trusted.others()) {
    const kind = frames.kind(frame);
    if (kind > FrameKind.FIRST_RUN && isRunHead(kind - 1)) repairTails(context, frame);
  }
  for (const frame of trusted.others()) {
    const kind = frames.kind(frame);
    if (isRunHead(kind)) setRun(context, frame, 1 + tailsBehind(context, frame, kind + 1), kind);
  }
  repairLastForeign(context);
  for (const frame of trusted.others()) {
    if (!isFreeKind(frames.kind(frame)) || isTagged(layers, frame)) continue;
    frames.setKind(frame, FrameKind.FREE_TAIL);
    trusted.add(frame, 1);
  }
  repairBehindForeign(context);
  keepOthers(context);
}

function repairByCount(context: RepairContext, head: number): void {
  const { frames } = context.layers.pages;
  const kind = frames.kind(head);
  const count = frames.count(head);
  if (context.trusted.hasAny(head, count) || tailsBehind(context, head, kind + 1, count) === count) return;
  let tails = 0;
  for (let frame = head + 1; frame < head + count; frame++) if (frames.kind(frame) === kind + 1) tails++;
  // Most of it must say so too: else it is the COUNT that is damaged.
  if (tails * 2 >= count - 1) setRun(context, head, count, kind);
}

function repairTails(context: RepairContext, first: number): void {
  const { layers, trusted } = context;
  const { frames } = layers.pages;
  const headKind = frames.kind(first) - 1;
  const count = 1 + tailsBehind(context, first, headKind + 1);
  const before = first - 1;
  const isOpen = before >= frames.firstPageFrame && !trusted.has(before);
  const isBlock = headKind === RunKind.LARGE_BLOCK && startsLive(layers, before);
  if (isOpen && (isBlock || frames.count(before) === count + 1)) setRun(context, before, count + 1, headKind);
  // What starts without a live tag is no block that could be freed.
  else setRun(context, first, count, headKind === RunKind.LARGE_BLOCK ? RunKind.PAGES : headKind);
}

/** Makes a run of frames; tells what was otherwise. */
function setRun(context: RepairContext, head: number, count: number, kind: number): void {
  const { layers, trusted, pagesLog } = context;
  const { frames } = layers.pages;
  for (let frame = head; frame < head + count; frame++) {
    const found = frames.kind(frame);
    if (found === (frame === head ? kind : kind + 1)) continue;
    pagesLog.done(frame * PAGE_SIZE, `a page of kind ${found} is part of the run of ${count} pages that it lies in`);
  }
  const said = frames.count(head);
  if (said !== count) pagesLog.done(head * PAGE_SIZE, `a run that said it has ${said} pages has ${count}`);
  frames.setRun(head, count, kind);
  frames.setCount(head, count);
  repairOwner(context, head, kind);
  trusted.add(head, count);
}

function repairOwner({ layers, pagesLog }: RepairContext, head: number, kind: number): void {
  const { memory, geometry, pages } = layers;
  if (isOwner(layers, kind, pages.frames.owner(head))) return;
  const isBlock = kind === RunKind.LARGE_BLOCK && startsLive(layers, head);
  const slotBits = isBlock ? memory.bytes[tagIndex(geometry, head * PAGE_SIZE)] : 0;
  pages.frames.setOwner(head, RunOwner.OWNER_BIT | slotBits);
  pagesLog.done(
    head * PAGE_SIZE,
    isBlock ? "the owner of a run is the slot of its tag" : "a run has no owner any more",
  );
}

function keepOthers({ layers, trusted, pagesLog }: RepairContext): void {
  const { frames } = layers.pages;
  for (const first of trusted.others()) {
    let count = 1;
    while (first + count < frames.endFrame && !trusted.has(first + count)) count++;
    const kinds = [...new Set(Array.from({ length: count }, (_, index) => frames.kind(first + index)))];
    frames.setRun(first, count, RunKind.PAGES);
    frames.setCount(first, count);
    frames.setOwner(first, RunOwner.HEAP);
    trusted.add(first, count);
    pagesLog.lost(first * PAGE_SIZE, `${count} pages of kind ${kinds.join(", ")} are kept as pages of nobody`);
  }
}
