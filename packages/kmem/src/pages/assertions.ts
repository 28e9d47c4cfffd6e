import { assert } from "../memory/assert.ts";
import { type FrameTable, isFreeKind } from "./frames.ts";
import { FrameKind, FrameRecord, MAX_ORDER, NO_FRAME, ORDER_COUNT, RunOwner, ZoneRecord } from "./layout.ts";
import type { PageRequest } from "./page-request.ts";

// What is asserted, in test builds alone, where pages change hands: between the lists of a zone, the page allocator,
// the pcp lists of a slot, and those who take and give runs.

/** What is asked of a zone. */
interface ZoneView {
  readonly freeFrames: number;
  readonly managedFrames: number;
  get(field: number): number;
  head(order: number): number;
}

/** A stretch lies among the pages of the heap. */
function assertOwnPages(frames: FrameTable, first: number, count: number): void {
  assert(Number.isInteger(count) && count > 0, `a stretch from page ${first} on has one page or more, not ${count}`);
  assert(first >= frames.firstPageFrame, `page ${first} comes after the tables, from ${frames.firstPageFrame} on`);
  assert(
    first + count <= frames.endFrame,
    `${count} pages from ${first} on end before the heap does, at ${frames.endFrame}`,
  );
}

/** Every page of a stretch is marked free: it is in the lists of its zone, or about to become a run. */
export function assertFree(frames: FrameTable, first: number, count: number): void {
  assertOwnPages(frames, first, count);
  for (let frame = first; frame < first + count; frame++) {
    assert(isFreeKind(frames.kind(frame)), `page ${frame} is free, not of kind ${frames.kind(frame)}`);
  }
}

/** No page of a stretch is marked free: it is a run, or a part of one, on its way to the lists of its zone. */
export function assertUsed(frames: FrameTable, first: number, count: number): void {
  assertOwnPages(frames, first, count);
  for (let frame = first; frame < first + count; frame++) {
    const kind = frames.kind(frame);
    assert(!isFreeKind(kind), `page ${frame} is not free yet`);
    assert(kind !== FrameKind.RESERVED, `page ${frame} is the heap's to give back`);
  }
}

/** A whole run of a kind, head and tails, with its COUNT. */
export function assertRun(frames: FrameTable, head: number, count: number, kind: number): void {
  assertOwnPages(frames, head, count);
  assert(frames.kind(head) === kind, `page ${head} is the head of a run of kind ${kind}, not ${frames.kind(head)}`);
  assert(frames.count(head) === count, `the run at page ${head} has ${count} pages, and not ${frames.count(head)}`);
  for (let frame = head + 1; frame < head + count; frame++) {
    assert(frames.kind(frame) === kind + 1, `page ${frame} is a tail of the run at ${head}, not ${frames.kind(frame)}`);
  }
}

/** A run is what was asked for. */
export function assertAllocated(
  frames: FrameTable,
  head: number,
  count: number,
  kind: number,
  asked: PageRequest,
): void {
  assert(head % (asked.alignFrames ?? 1) === 0, `the run at page ${head} is aligned as it was asked for`);
  assertRun(frames, head, count, kind);
}

/** A run can be made so much shorter. */
export function assertShortens(frames: FrameTable, head: number, count: number, newCount: number): void {
  assertRun(frames, head, count, frames.kind(head));
  assert(newCount > 0 && newCount < count, `a run of ${count} pages is made shorter, not one of ${newCount}`);
}

/** Of a run from `head` to `endOfRun` the pages from `first` to `end` are split off: what is left are runs. */
export function assertSplit(
  frames: FrameTable,
  { head, first, end, endOfRun }: { head: number; first: number; end: number; endOfRun: number },
  kind: number,
): void {
  if (head < first) assertRun(frames, head, first - head, kind);
  if (end < endOfRun) assertRun(frames, end, endOfRun - end, kind);
}

/** A run has this OWNER. */
export function assertOwner(frames: FrameTable, head: number, owner: number): void {
  const found = frames.owner(head);
  assert((owner & ~RunOwner.LOW_MASK) === RunOwner.OWNER_BIT, `${owner} is an owner`);
  assert(found === owner, `the run at page ${head} is owned as ${owner} says, not as ${found}`);
}

/** The pages free in a zone are those in its lists, and no more than it has. */
export function assertZone(zone: ZoneView): void {
  let listed = 0;
  for (let order = 0; order < ORDER_COUNT; order++) {
    const blocks = zone.get(ZoneRecord.FREE_COUNT + order);
    assert(blocks >= 0, `a zone has no fewer than 0 free blocks of order ${order}, and not ${blocks}`);
    assert((blocks === 0) === (zone.head(order) === NO_FRAME), `${blocks} blocks of order ${order} are in its list`);
    listed += blocks << order;
  }
  assert(listed === zone.freeFrames, `the ${listed} pages in the lists of a zone are all that it counts as free`);
  assert(
    listed <= zone.managedFrames,
    `a zone of ${zone.managedFrames} pages has no more free than that, and not ${listed}`,
  );
}

/** A free block stands in the list of its order: its neighbours there name it. */
export function assertListed(frames: FrameTable, zone: ZoneView, block: number, order: number): void {
  const { words } = frames.memory;
  const next = words[frames.record(block) + FrameRecord.NEXT];
  const previous = words[frames.record(block) + FrameRecord.PREV];
  assertBlock(block, order);
  assert(frames.kind(block) === FrameKind.FREE_HEAD, `page ${block} is the head of a free block`);
  assert(frames.count(block) === order, `the free block at page ${block} is of order ${order}`);
  const before = previous === NO_FRAME ? zone.head(order) : words[frames.record(previous) + FrameRecord.NEXT];
  assert(before === block, `what stands before page ${block} in the list of order ${order} leads to it`);
  if (next === NO_FRAME) return;
  const back = words[frames.record(next) + FrameRecord.PREV];
  assert(back === block, `what stands after page ${block} in the list of order ${order} leads back to it`);
}

/** A block of an order is aligned to its size. */
export function assertBlock(block: number, order: number): void {
  assert(order >= 0 && order <= MAX_ORDER, `a block is of order 0 to ${MAX_ORDER}, not ${order}`);
  assert(block % (1 << order) === 0, `the block at page ${block} is aligned to its order, ${order}`);
}
