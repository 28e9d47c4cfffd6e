import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { Geometry } from "../memory/header.ts";
import { PAGE_SIZE, WASM_PAGE_FRAMES } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { BuddyZone } from "./buddy.ts";
import type { FrameTable } from "./frames.ts";
import { FrameKind, GROWING_WASM_COUNT_SHIFT, GROWING_WASM_FIRST_MASK, Zone, ZoneRecord } from "./layout.ts";
import { endWithTables, keepsOldTables, moveTables, nextTables, tablePages } from "./moving-tables.ts";
import type { PageRequest } from "./page-request.ts";
import { dmaEndFrame, extendZones, foreignFrames, minWatermark } from "./zone.ts";

/** Growth adds at least this share of the heap, so that a growing heap rarely asks the JavaScript engine. */
const GROWTH_DIVISOR = 8;
/** The same for a heap with moving tables, which is configured to use little memory. */
const LOW_MEMORY_GROWTH_DIVISOR = 32;

/** What grows: a memory, and the tables that then cover more of it. */
export interface Growable {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly frames: FrameTable;
  readonly zones: readonly BuddyZone[];
}

/**
 * Grows the memory until `count` pages can be allocated; false if the limit or the engine forbids it. The heap gets
 * exactly the pages that its own growth added: pages that others added since its last growth stay theirs. Under the
 * pages' lock: one thread of the heap grows it, and the others notice at their next allocation of pages.
 */
export function growPages(heap: Growable, count: number, request: PageRequest): boolean {
  const { memory, frames } = heap;
  while (canGrow(memory, frames)) {
    const from = Math.max(Math.floor(memory.presentBytes() / PAGE_SIZE), frames.endFrame);
    const servedEnd = endToServe(heap, from, count, request);
    const added = addPages(heap, from, endForTables(heap, servedEnd, servedEnd));
    if (added === undefined) return false;
    addToHeap(heap, addTableRoom(heap, added, servedEnd), servedEnd);
    // Otherwise another party grew the memory at the same moment, and the pages added may be too few.
    if (added.first === from) return true;
  }
  return false;
}

/** Whether the memory may still grow, judging by the length that this thread last saw. */
export function canGrow(memory: LinearMemory, frames: FrameTable): boolean {
  const { endFrame, growthLimit } = frames;
  return endFrame < growthLimit && memory.bytes.length < growthLimit * PAGE_SIZE;
}

/** Frames from `first` up to `end`, `end` excluded. */
interface Added {
  readonly first: number;
  readonly end: number;
}

/**
 * The frame up to which memory is needed for a heap that ends at `end`: `servedEnd`, plus room for new tables if the
 * present ones do not describe `end` and can move.
 */
function endForTables({ memory, geometry, frames }: Growable, servedEnd: number, end: number): number {
  const areTablesShort = end > frames.coveredEndFrame && frames.coveredEndFrame < frames.growthLimit;
  return areTablesShort ? endWithTables(memory, geometry, servedEnd) : servedEnd;
}

/**
 * If the caller's own grow function added more pages than the present tables describe, grows once more, for larger
 * tables, unless these fit into what was added.
 */
function addTableRoom(heap: Growable, added: Added, servedEnd: number): Added {
  const missing = endForTables(heap, servedEnd, added.end) - added.end;
  if (missing <= 0) return added;
  const more = heap.memory.growBy(missing * PAGE_SIZE);
  return more === undefined
    ? added
    : { first: added.first, end: Math.min(more.end / PAGE_SIZE, heap.frames.growthLimit) };
}

/**
 * Grows the memory generously; if the engine refuses, by less, down to what reaches `neededEnd`. The added pages start
 * where the memory ended at that instant, which is after `from` if others grew it in between.
 */
function addPages(heap: Growable, from: number, neededEnd: number): Added | undefined {
  const { memory, frames } = heap;
  const { growthLimit } = frames;
  if (neededEnd > growthLimit) return undefined;
  let end = Math.max(neededEnd, generousEnd(heap, from));
  for (;;) {
    const frameCount = Math.ceil(end / WASM_PAGE_FRAMES) * WASM_PAGE_FRAMES - from;
    const added = memory.growBy(frameCount * PAGE_SIZE);
    if (added !== undefined) {
      return { first: added.first / PAGE_SIZE, end: Math.min(added.end / PAGE_SIZE, growthLimit) };
    }
    if (end === neededEnd) return undefined;
    end = Math.max(neededEnd, from + ((end - from) >> 1));
  }
}

/**
 * The end if growth adds its minimum share of the heap, capped at what the tables describe, so that this share alone
 * never moves them.
 */
function generousEnd({ geometry, frames, zones }: Growable, from: number): number {
  const managedFrames = frames.endFrame - frames.baseFrame - foreignFrames(zones);
  const divisor = geometry.hasMovingTables ? LOW_MEMORY_GROWTH_DIVISOR : GROWTH_DIVISOR;
  return Math.min(from + Math.floor(managedFrames / divisor), frames.coveredEndFrame);
}

/**
 * Adds to the heap the pages that its own growth has just created. If the tables do not describe all of them, larger
 * tables are made at the end of the new pages first. If these do not fit, the pages that the old tables do not describe
 * stay unused.
 */
function addToHeap(heap: Growable, { first, end: addedEnd }: Added, servedEnd: number): void {
  const { memory, geometry, frames, zones } = heap;
  const next =
    addedEnd > frames.coveredEndFrame ? nextTables(memory, geometry, addedEnd, addedEnd - servedEnd) : undefined;
  const end = next === undefined ? Math.min(addedEnd, frames.coveredEndFrame) : addedEnd;
  if (end <= first) return;
  const firstPage = first / WASM_PAGE_FRAMES;
  const pageCount = Math.ceil(end / WASM_PAGE_FRAMES) - firstPage;
  if (ASSERTIONS) {
    assert(frames.growthJournal === 0, "no other growth of the heap is under way");
    assert(Number.isInteger(firstPage), `growth begins with a page of WebAssembly, not with page ${first}`);
    assert(end > first && end <= frames.limitFrame, `the end grows beyond page ${first}, and not over the limit`);
  }
  frames.setGrowthJournal(firstPage | (pageCount << GROWING_WASM_COUNT_SHIFT));
  const former = { frame: geometry.tablesFirstFrame, count: tablePages(geometry) };
  if (next !== undefined) {
    moveTables(memory, geometry, next);
    frames.useGeometry();
  }
  moveEnd(frames, first, end);
  extendZones(zones, geometry, first, end);
  if (next !== undefined && !keepsOldTables(memory)) zones[Zone.NORMAL].give(former.frame, former.count);
  frames.setGrowthJournal(0);
}

/** Moves the end of the heap to the end of new pages; first marks the pages in between, a hole, as RESERVED. */
function moveEnd(frames: FrameTable, first: number, end: number): void {
  const { endFrame } = frames;
  if (ASSERTIONS)
    assert(first >= endFrame, `what is added from page ${first} on comes after the heap's end, ${endFrame}`);
  frames.fillKind(endFrame, first - endFrame, FrameKind.RESERVED);
  frames.setEndFrame(end);
}

/**
 * Completes a growth during which a thread died, as far as the end of the heap is concerned; the zones must be rebuilt
 * afterwards. Discards a GROWTH_JOURNAL that cannot be valid. Under the pages' lock.
 */
export function completeInterruptedGrowth(frames: FrameTable): void {
  const growthJournal = frames.growthJournal;
  if (growthJournal === 0) return;
  const firstPage = growthJournal & GROWING_WASM_FIRST_MASK;
  const first = firstPage * WASM_PAGE_FRAMES;
  const reached = (firstPage + (growthJournal >>> GROWING_WASM_COUNT_SHIFT)) * WASM_PAGE_FRAMES;
  const end = Math.min(reached, frames.limitFrame);
  // Had the tables moved before the death, they would describe `end`. If they do not, the new pages stay unused.
  const isPossible = reached * PAGE_SIZE <= frames.memory.presentBytes() && end <= frames.coveredEndFrame;
  if (isPossible && first >= frames.endFrame && end > first) moveEnd(frames, first, end);
  frames.setGrowthJournal(0);
}

/** The lowest end of the heap at which a zone up to there can serve the request, if pages are added from `from` on. */
function endToServe(heap: Growable, from: number, count: number, request: PageRequest): number {
  const dmaEnd = dmaEndFrame(heap.geometry);
  if (from < dmaEnd) {
    const end = zoneEndToServe(heap.zones[Zone.DMA], from, count, request);
    if (end <= dmaEnd) return end;
  }
  return zoneEndToServe(heap.zones[Zone.NORMAL], from, count, request);
}

/** As {@link endToServe}, for one zone. Counts the free pages at its end, and the reserve that it must keep. */
function zoneEndToServe(zone: BuddyZone, from: number, count: number, request: PageRequest): number {
  const { alignFrames = 1, mayUseReserve = false } = request;
  const oldEnd = zone.get(ZoneRecord.END_FRAME);
  const first = Math.max(from, oldEnd);
  // Free pages at the end of the zone adjoin the added ones only if no hole lies between them.
  const tail = first === oldEnd ? zone.trailingFreeStart() : first;
  let end = Math.max(Math.ceil(tail / alignFrames) * alignFrames + count, first + 1);
  for (;;) {
    const left = zone.freeFrames + (end - first) - count;
    const missing = (mayUseReserve ? 0 : minWatermark(zone.managedFrames + (end - first))) - left;
    if (missing <= 0) return end;
    end += missing;
  }
}
