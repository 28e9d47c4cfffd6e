import { PAGE_SIZE, WASM_PAGE_FRAMES } from "../memory/layout.ts";
import { FRAME_RECORD_SHIFT, FrameKind } from "../pages/layout.ts";
import { isTagged, type RepairContext } from "./context.ts";

/** Others add whole pages of WebAssembly. So many of the pages in one that say so are more than one damaged byte. */
const ENOUGH = 2;

/**
 * Marks what others have added to the memory between the heap's own pages: all that lies after the first of their
 * pages in one of WebAssembly's, where nothing else is trusted. Where the heap ended at first in the midst of one, what
 * is its own comes before what is not.
 */
export function repairForeign(context: RepairContext): void {
  for (const frame of context.trusted.others()) {
    const firstNoted = firstNotedAround(context, frame);
    // Of the first page alone nothing tells whether the heap has ended after it, but that it was never used.
    const isFirst = frame % WASM_PAGE_FRAMES === 0 && firstNoted === frame + 1 && isUnused(context, frame);
    if (firstNoted >= 0 && (frame >= firstNoted || isFirst)) setForeign(context, frame);
  }
}

/** Where the heap ended at first one page before one of WebAssembly's did, that page alone is noted. */
export function repairLastForeign(context: RepairContext): void {
  for (const frame of context.trusted.others()) {
    if (frame % WASM_PAGE_FRAMES === WASM_PAGE_FRAMES - 1 && isNoted(context, frame)) setForeign(context, frame);
  }
}

/** Marks what is left of a page of WebAssembly after pages that are somebody else's. */
export function repairBehindForeign(context: RepairContext): void {
  const { frames } = context.layers.pages;
  for (const frame of context.trusted.others()) {
    const isBehind = frame % WASM_PAGE_FRAMES !== 0 && context.trusted.has(frame - 1) && frames.isForeign(frame - 1);
    if (isBehind) setForeign(context, frame);
  }
}

/**
 * The first page noted as somebody else's in the page of WebAssembly that a frame lies in; -1 where too few are, or
 * where one after it is trusted as something else.
 */
function firstNotedAround(context: RepairContext, frame: number): number {
  const { frames } = context.layers.pages;
  const first = frame - (frame % WASM_PAGE_FRAMES);
  let firstNoted = -1;
  let notedCount = 0;
  for (let one = first; one < first + WASM_PAGE_FRAMES; one++) {
    if (context.trusted.has(one)) {
      if (firstNoted >= 0 && !frames.isForeign(one)) return -1;
      if (!frames.isForeign(one)) continue;
    }
    if (notedCount >= ENOUGH || !isNoted(context, one)) continue;
    if (notedCount === 0) firstNoted = one;
    notedCount++;
  }
  return notedCount < ENOUGH ? -1 : firstNoted;
}

/** Whether a page is marked as somebody else's, and the heap has never noted anything else of it. */
function isNoted(context: RepairContext, frame: number): boolean {
  return context.layers.pages.frames.isForeign(frame) && isUnused(context, frame);
}

/** Whether nothing was ever written into the record of a frame, and no tag. */
function isUnused({ layers }: RepairContext, frame: number): boolean {
  const { words } = layers.memory;
  const record = layers.pages.frames.record(frame);
  for (let word = record; word < record + (1 << FRAME_RECORD_SHIFT); word++) if (words[word] !== 0) return false;
  return !isTagged(layers, frame);
}

/** Marks a page as somebody else's; tells it where it was marked as something else. Its tags are repaired with all. */
function setForeign({ layers, trusted, pagesLog }: RepairContext, frame: number): void {
  const { frames } = layers.pages;
  const record = frames.record(frame);
  layers.memory.words.fill(0, record, record + (1 << FRAME_RECORD_SHIFT));
  trusted.add(frame, 1);
  if (frames.isForeign(frame)) return;
  frames.setKind(frame, FrameKind.RESERVED);
  pagesLog.done(frame * PAGE_SIZE, "a page that is not the heap's was marked so");
}
