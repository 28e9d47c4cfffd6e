import { GRANULE, GRANULE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameRecord } from "../pages/layout.ts";
import { isColour } from "../slab/check.ts";
import { CacheRecord, SLAB_HEAD_MASK, SLAB_OFFSET_SHIFT, Tag } from "../slab/layout.ts";
import { tagIndex } from "../slab/tags.ts";
import type { RepairContext } from "./context.ts";

const FRAME_GRANULES: number = PAGE_SIZE / GRANULE;
/**
 * The least score, of 2, at which a slab is accepted: up to 0.5 for the share of pages with its kind, up to 0.5 for
 * that of pages with its SLAB_OR_OWNER, and up to 1 for the share of blocks whose tags fit. Kinds and those words alone
 * never suffice.
 */
const MIN_SCORE = 1.5;

/** Settles slabs of which every page says the same in kind and SLAB_OR_OWNER. The records of caches are sound by now. */
export function trustSoundSlabs(context: RepairContext): void {
  const { layers, trusted } = context;
  const { caches, pages } = layers;
  for (const slab of trusted.others()) {
    const kind = pages.frames.kind(slab);
    const head = headOf(context, slab);
    if (!caches.isUsed(kind) || (head & SLAB_HEAD_MASK) !== slab) continue;
    const slabPages = caches.get(kind, CacheRecord.SLAB_PAGES);
    if (trusted.hasAny(slab, slabPages) || !isColour(caches, kind, head >>> SLAB_OFFSET_SHIFT)) continue;
    const isWhole = Array.from({ length: slabPages }, (_, page) => slab + page).every(
      (frame) => pages.frames.kind(frame) === kind && headOf(context, frame) === head,
    );
    if (!isWhole) continue;
    // The colour in SLAB_OR_OWNER may be damaged on all pages at once where there is one; the tags know better.
    if (misfits(context, kind, slab, head >>> SLAB_OFFSET_SHIFT) > 0) setSlab(context, kind, slab);
    trusted.add(slab, slabPages);
  }
}

/** Makes slabs of pages that do not all say the same, where enough witnesses do. */
export function repairSlabs(context: RepairContext): void {
  const { layers, trusted } = context;
  const { caches } = layers;
  for (const slab of trusted.others()) {
    const scores = [...candidateKinds(context, slab)].map((kind) => ({ kind, score: scoreOf(context, kind, slab) }));
    const bestScore = Math.max(0, ...scores.map(({ score }) => score));
    if (bestScore < MIN_SCORE) continue;
    const best = scores.filter(({ score }) => score === bestScore);
    // Of caches with blocks of one size, it is that of the one which misses a slab.
    const [found, other] = best.length === 1 ? best : best.filter(({ kind }) => missesSlab(context, kind));
    if (found === undefined || other !== undefined) continue;
    setSlab(context, found.kind, slab);
    trusted.add(slab, caches.get(found.kind, CacheRecord.SLAB_PAGES));
  }
}

/** Whether a cache is said to have more slabs than are trusted. O(frames). */
function missesSlab(context: RepairContext, kind: number): boolean {
  const { caches, pages } = context.layers;
  let settledSlabs = 0;
  for (let frame = pages.frames.firstPageFrame; frame < pages.frames.endFrame; frame++) {
    const isFirst = pages.frames.kind(frame) === kind && (headOf(context, frame) & SLAB_HEAD_MASK) === frame;
    if (isFirst && context.trusted.has(frame)) settledSlabs++;
  }
  return caches.get(kind, CacheRecord.SLABS) > settledSlabs;
}

/** The kinds to try for a slab that starts at a page: all where its own record names it, else those of it and the next. */
function candidateKinds(context: RepairContext, slab: number): Iterable<number> {
  const { caches, pages } = context.layers;
  const kind = pages.frames.kind(slab);
  if ((headOf(context, slab) & SLAB_HEAD_MASK) === slab) return caches.kinds();
  const next = pages.frames.kind(slab + 1);
  return new Set([kind, next].filter((one) => caches.isUsed(one)));
}

function scoreOf(context: RepairContext, kind: number, slab: number): number {
  const { caches, pages } = context.layers;
  const slabPages = caches.get(kind, CacheRecord.SLAB_PAGES);
  if (context.trusted.hasAny(slab, slabPages)) return 0;
  let agreeing = 0;
  for (let frame = slab; frame < slab + slabPages; frame++) {
    const head = headOf(context, frame);
    if (pages.frames.kind(frame) === kind) agreeing++;
    if (head >= 0 && (head & SLAB_HEAD_MASK) === slab) agreeing++;
  }
  const slabBlocks = caches.get(kind, CacheRecord.SLAB_BLOCKS);
  const fit = 1 - bestColour(context, kind, slab).misfits / slabBlocks;
  return agreeing / (2 * slabPages) + Math.max(0, fit);
}

/** Writes kinds and SLAB_OR_OWNER words of a slab; tells each page that was something else. */
function setSlab(context: RepairContext, kind: number, slab: number): void {
  const { layers, slabLog } = context;
  const { frames } = layers.pages;
  const head = slab | (bestColour(context, kind, slab).granule << SLAB_OFFSET_SHIFT);
  for (let frame = slab; frame < slab + layers.caches.get(kind, CacheRecord.SLAB_PAGES); frame++) {
    if (frames.kind(frame) === kind && headOf(context, frame) === head) continue;
    frames.setKind(frame, kind);
    layers.memory.words[frames.record(frame) + FrameRecord.SLAB_OR_OWNER] = head;
    slabLog.done(frame * PAGE_SIZE, `a page is part of the slab of ${layers.caches.name(kind)} that it lies in`);
  }
}

/** The place of a slab's first block at which the tags fit best: of equals what SLAB_OR_OWNER says, else the lowest. */
function bestColour(context: RepairContext, kind: number, slab: number): { granule: number; misfits: number } {
  const { caches } = context.layers;
  const step = caches.get(kind, CacheRecord.COLOUR_BYTES) >>> GRANULE_SHIFT;
  const said = headOf(context, slab) >>> SLAB_OFFSET_SHIFT;
  const granules = Array.from({ length: caches.get(kind, CacheRecord.COLOURS) }, (_, colour) => colour * step);
  let best = { granule: 0, misfits: Number.POSITIVE_INFINITY };
  for (const granule of granules.includes(said) ? [said, ...granules] : granules) {
    const count = misfits(context, kind, slab, granule);
    if (count < best.misfits) best = { granule, misfits: count };
  }
  return best;
}

/** Blocks of a slab without a tag, and tags where none of its blocks starts. */
function misfits({ layers }: RepairContext, kind: number, slab: number, firstGranule: number): number {
  const { memory, geometry, caches } = layers;
  const stride = caches.blockBytes(kind) >>> GRANULE_SHIFT;
  const slabBlocks = caches.get(kind, CacheRecord.SLAB_BLOCKS);
  const firstTag = tagIndex(geometry, slab * PAGE_SIZE);
  const tags = memory.bytes.subarray(firstTag, firstTag + caches.get(kind, CacheRecord.SLAB_PAGES) * FRAME_GRANULES);
  let tagged = 0;
  for (const tag of tags) if (tag !== Tag.NONE) tagged++;
  let fitting = 0;
  for (let block = 0; block < slabBlocks; block++) if (tags[firstGranule + block * stride] !== Tag.NONE) fitting++;
  return tagged - fitting + (slabBlocks - fitting);
}

function headOf({ layers }: RepairContext, frame: number): number {
  return layers.memory.words[layers.pages.frames.record(frame) + FrameRecord.SLAB_OR_OWNER];
}
