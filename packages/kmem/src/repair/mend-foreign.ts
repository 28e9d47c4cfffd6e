import { PAGE_SIZE, WASM_PAGE_FRAMES } from "../memory/layout.ts";
import { FRAME_RECORD_SHIFT, FrameKind } from "../pages/layout.ts";
import { isTagged, type RepairContext } from "./context.ts";

/** Others add whole pages of WebAssembly. So many of the pages in one that say so are more than one damaged byte. */
const ENOUGH = 2;

/** Whether a page is marked as somebody else's, and the heap has never noted anything else of it. */
export function isNotedForeign({ layers }: RepairContext, frame: number): boolean {
  const { frames } = layers.pages;
  if (!frames.isForeign(frame) || !isUnused(layers.memory.words, frames.record(frame))) return false;
  return !isTagged(layers, frame);
}

/**
 * Whether a page that may be marked as something else is one of those of WebAssembly that others have added. Where the
 * heap ended at first in the midst of one, what is its own comes before what is not.
 */
export function liesAmongForeign(context: RepairContext, frame: number): boolean {
  const { layers } = context;
  const first = frame - (frame % WASM_PAGE_FRAMES);
  let firstNoted = 0;
  let notedCount = 0;
  for (let one = first; one < first + WASM_PAGE_FRAMES && notedCount < ENOUGH; one++) {
    if (!isNotedForeign(context, one)) continue;
    if (notedCount === 0) firstNoted = one;
    notedCount++;
  }
  if (notedCount < ENOUGH) return false;
  const isBehind = frame >= firstNoted || (frame === first && firstNoted === first + 1);
  return isBehind && isUnused(layers.memory.words, layers.pages.frames.record(frame)) && !isTagged(layers, frame);
}

/** Whether nothing was ever written into the record of a frame. */
function isUnused(words: Int32Array, record: number): boolean {
  return words.subarray(record, record + (1 << FRAME_RECORD_SHIFT)).every((word) => word === 0);
}

/** Marks a page as somebody else's; tells it where it was marked as something else. */
export function setForeign({ layers, settled, pagesLog }: RepairContext, frame: number): void {
  const { frames } = layers.pages;
  settled.add(frame, 1);
  if (frames.isForeign(frame)) return;
  frames.setKind(frame, FrameKind.RESERVED);
  pagesLog.done(frame * PAGE_SIZE, "a page that is not the heap's was marked so");
}
