import { ASSERTIONS } from "../memory/assert.ts";
import { GRANULE_SHIFT, PAGE_SHIFT } from "../memory/layout.ts";
import type { FrameTable } from "../pages/frames.ts";
import { FrameRecord } from "../pages/layout.ts";
import { assertFutureSlab } from "./assertions.ts";
import type { BlockSpan } from "./block-functions.ts";
import { CacheRecord, SLAB_CURSOR_SHIFT, SLAB_OFFSET_SHIFT, Tag } from "./layout.ts";

// What the pages and tags of one slab say. `cache` is the index of its cache's record in `words`.

/**
 * Makes pages that are nobody else's a slab of free blocks. Under the cache's lock; in the order that pages/layout.ts
 * says, so that a thread which dies here leaves a run of its own or a slab.
 */
export function formatSlab(frames: FrameTable, slab: number, kind: number, cache: number, firstGranule: number): void {
  const { words } = frames.memory;
  const end = slab + words[cache + CacheRecord.SLAB_PAGES];
  const head = slab | (firstGranule << SLAB_OFFSET_SHIFT);
  if (ASSERTIONS) assertFutureSlab(frames, slab, end - slab);
  for (let frame = slab + 1; frame < end; frame++) words[frames.record(frame) + FrameRecord.SLAB_OR_OWNER] = head;
  tagBlocks(frames, slab, cache, firstGranule, Tag.IN_SLAB);
  frames.fillKind(slab + 1, end - slab - 1, kind);
  frames.setKind(slab, kind);
  const record = frames.record(slab);
  words[record + FrameRecord.COUNT] = words[cache + CacheRecord.SLAB_BLOCKS] | (firstGranule << SLAB_CURSOR_SHIFT);
  words[record + FrameRecord.SLAB_OR_OWNER] = head;
}

/** The blocks of a slab. */
export function blockSpan(words: Int32Array, slab: number, cache: number, firstGranule: number): BlockSpan {
  return {
    first: ((slab << PAGE_SHIFT) >>> 0) + (firstGranule << GRANULE_SHIFT),
    count: words[cache + CacheRecord.SLAB_BLOCKS],
    strideBytes: words[cache + CacheRecord.BLOCK_BYTES],
  };
}

/** The granule of a slab at which its first block starts. */
export function firstGranuleOf(frames: FrameTable, slab: number): number {
  return frames.memory.words[frames.record(slab) + FrameRecord.SLAB_OR_OWNER] >>> SLAB_OFFSET_SHIFT;
}

/** Gives every block of a slab the same tag. */
export function tagBlocks(frames: FrameTable, slab: number, cache: number, firstGranule: number, value: number): void {
  const { words, bytes } = frames.memory;
  const stride = words[cache + CacheRecord.BLOCK_BYTES] >>> GRANULE_SHIFT;
  const first = frames.tagBias + (slab << (PAGE_SHIFT - GRANULE_SHIFT)) + firstGranule;
  const end = first + words[cache + CacheRecord.SLAB_BLOCKS] * stride;
  for (let tagIndex = first; tagIndex < end; tagIndex += stride) bytes[tagIndex] = value;
}
