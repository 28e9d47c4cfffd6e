import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { FrameTable } from "../pages/frames.ts";
import { FrameRecord, NO_FRAME } from "../pages/layout.ts";
import { assertListedSlab } from "./assertions.ts";
import { CacheRecord } from "./layout.ts";

/** Constants of the functions below once more, as constants of this module: see fast-path.ts. */
const partialHead = CacheRecord.PARTIAL_HEAD;
const cacheTail = CacheRecord.PARTIAL_TAIL;
const frameNext = FrameRecord.NEXT;
const framePrev = FrameRecord.PREV;
const noFrame = NO_FRAME;

/**
 * Adds a slab at the end of its cache's list: the oldest is used first, so that the others have time to empty. `cache`
 * is the index of the cache's record. Under the cache's lock, as {@link unlinkSlab}.
 */
export function linkSlab(frames: FrameTable, slab: number, cache: number): void {
  const { words } = frames.memory;
  const tail = words[cache + cacheTail];
  if (ASSERTIONS) assert(tail !== slab && words[cache + partialHead] !== slab, `slab ${slab} is in no list yet`);
  const record = frames.record(slab);
  words[record + frameNext] = noFrame;
  words[record + framePrev] = tail;
  if (tail === noFrame) words[cache + partialHead] = slab;
  else words[frames.record(tail) + frameNext] = slab;
  words[cache + cacheTail] = slab;
  if (ASSERTIONS) assertListedSlab(frames, slab, cache);
}

/** Takes a slab out of its cache's list. */
export function unlinkSlab(frames: FrameTable, slab: number, cache: number): void {
  const { words } = frames.memory;
  const record = frames.record(slab);
  if (ASSERTIONS) assertListedSlab(frames, slab, cache);
  const next = words[record + frameNext];
  const previous = words[record + framePrev];
  if (previous === noFrame) words[cache + partialHead] = next;
  else words[frames.record(previous) + frameNext] = next;
  if (next === noFrame) words[cache + cacheTail] = previous;
  else words[frames.record(next) + framePrev] = previous;
}

/** Moves a slab that has become empty behind the others: those in use are filled first, so that it can be released. */
export function moveToEnd(frames: FrameTable, slab: number, cache: number): void {
  if (frames.memory.words[cache + cacheTail] === slab) return;
  unlinkSlab(frames, slab, cache);
  linkSlab(frames, slab, cache);
}
