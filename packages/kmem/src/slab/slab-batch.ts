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
 * Makes runs of `pageCount` pages each of a SYSTEM run that is this slot's, the last first: at any instant COUNT of the
 * first one covers what is not split off yet.
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

/** The first empty slab of the first `lookCount` in the cache's partial list; NO_FRAME where there is none. */
export function oldestEmpty(frames: FrameTable, cache: number, lookCount: number): number {
  const { words } = frames.memory;
  const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
  let slab = words[cache + CacheRecord.PARTIAL_HEAD];
  for (let look = 0; look < lookCount && slab !== NO_FRAME; look++) {
    const record = frames.record(slab);
    if ((words[record + FrameRecord.COUNT] & SLAB_FREE_MASK) === slabBlocks) return slab;
    slab = words[record + FrameRecord.NEXT];
  }
  return NO_FRAME;
}

/** Slabs side by side. */
export interface SlabRow {
  readonly first: number;
  readonly slabCount: number;
}

/** An empty slab with the empty ones of the same cache and zone beside it, `slabsMax` at most. */
export function emptyRow(
  { frames, dmaEndFrame }: Pick<PageAllocator, "frames" | "dmaEndFrame">,
  slab: number,
  cache: number,
  slabsMax: number,
): SlabRow {
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

/** The first slab outside of `row` from `slab` on in its cache's partial list; NO_FRAME where there is none. */
export function nextAfter(frames: FrameTable, slab: number, row: SlabRow, slabPages: number): number {
  const { words } = frames.memory;
  const { first, slabCount } = row;
  const end = first + slabCount * slabPages;
  let next = slab;
  while (next >= first && next < end) next = words[frames.record(next) + FrameRecord.NEXT];
  return next;
}
