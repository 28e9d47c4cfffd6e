import { mayBeStale } from "../kmalloc/check.ts";
import { allSheaves, type CoreLayers } from "../kmalloc/layers.ts";
import { slabTables } from "../kmalloc/lock-takeover.ts";
import { GRANULE, GRANULE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, RunKind } from "../pages/layout.ts";
import { checkSheaves, type OutsideSlabs } from "../slab/check-sheaves.ts";
import { CacheRecord, isCached, isLive, Tag } from "../slab/layout.ts";
import { type SlabPlace, slabsOf } from "../slab/rebuild.ts";
import { tagIndex } from "../slab/tags.ts";
import { type RepairContext, tagsOf } from "./context.ts";

/** Says whether a free block that is in no slab is free, as its tag says. */
export type IsFree = (address: number, tag: number) => boolean;

/**
 * What sheaves, remote sheaves and barns say of the tags that name them, before they are rebuilt. While those of a slot
 * are whole, one tag that names it without the block in there is damaged; else tags are believed. Reads only.
 */
export function freeTagPredicate({ layers }: RepairContext): IsFree {
  const { slots, caches } = layers;
  let isWhole = true;
  const sheaves = allSheaves(layers);
  const isShared = mayBeStale(layers);
  const held = checkSheaves({ ...layers, allSheaves: sheaves, mayBeStale: isShared }, new Set(caches.kinds()), () => {
    isWhole = false;
  });
  const unheld = unheldBySlot(layers, held);
  return (address, tag) => {
    const slot = tag - Tag.FIRST_CACHED;
    if (tag === Tag.IN_BARN) return isShared || held.get(address) === tag;
    if (!sheaves.has(slot)) return slots.generation(slot) > 0;
    return !isWhole || held.get(address) === tag || (unheld.get(slot) ?? 0) > 1;
  };
}

/** How many blocks name a slot's sheaves in their tags and are not in there. */
function unheldBySlot({ memory, geometry, pages }: CoreLayers, held: OutsideSlabs): Map<number, number> {
  const counts = new Map<number, number>();
  const firstTag = tagIndex(geometry, geometry.firstPageFrame * PAGE_SIZE);
  const tags = memory.bytes.subarray(firstTag, tagIndex(geometry, pages.frames.endFrame * PAGE_SIZE));
  for (const [granule, tag] of tags.entries()) {
    if (!isCached(tag) || held.get(geometry.firstPageFrame * PAGE_SIZE + granule * GRANULE) === tag) continue;
    const slot = tag - Tag.FIRST_CACHED;
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
  }
  return counts;
}

/**
 * Repairs all tags, so that no block is free that may be in use. `keptTag` is the live one of blocks whose own says
 * nothing. All frames are in order by now.
 *
 * - IN_SLAB is free, and so is what its tag and `isFree` say is free elsewhere;
 * - all else that starts where a block does is live;
 * - where no block starts there is no tag, and the block of a run has a live one.
 */
export function repairTags(context: RepairContext, isFree: IsFree, keptTag: number): void {
  const { layers, kmallocLog } = context;
  const { memory, geometry, caches } = layers;
  for (const kind of caches.kinds()) {
    for (const place of slabsOf(slabTables(layers), kind)) repairSlabTags(context, kind, place, isFree, keptTag);
  }
  const { frames } = layers.pages;
  for (let frame = geometry.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.kind(frame) < FrameKind.FIRST_CACHE) repairRunTags(context, frame, keptTag);
  }
  const tables = memory.bytes.subarray(geometry.tagTable, tagIndex(geometry, geometry.firstPageFrame * PAGE_SIZE));
  if (tables[0] !== Tag.RESERVED || tables.subarray(1).some((tag) => tag !== Tag.NONE)) {
    tables.fill(Tag.NONE);
    tables[0] = Tag.RESERVED;
    kmallocLog.done(geometry.tagTable, "the tags of the tables' own pages were rewritten");
  }
}

function repairSlabTags(
  { layers, slabLog }: RepairContext,
  kind: number,
  { slab, firstGranuleTag, firstTag, stride, blockCount }: SlabPlace,
  isFree: IsFree,
  keptTag: number,
): void {
  const { memory, slots, caches } = layers;
  const { bytes } = memory;
  const endTag = firstTag + blockCount * stride;
  const endOfSlab = firstGranuleTag + ((caches.get(kind, CacheRecord.SLAB_PAGES) * PAGE_SIZE) >>> GRANULE_SHIFT);
  for (let tag = firstGranuleTag; tag < endOfSlab; tag++) {
    const found = bytes[tag];
    const address = slab * PAGE_SIZE + (tag - firstGranuleTag) * GRANULE;
    const isBlock = tag >= firstTag && tag < endTag && (tag - firstTag) % stride === 0;
    if (!isBlock) {
      if (found === Tag.NONE) continue;
      bytes[tag] = Tag.NONE;
      slabLog.done(address, `a tag (${found}) was cleared where no block starts`);
    } else if (found !== Tag.IN_SLAB && !(isLive(found) && found <= slots.count)) {
      const isFound = (found === Tag.IN_BARN || isCached(found)) && isFree(address, found);
      bytes[tag] = isFound ? Tag.IN_SLAB : keptTag;
      if (!isFound) slabLog.lost(address, `a block of ${caches.name(kind)} with the tag ${found} is kept as live`);
    }
  }
}

function repairRunTags({ layers, kmallocLog }: RepairContext, frame: number, keptTag: number): void {
  const { slots, pages } = layers;
  const tags = tagsOf(layers, frame);
  for (const [granule, tag] of tags.entries()) {
    const isBlock = granule === 0 && pages.frames.kind(frame) === RunKind.LARGE_BLOCK;
    if (isBlock ? isLive(tag) && tag <= slots.count : tag === Tag.NONE) continue;
    const owner = pages.frames.ownerSlot(frame) + 1;
    tags[granule] = isBlock ? owner || keptTag : Tag.NONE;
    const address = frame * PAGE_SIZE + granule * GRANULE;
    if (isBlock) kmallocLog.done(address, `a block with the tag ${tag} is live, its run says`);
    else kmallocLog.done(address, `a tag (${tag}) was cleared where no block starts`);
  }
}
