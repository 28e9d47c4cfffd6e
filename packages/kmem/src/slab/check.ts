import type { Report } from "../memory/finding.ts";
import { GRANULE, GRANULE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, FrameRecord, NO_FRAME } from "../pages/layout.ts";
import type { CacheTable } from "./cache-table.ts";
import { checkRecords } from "./check-records.ts";
import { checkSheaves, type OutsideSlabs, type SheafCheckContext } from "./check-sheaves.ts";
import {
  CacheRecord,
  isCached,
  isLive,
  SLAB_CURSOR_SHIFT,
  SLAB_FREE_MASK,
  SLAB_HEAD_MASK,
  SLAB_OFFSET_SHIFT,
  Tag,
} from "./layout.ts";
import { tagIndex } from "./tags.ts";

/** What the check of the slabs reads. */
export type SlabCheckContext = SheafCheckContext;

/** What one cache's slabs add up to. */
interface Tally {
  slabs: number;
  empty: number;
  inSlab: number;
  /** Slabs with free blocks: those that the list must hold. */
  readonly listed: Set<number>;
}

/**
 * Verifies the tags against slabs, sheaves, barns and counts: every block of a slab is live, in its slab, in a barn or
 * in the sheaf that its tag names; tags stand nowhere else; lists and counts agree. Reads only; ends on any bytes.
 */
export function checkSlabs(context: SlabCheckContext, report: Report): void {
  const { caches, pages, geometry } = context;
  const sound = checkRecords(context, report);
  const inSheaf = checkSheaves(context, sound, report);
  const tallies = new Map<number, Tally>();
  for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; ) {
    const kind = pages.frames.kind(frame);
    if (kind < FrameKind.FIRST_CACHE) {
      frame++;
    } else if (!caches.isUsed(kind)) {
      report(frame * PAGE_SIZE, `a page belongs to cache ${kind - FrameKind.FIRST_CACHE}, which does not exist`);
      frame++;
    } else if (!sound.has(kind)) {
      frame++;
    } else {
      const tally = tallies.get(kind) ?? { slabs: 0, empty: 0, inSlab: 0, listed: new Set<number>() };
      tallies.set(kind, tally);
      frame += checkSlab(context, kind, frame, tally, inSheaf, report);
    }
  }
  for (const address of inSheaf.keys()) report(address, "a sheaf holds what is no free block of its cache");
  for (const kind of sound) checkCounts(context, kind, tallies.get(kind), report);
}

/** Verifies the slab that starts at `slab`; returns its frames. */
function checkSlab(
  context: SlabCheckContext,
  kind: number,
  slab: number,
  tally: Tally,
  inSheaf: OutsideSlabs,
  report: Report,
): number {
  const { memory, geometry, pages, caches } = context;
  const { frames } = pages;
  const slabPages = caches.get(kind, CacheRecord.SLAB_PAGES);
  const slabBlocks = caches.get(kind, CacheRecord.SLAB_BLOCKS);
  const stride = caches.blockBytes(kind) >>> GRANULE_SHIFT;
  const head = memory.words[frames.record(slab) + FrameRecord.SLAB_OR_OWNER];
  for (let frame = slab; frame < slab + slabPages; frame++) {
    const frameHead = memory.words[frames.record(frame) + FrameRecord.SLAB_OR_OWNER];
    if (frames.kind(frame) === kind && frameHead === head && (head & SLAB_HEAD_MASK) === slab) continue;
    report(frame * PAGE_SIZE, `a page of a slab of ${caches.name(kind)} points to another slab`);
    return 1;
  }
  const firstGranule = head >>> SLAB_OFFSET_SHIFT;
  if (!isColour(caches, kind, firstGranule)) {
    report(slab * PAGE_SIZE, `the first block of a slab of ${caches.name(kind)} starts at no colour of its cache`);
    return slabPages;
  }
  const firstTag = tagIndex(geometry, slab * PAGE_SIZE);
  const granules = (slabPages * PAGE_SIZE) >>> GRANULE_SHIFT;
  const packed = memory.words[frames.record(slab) + FrameRecord.COUNT];
  let free = 0;
  for (let granule = 0; granule < granules; granule++) {
    const tag = memory.bytes[firstTag + granule];
    const address = slab * PAGE_SIZE + granule * GRANULE;
    const block = (granule - firstGranule) / stride;
    if (block < 0 || block >= slabBlocks || !Number.isInteger(block)) {
      if (tag !== Tag.NONE) report(address, `a tag (${tag}) stands where no block starts`);
    } else if (tag === Tag.IN_SLAB) {
      free++;
      if (granule < packed >>> SLAB_CURSOR_SHIFT) report(address, "a free block lies before its slab's cursor");
    } else if (tag === Tag.IN_BARN || isCached(tag)) {
      if (inSheaf.get(address) !== tag) report(address, "a free block is in no slab and not where its tag says");
      inSheaf.delete(address);
    } else if (!isLive(tag)) report(address, `a block has the tag ${tag}, which means nothing`);
  }
  if (free !== (packed & SLAB_FREE_MASK)) {
    report(slab * PAGE_SIZE, `a slab has ${free} free blocks, its count says ${packed & SLAB_FREE_MASK}`);
  }
  tally.slabs++;
  tally.inSlab += free;
  if (free === slabBlocks) tally.empty++;
  if (free > 0) tally.listed.add(slab);
  return slabPages;
}

/** Whether the slabs of a cache may start their first block at this granule. */
export function isColour(caches: CacheTable, kind: number, firstGranule: number): boolean {
  if (firstGranule === 0) return true;
  const colour = (firstGranule * GRANULE) / caches.get(kind, CacheRecord.COLOUR_BYTES);
  return Number.isInteger(colour) && colour < caches.get(kind, CacheRecord.COLOURS);
}

function checkCounts(context: SlabCheckContext, kind: number, found: Tally | undefined, report: Report): void {
  const { memory, pages, caches, geometry } = context;
  const { frames } = pages;
  const name = caches.name(kind);
  const tally = found ?? { slabs: 0, empty: 0, inSlab: 0, listed: new Set<number>() };
  const compare = (what: string, field: number, counted: number): void => {
    const stored = caches.get(kind, field);
    if (stored !== counted) report(geometry.cacheTable, `${name}: ${counted} ${what}, the count says ${stored}`);
  };
  compare("slabs", CacheRecord.SLABS, tally.slabs);
  compare("empty slabs", CacheRecord.EMPTY_SLABS, tally.empty);
  compare("free blocks in slabs", CacheRecord.FREE_BLOCKS, tally.inSlab);
  let previous: number = NO_FRAME;
  let slab = caches.get(kind, CacheRecord.PARTIAL_HEAD);
  while (slab !== NO_FRAME) {
    if (!tally.listed.delete(slab)) {
      report(slab * PAGE_SIZE, `the list of ${name} holds what is no slab with free blocks, or holds it twice`);
      break;
    }
    const record = frames.record(slab);
    if (memory.words[record + FrameRecord.PREV] !== previous) {
      report(slab * PAGE_SIZE, `a link back in the list of ${name} is wrong`);
    }
    previous = slab;
    slab = memory.words[record + FrameRecord.NEXT];
  }
  if (slab === NO_FRAME && caches.get(kind, CacheRecord.PARTIAL_TAIL) !== previous) {
    report(previous * PAGE_SIZE, `the end of the list of ${name} is wrong`);
  }
  for (const missing of tally.listed) report(missing * PAGE_SIZE, `a slab of ${name} with free blocks is in no list`);
}
