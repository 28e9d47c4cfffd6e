import type { Geometry } from "../memory/header.ts";
import { PAGE_SIZE, WASM_PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { Buddy } from "./buddy.ts";
import type { FrameTable } from "./frames.ts";
import { Zone, ZoneRecord } from "./layout.ts";
import type { PageRequest } from "./page-allocator.ts";
import { coverZones, reservePages, zoneBorder } from "./zone.ts";

/** Growth adds at least this share of what there is, so that a growing heap asks the engine seldom. */
const GROWTH_DIVISOR = 8;
const WASM_PAGE_FRAMES: number = WASM_PAGE_SIZE / PAGE_SIZE;

/** What grows: a memory, and the tables that are to cover more of it. */
export interface Growable {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly frames: FrameTable;
  readonly zones: readonly Buddy[];
}

/**
 * Moves the end of a heap so far that `count` pages can be had; false, with nothing changed, where the limit forbids
 * it. Under the pages' lock: one thread grows, the others notice when they next come for pages.
 */
export function growPages(heap: Growable, count: number, request: PageRequest): boolean {
  const { memory, geometry, frames, zones } = heap;
  const { limitFrame } = frames;
  const oldEnd = frames.endFrame;
  const neededEnd = Math.max(endToServe(heap, count, request), oldEnd + 1);
  if (neededEnd > limitFrame) return false;
  const generousEnd = oldEnd + Math.floor((oldEnd - frames.baseFrame) / GROWTH_DIVISOR);
  for (const wantedEnd of [Math.max(neededEnd, generousEnd), neededEnd]) {
    const newEnd = Math.min(Math.ceil(wantedEnd / WASM_PAGE_FRAMES) * WASM_PAGE_FRAMES, limitFrame);
    if (!memory.growTo(newEnd * PAGE_SIZE)) continue;
    frames.setEndFrame(newEnd);
    coverZones(zones, geometry, oldEnd, newEnd);
    return true;
  }
  return false;
}

/** The lowest end of the heap at which a zone at that end can serve the request. */
function endToServe({ geometry, frames, zones }: Growable, count: number, request: PageRequest): number {
  const border = zoneBorder(geometry);
  if (frames.endFrame < border) {
    const end = zoneEndToServe(zones[Zone.DMA], count, request);
    if (end <= border) return end;
  }
  return zoneEndToServe(zones[Zone.NORMAL], count, request);
}

/** As {@link endToServe}, for one zone: the free pages at its end count, and so does the reserve it must keep. */
function zoneEndToServe(zone: Buddy, count: number, { alignFrames = 1, reserve = false }: PageRequest): number {
  const first = zone.get(ZoneRecord.FIRST_FRAME);
  const oldEnd = zone.get(ZoneRecord.END_FRAME);
  let end = Math.ceil(zone.freeTail() / alignFrames) * alignFrames + count;
  for (;;) {
    const left = zone.freeFrames + (end - oldEnd) - count;
    const missing = (reserve ? 0 : reservePages(end - first)) - left;
    if (missing <= 0) return end;
    end += missing;
  }
}
