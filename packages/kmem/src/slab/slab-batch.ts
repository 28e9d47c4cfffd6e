import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { FrameTable } from "../pages/frames.ts";
import { FrameRecord, NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import {
  BATCH_PAGES_MAX,
  BATCH_SLABS_MAX,
  BATCH_SLABS_SHARE_SHIFT,
  CacheRecord,
  SLAB_FREE_MASK,
  SLAB_HEAD_MASK,
} from "./layout.ts";

// A cache that has many slabs makes and releases several at a time: pages are taken and given back once for all of
// them. `cache` is the index of its record in `words`.

/** Slabs that a cache makes or releases at a time: one, until it has many. */
export function batchSlabs(words: Int32Array, cache: number): number {
  const share = 1 + (words[cache + CacheRecord.SLABS] >> BATCH_SLABS_SHARE_SHIFT);
  const slabsMax = Math.floor(BATCH_PAGES_MAX / words[cache + CacheRecord.SLAB_PAGES]);
  return Math.max(1, Math.min(share, slabsMax, BATCH_SLABS_MAX));
}

/**
 * Splits a SYSTEM run of this slot into runs of `pageCount` pages each, from its end: at any instant COUNT of the first
 * one covers what is not split off yet.
 */
export function splitEvenly(frames: FrameTable, first: number, count: number, pageCount: number): void {
  if (ASSERTIONS) assert(count % pageCount === 0, `a run of ${count} pages is split into runs of ${pageCount}`);
  const owner = frames.owner(first);
  for (let head = first + count - pageCount; head > first; head -= pageCount) {
    frames.setCount(head, pageCount);
    frames.setOwner(head, owner);
    frames.setKind(head, RunKind.SYSTEM);
    frames.setCount(first, head - first);
  }
}

/** Blocks of a slab that are free. */
function freeBlocks(frames: FrameTable, slab: number): number {
  return frames.memory.words[frames.record(slab) + FrameRecord.COUNT] & SLAB_FREE_MASK;
}

/** The first empty slab of the first `lookCount` in the cache's partial list; NO_FRAME where there is none. */
export function oldestEmpty(frames: FrameTable, cache: number, lookCount: number): number {
  const { words } = frames.memory;
  const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
  let slab = words[cache + CacheRecord.PARTIAL_HEAD];
  for (let look = 0; look < lookCount && slab !== NO_FRAME; look++) {
    if (freeBlocks(frames, slab) === slabBlocks) return slab;
    slab = words[frames.record(slab) + FrameRecord.NEXT];
  }
  return NO_FRAME;
}

/** The last empty slab of the cache's partial list: slabs are moved to its end when they become empty. */
export function newestEmpty(frames: FrameTable, cache: number): number {
  const { words } = frames.memory;
  const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
  let slab = words[cache + CacheRecord.PARTIAL_TAIL];
  while (slab !== NO_FRAME && freeBlocks(frames, slab) !== slabBlocks)
    slab = words[frames.record(slab) + FrameRecord.PREV];
  return slab;
}

/** Slabs side by side. */
export interface SlabSpan {
  readonly first: number;
  readonly slabCount: number;
}

/** An empty slab with the empty ones of the same cache and zone beside it, `slabsMax` at most. */
export function emptySpan(
  { frames, dmaEndFrame }: Pick<PageAllocator, "frames" | "dmaEndFrame">,
  slab: number,
  cache: number,
  slabsMax: number,
): SlabSpan {
  const [firstFrame, endFrame] = slab < dmaEndFrame ? [0, dmaEndFrame] : [dmaEndFrame, frames.endFrame];
  const { words } = frames.memory;
  const pageCount = words[cache + CacheRecord.SLAB_PAGES];
  const kind = frames.kind(slab);
  const isEmpty = (frame: number): boolean => {
    if (frame < firstFrame || frame + pageCount > endFrame || frames.kind(frame) !== kind) return false;
    const record = frames.record(frame);
    const head = words[record + FrameRecord.SLAB_OR_OWNER] & SLAB_HEAD_MASK;
    return (
      head === frame && (words[record + FrameRecord.COUNT] & SLAB_FREE_MASK) === words[cache + CacheRecord.SLAB_BLOCKS]
    );
  };
  let first = slab;
  let slabCount = 1;
  for (; slabCount < slabsMax && isEmpty(first - pageCount); slabCount++) first -= pageCount;
  while (slabCount < slabsMax && isEmpty(first + slabCount * pageCount)) slabCount++;
  return { first, slabCount };
}

/**
 * Hands spans of empty slabs to `release`, which returns their pages, until so many slabs are released or no more are
 * empty; returns all pages. From the end of the cache's partial list, where slabs are moved when they become empty.
 */
export function releaseSpans(
  pages: Pick<PageAllocator, "frames" | "dmaEndFrame">,
  cache: number,
  slabLimit: number,
  release: (span: SlabSpan) => number,
): number {
  const { frames } = pages;
  const { words } = frames.memory;
  const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
  const slabPages = words[cache + CacheRecord.SLAB_PAGES];
  const pagesMax = slabLimit * slabPages;
  let released = 0;
  let slab = words[cache + CacheRecord.PARTIAL_TAIL];
  while (slab !== NO_FRAME && words[cache + CacheRecord.EMPTY_SLABS] > 0 && released < pagesMax) {
    if (freeBlocks(frames, slab) !== slabBlocks) slab = words[frames.record(slab) + FrameRecord.PREV];
    else {
      const span = emptySpan(pages, slab, cache, Math.min(BATCH_SLABS_MAX, (pagesMax - released) / slabPages));
      slab = previousBefore(frames, slab, span, slabPages);
      released += release(span);
    }
  }
  return released;
}

/** The last slab outside of `span` from `slab` back in its cache's partial list; NO_FRAME where there is none. */
function previousBefore(frames: FrameTable, slab: number, span: SlabSpan, slabPages: number): number {
  const { words } = frames.memory;
  const { first, slabCount } = span;
  const end = first + slabCount * slabPages;
  let previous = slab;
  while (previous >= first && previous < end) previous = words[frames.record(previous) + FrameRecord.PREV];
  return previous;
}
