import { assert } from "../memory/assert.ts";
import { GRANULE_SHIFT, PAGE_SHIFT } from "../memory/layout.ts";
import type { FrameTable } from "../pages/frames.ts";
import { FrameKind, FrameRecord, NO_FRAME, RunKind, RunOwner } from "../pages/layout.ts";
import {
  CACHE_COUNT_MAX,
  CACHE_RECORD_WORDS,
  CacheRecord,
  SLAB_CURSOR_SHIFT,
  SLAB_FREE_MASK,
  SLAB_HEAD_MASK,
  Tag,
} from "./layout.ts";

// What is asserted, in test builds alone, where blocks change hands: between the slabs of a cache, its barn, and the
// sheaves and remote sheaves of slots. `cache` is the index of a cache's record in `words`.

/** Every block in a list of addresses, `words[firstWord]` on, is of a kind and has a tag. */
export function assertTagged(
  frames: FrameTable,
  { firstWord, count, kind, tag }: { firstWord: number; count: number; kind: number; tag: number },
): void {
  const { words, bytes } = frames.memory;
  for (let word = firstWord; word < firstWord + count; word++) {
    const block = words[word] >>> 0;
    const [foundKind, foundTag] = [
      frames.kind(block >>> PAGE_SHIFT),
      bytes[frames.tagBias + (block >>> GRANULE_SHIFT)],
    ];
    assert(foundKind === kind, `the block at ${block} that is handed over is of kind ${kind}, not ${foundKind}`);
    assert(foundTag === tag, `the block at ${block} that is handed over has the tag ${tag}, not ${foundTag}`);
  }
}

/** The counts of a cache's slabs go together. */
export function assertCounts(words: Int32Array, cache: number): void {
  const slabs = words[cache + CacheRecord.SLABS];
  const emptySlabs = words[cache + CacheRecord.EMPTY_SLABS];
  const freeBlocks = words[cache + CacheRecord.FREE_BLOCKS];
  const slabBlocks = words[cache + CacheRecord.SLAB_BLOCKS];
  assert(
    emptySlabs >= 0 && emptySlabs <= slabs,
    `no more of ${slabs} slabs are empty than there are, not ${emptySlabs}`,
  );
  assert(
    freeBlocks >= emptySlabs * slabBlocks,
    `the ${freeBlocks} free blocks are those of ${emptySlabs} empty slabs at least`,
  );
  assert(freeBlocks <= slabs * slabBlocks, `${slabs} slabs have no more than ${slabs * slabBlocks} blocks free`);
  assert(
    (freeBlocks === 0) === (words[cache + CacheRecord.PARTIAL_HEAD] === NO_FRAME),
    `${freeBlocks} blocks are in listed slabs`,
  );
}

/** A slab of the cache, which lists it: it has free blocks, and its neighbours in the list name it. */
export function assertListedSlab(frames: FrameTable, slab: number, cache: number): void {
  const { words } = frames.memory;
  const record = frames.record(slab);
  const [next, previous] = [words[record + FrameRecord.NEXT], words[record + FrameRecord.PREV]];
  assertSlab(frames, slab);
  const before =
    previous === NO_FRAME ? words[cache + CacheRecord.PARTIAL_HEAD] : words[frames.record(previous) + FrameRecord.NEXT];
  const after =
    next === NO_FRAME ? words[cache + CacheRecord.PARTIAL_TAIL] : words[frames.record(next) + FrameRecord.PREV];
  assert(before === slab, `what stands before slab ${slab} in its list leads to it, not to ${before}`);
  assert(after === slab, `what stands after slab ${slab} in its list leads back to it, not to ${after}`);
}

/** A frame is the first of a slab, and says so. */
export function assertSlab(frames: FrameTable, slab: number): void {
  const head = frames.memory.words[frames.record(slab) + FrameRecord.SLAB_OR_OWNER];
  assert(frames.kind(slab) >= FrameKind.FIRST_CACHE, `page ${slab} is a slab's, not of kind ${frames.kind(slab)}`);
  assert(head >= 0 && (head & SLAB_HEAD_MASK) === slab, `page ${slab} is the first of its slab`);
}

/** Free blocks of a slab, and the granule below which none is. */
export function assertSlabCount(frames: FrameTable, slab: number, cache: number): void {
  const { words } = frames.memory;
  const count = words[frames.record(slab) + FrameRecord.COUNT];
  const [free, cursor] = [count & SLAB_FREE_MASK, count >>> SLAB_CURSOR_SHIFT];
  const granules = words[cache + CacheRecord.SLAB_PAGES] << (PAGE_SHIFT - GRANULE_SHIFT);
  assert(
    free <= words[cache + CacheRecord.SLAB_BLOCKS],
    `slab ${slab} has no more free blocks than blocks, not ${free}`,
  );
  assert(
    free === 0 || cursor < granules,
    `the cursor of slab ${slab}, which has free blocks, stands in it, not at ${cursor}`,
  );
}

/** Pages that are to become a slab: a run of the heap's own that one slot answers for, with no block in it. */
export function assertFutureSlab(frames: FrameTable, first: number, count: number): void {
  const owner = frames.owner(first);
  assert(frames.kind(first) === RunKind.SYSTEM, `page ${first} that a slab is made of is the heap's own`);
  assert(frames.count(first) === count, `a slab of ${count} pages is made of as many, not of ${frames.count(first)}`);
  assert(
    (owner & ~RunOwner.LOW_MASK) === RunOwner.OWNER_BIT,
    `a slot answers for page ${first} that a slab is made of`,
  );
  assertNoBlocks(frames, first, count);
}

/** No block starts in a run of pages. */
export function assertNoBlocks({ memory, tagBias }: FrameTable, first: number, count: number): void {
  const firstTag = tagBias + (first << (PAGE_SHIFT - GRANULE_SHIFT));
  const tags = memory.bytes.subarray(firstTag, firstTag + (count << (PAGE_SHIFT - GRANULE_SHIFT)));
  assert(
    tags.every((tag) => tag === Tag.NONE),
    `no block starts in the ${count} pages from ${first} on`,
  );
}

/** A cache's record has no slabs and no free blocks: it may be given back. */
export function assertNoSlabs(words: Int32Array, cache: number): void {
  for (const field of ["SLABS", "EMPTY_SLABS", "FREE_BLOCKS", "PARTIAL_HEAD", "PARTIAL_TAIL"] as const) {
    const found = words[cache + CacheRecord[field]];
    assert(found === 0, `a cache that is destroyed has ${field} 0, not ${found}`);
  }
}

/** A word is the first of a cache's record. */
export function assertRecord(cache: number, tableWord: number): void {
  const number = (cache - tableWord) / CACHE_RECORD_WORDS;
  assert(
    Number.isInteger(number) && number >= 0 && number < CACHE_COUNT_MAX,
    `word ${cache} begins the record of a cache`,
  );
}

/** The entries of a stack between its sentinels: `count` of them, of `room`. */
export function assertRoom(count: number, room: number, what: string): void {
  assert(count >= 0 && count <= room, `${what} holds from 0 to ${room} blocks, not ${count}`);
}
