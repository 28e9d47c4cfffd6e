import type { BlockShapes } from "../memory/header.ts";
import { GRANULE, GRANULE_SHIFT, PAGE_SIZE, SHEAF_BLOCKS_MAX, SLAB_PAGES_MAX } from "../memory/layout.ts";

/**
 * The size classes of kmalloc: every multiple of 16 up to 128, then eight to a doubling up to 32 KiB, so that a block
 * is at most 1/9 larger than what was asked for. From 4 KiB on each class divides a slab of at most 15 pages exactly.
 */

/** Classes to a doubling. */
const STEPS_SHIFT = 3;
const STEPS: number = 1 << STEPS_SHIFT;
/** Up to here classes are the multiples of the granule. */
const LINEAR_MAX_BYTES: number = GRANULE << STEPS_SHIFT;
/** The largest class; larger blocks are runs of pages, of which rounding wastes at most an eighth as well. */
export const MAX_CLASS_BYTES = 32768;
const DOUBLINGS: number = Math.log2(MAX_CLASS_BYTES / LINEAR_MAX_BYTES);
/** Size classes of kmalloc. */
export const CLASS_COUNT: number = STEPS + DOUBLINGS * STEPS;

/** Bytes of a block of the class, from 0. */
export function classBytes(index: number): number {
  if (index < STEPS) return (index + 1) << GRANULE_SHIFT;
  const doubling = (index >>> STEPS_SHIFT) - 1;
  const step = (index & (STEPS - 1)) + 1;
  return (LINEAR_MAX_BYTES + step * GRANULE) << doubling;
}

/** The class for every size in granules: entry n is the smallest class that holds n granules. */
export function classBySize(): Uint8Array<ArrayBuffer> {
  const table = new Uint8Array((MAX_CLASS_BYTES >>> GRANULE_SHIFT) + 1);
  let index = 0;
  for (let granules = 0; granules < table.length; granules++) {
    while (classBytes(index) < granules << GRANULE_SHIFT) index++;
    table[granules] = index;
  }
  return table;
}

/** The largest object of a named cache: 32 pages, as Linux 2.4 has it. */
export const MAX_OBJECT_BYTES = 131072;

/** How the slabs of a block size are cut. */
export interface SlabShape {
  readonly slabPages: number;
  readonly slabBlocks: number;
  readonly capacity: number;
}

/**
 * What a page of slab weighs against the share of it that the blocks leave unused. More pages fit the blocks better,
 * but a class of which a program wants one block then holds more that it does not need; measured over the real traces,
 * 1/64 is where the two meet.
 */
const SLAB_PAGE_WEIGHT: number = 1 / 64;
/** A full sheaf holds about this many bytes of blocks. */
const SHEAF_BYTES = 16384;
const SHEAF_CAPACITY_MAX = 256;
const SHEAF_CAPACITY_MIN = 4;
/** The same for the size classes of a slot with a large area; measured over the real traces: docs/performance.md. */
const LARGE_SHEAF_BYTES = 65536;
/** Entries of the largest sheaf there is. */
export const LARGE_SHEAF_CAPACITY_MAX: number = SHEAF_BLOCKS_MAX;
const LARGE_SHEAF_CAPACITY_MIN = 8;
/** Entries of the sheaf for blocks above the largest size class. */
const LARGE_SHEAF_CAPACITY = 2;

/** What a heap was told bounds the entries that suit a size. */
function bounded(capacity: number, { sheafBlocks }: BlockShapes): number {
  return sheafBlocks === 0 ? capacity : Math.min(capacity, sheafBlocks);
}

/** Entries of a sheaf for blocks of `blockBytes`, in a slot with a small area. */
export function smallCapacity(blockBytes: number, shapes: BlockShapes): number {
  const capacityMin = blockBytes > MAX_CLASS_BYTES ? LARGE_SHEAF_CAPACITY : SHEAF_CAPACITY_MIN;
  const capacity = Math.max(capacityMin, Math.min(SHEAF_CAPACITY_MAX, Math.floor(SHEAF_BYTES / blockBytes)));
  return bounded(capacity, shapes);
}

/**
 * Chooses the pages of a slab and the entries of a sheaf for blocks of `blockBytes`, a multiple of 16: up to 32 KiB for
 * size classes, up to 128 KiB for named caches; a heap that was told of its slabs has as many pages as it was told.
 */
export function slabShape(blockBytes: number, shapes: BlockShapes): SlabShape {
  const capacity = smallCapacity(blockBytes, shapes);
  const leastPages = Math.ceil(blockBytes / PAGE_SIZE);
  const pagesMin = Math.max(leastPages, shapes.slabPages);
  const chosenMax = Math.max(SLAB_PAGES_MAX, Math.min(leastPages, MAX_OBJECT_BYTES / PAGE_SIZE));
  const pagesMax = shapes.slabPages === 0 ? chosenMax : Math.min(pagesMin, chosenMax);
  let best: SlabShape | undefined;
  let bestScore = Number.POSITIVE_INFINITY;
  for (let slabPages = pagesMin; slabPages <= pagesMax; slabPages++) {
    const slabBytes = slabPages * PAGE_SIZE;
    const slabBlocks = Math.floor(slabBytes / blockBytes);
    const unusedShare = (slabBytes - slabBlocks * blockBytes) / slabBytes;
    const score = unusedShare + slabPages * SLAB_PAGE_WEIGHT;
    if (score >= bestScore) continue;
    best = { slabPages, slabBlocks, capacity };
    bestScore = score;
  }
  if (best === undefined) throw new RangeError(`no slab for blocks of ${blockBytes} bytes`);
  return best;
}

/** Entries of the sheaves of a size class: those of a slot with a small area, or with a large one. */
export function sheafCapacity(index: number, isLarge: boolean, shapes: BlockShapes): number {
  if (!isLarge) return smallCapacity(classBytes(index), shapes);
  const capacity = Math.floor(LARGE_SHEAF_BYTES / classBytes(index));
  return bounded(Math.max(LARGE_SHEAF_CAPACITY_MIN, Math.min(LARGE_SHEAF_CAPACITY_MAX, capacity)), shapes);
}
