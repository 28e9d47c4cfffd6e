import type { Geometry } from "../memory/header.ts";
import { GRANULE_SHIFT, PAGE_SHIFT, PAGE_SIZE, SLAB_PAGES_MAX } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { FrameTable } from "../pages/frames.ts";
import { FrameRecord, NO_FRAME, RunKind } from "../pages/layout.ts";
import type { CacheTable } from "./cache-table.ts";
import { CacheRecord, SLAB_CURSOR_SHIFT, SLAB_HEAD_MASK, SLAB_OFFSET_SHIFT, Tag } from "./layout.ts";
import { MAX_OBJECT_BYTES } from "./size-classes.ts";
import { tagIndex } from "./tags.ts";

/** What a cache is rebuilt from and into. */
export interface SlabTables {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly frames: FrameTable;
  readonly caches: CacheTable;
}

/** A slab: its first frame, and where in `bytes` the tags of its blocks stand. */
export interface SlabPlace {
  readonly slab: number;
  /** Index of the tag of the slab's first granule. */
  readonly firstGranuleTag: number;
  /** Index of the tag of the first block. */
  readonly firstTag: number;
  /** Distance between the tags of two blocks. */
  readonly stride: number;
  readonly blockCount: number;
}

/** Bytes of the largest slab: one object of the largest size, or as many pages as a heap may ask for. */
const SLAB_BYTES_MAX: number = Math.max(MAX_OBJECT_BYTES, SLAB_PAGES_MAX * PAGE_SIZE);

/**
 * The first frames of a cache's slabs in address order, those that are being made or released among them. O(frames).
 */
function* headsOf({ memory, geometry, frames }: SlabTables, kind: number): Generator<number> {
  const kinds = memory.bytes.subarray(0, frames.kindBias + frames.endFrame);
  let index = kinds.indexOf(kind, frames.kindBias + geometry.firstPageFrame);
  for (; index >= 0; index = kinds.indexOf(kind, index + 1)) {
    const frame = index - frames.kindBias;
    const head = memory.words[frames.record(frame) + FrameRecord.SLAB_OR_OWNER];
    if (head < 0 || (head & SLAB_HEAD_MASK) === frame) yield frame;
  }
}

/** The slabs of a cache in address order. O(frames). */
export function* slabsOf(tables: SlabTables, kind: number): Generator<SlabPlace> {
  const { memory, geometry, frames, caches } = tables;
  const stride = caches.blockBytes(kind) >>> GRANULE_SHIFT;
  // A record may be damaged: no slab has more blocks than fit into it.
  const slabBytes = Math.min(caches.get(kind, CacheRecord.SLAB_PAGES) * PAGE_SIZE, SLAB_BYTES_MAX);
  const fitting = Math.floor((slabBytes >>> GRANULE_SHIFT) / Math.max(1, stride));
  const blockCount = Math.min(caches.get(kind, CacheRecord.SLAB_BLOCKS), fitting);
  for (const slab of headsOf(tables, kind)) {
    const head = memory.words[frames.record(slab) + FrameRecord.SLAB_OR_OWNER];
    if (head < 0) continue;
    const firstGranuleTag = tagIndex(geometry, slab * PAGE_SIZE);
    yield { slab, firstGranuleTag, firstTag: firstGranuleTag + (head >>> SLAB_OFFSET_SHIFT), stride, blockCount };
  }
}

/**
 * Rebuilds what a cache's lock guards from the kinds, SLAB_OR_OWNER and tags of its slabs: a slab that was being made
 * or released is finished, blocks that are in no sheaf and not live are free in their slabs, the barn is empty, list
 * and counts are rebuilt. A thread that dies on the way leaves what the next call rebuilds. Under the cache's lock,
 * with other threads at work, or while all are at rest. O(frames + blocks).
 */
export function rebuildCache(tables: SlabTables, kind: number): void {
  const { memory, caches } = tables;
  for (const frame of headsOf(tables, kind)) finish(tables, kind, frame);
  for (const slab of slabsOf(tables, kind)) retag(memory, slab, [Tag.NONE, Tag.IN_BARN]);
  const barn = caches.get(kind, CacheRecord.BARN);
  if (barn !== 0) memory.words[barn] = 0;
  relist(tables, kind);
}

/**
 * Returns what lies in the sheaves of a slot whose thread is gone to the slabs of a cache; answers with the number of
 * blocks. {@link rebuildCache} is to follow where there are any. Under the cache's lock. O(frames + blocks).
 */
export function returnSheaf(tables: SlabTables, kind: number, slot: number): number {
  let count = 0;
  for (const slab of slabsOf(tables, kind)) count += retag(tables.memory, slab, [Tag.FIRST_CACHED + slot]);
  return count;
}

/** Tags the blocks of a slab IN_SLAB that have one of these tags; returns how many. */
function retag({ bytes }: LinearMemory, { firstTag, stride, blockCount }: SlabPlace, from: readonly number[]): number {
  let count = 0;
  for (let block = 0, tag = firstTag; block < blockCount; block++, tag += stride) {
    if (!from.includes(bytes[tag])) continue;
    bytes[tag] = Tag.IN_SLAB;
    count++;
  }
  return count;
}

/**
 * Ends what a thread has begun with the head of a slab: its kind is the cache's, its SLAB_OR_OWNER an owner. Its blocks
 * are tagged already where the slab was being made, and no more where it was being released; then it becomes the run
 * that its OWNER says.
 */
function finish({ memory, geometry, frames, caches }: SlabTables, kind: number, slab: number): void {
  const headWord = frames.record(slab) + FrameRecord.SLAB_OR_OWNER;
  if (memory.words[headWord] >= 0) return;
  const slabPages = caches.get(kind, CacheRecord.SLAB_PAGES);
  const firstTag = tagIndex(geometry, slab * PAGE_SIZE);
  const tags = memory.bytes.subarray(firstTag, firstTag + ((slabPages * PAGE_SIZE) >>> GRANULE_SHIFT));
  const firstGranule = tags.indexOf(Tag.IN_SLAB);
  if (firstGranule >= 0) {
    memory.words[headWord] = slab | (firstGranule << SLAB_OFFSET_SHIFT);
    return;
  }
  frames.setCount(slab, slabPages);
  frames.setKind(slab, RunKind.CACHED);
  frames.fillKind(slab + 1, slabPages - 1, RunKind.CACHED + 1);
}

/** Makes the list of a cache's slabs, by address, and all counts. */
function relist(tables: SlabTables, kind: number): void {
  const { memory, frames, caches } = tables;
  const { words, bytes } = memory;
  const record = caches.record(kind);
  let slabs = 0;
  let emptySlabs = 0;
  let freeBlocks = 0;
  let last: number = NO_FRAME;
  words[record + CacheRecord.PARTIAL_HEAD] = NO_FRAME;
  for (const { slab, firstGranuleTag, firstTag, stride, blockCount } of slabsOf(tables, kind)) {
    let free = 0;
    // No block is free below the cursor; in a full slab it stands at the end.
    let cursor = caches.get(kind, CacheRecord.SLAB_PAGES) << (PAGE_SHIFT - GRANULE_SHIFT);
    for (let block = blockCount - 1; block >= 0; block--) {
      const tag = firstTag + block * stride;
      if (bytes[tag] !== Tag.IN_SLAB) continue;
      free++;
      cursor = tag - firstGranuleTag;
    }
    const frameRecord = frames.record(slab);
    words[frameRecord + FrameRecord.COUNT] = free | (cursor << SLAB_CURSOR_SHIFT);
    slabs++;
    freeBlocks += free;
    if (free === blockCount) emptySlabs++;
    if (free === 0) continue;
    words[frameRecord + FrameRecord.NEXT] = NO_FRAME;
    words[frameRecord + FrameRecord.PREV] = last;
    if (last === NO_FRAME) words[record + CacheRecord.PARTIAL_HEAD] = slab;
    else words[frames.record(last) + FrameRecord.NEXT] = slab;
    last = slab;
  }
  words[record + CacheRecord.PARTIAL_TAIL] = last;
  words[record + CacheRecord.SLABS] = slabs;
  words[record + CacheRecord.EMPTY_SLABS] = emptySlabs;
  words[record + CacheRecord.FREE_BLOCKS] = freeBlocks;
}
