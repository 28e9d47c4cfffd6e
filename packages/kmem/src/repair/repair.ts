import { checkLayers, checkResting } from "../kmalloc/check.ts";
import { lockWords, stateFaults } from "../kmalloc/check-state.ts";
import { slabTables } from "../kmalloc/inherit.ts";
import type { Layers, RestingLayers } from "../kmalloc/layers.ts";
import type { Finding } from "../memory/finding.ts";
import { GEOMETRY_WORDS, headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, RunKind, RunOwner, ZoneRecord } from "../pages/layout.ts";
import { isRunHead, rebuildZones } from "../pages/rebuild.ts";
import { CacheRecord } from "../slab/layout.ts";
import { rebuildCache } from "../slab/rebuild.ts";
import { LockBits } from "../sync/layout.ts";
import type { RepairContext } from "./context.ts";
import { likelyEnd, mendHeader } from "./mend-header.ts";
import { type Mend, MendLog } from "./mend-log.ts";
import { mendRecords } from "./mend-records.ts";
import { mendBorders, mendRuns, settleRuns } from "./mend-runs.ts";
import { mendSlabs, settleSlabs } from "./mend-slabs.ts";
import { claimArea, formatArea, mendSlots, type OwnSlot } from "./mend-slots.ts";
import { freeWitness, mendTags } from "./mend-tags.ts";
import { SettledFrames } from "./settled.ts";

/** What a repair found and did. */
export interface RepairReport {
  /** Whether the check finds nothing any more. */
  readonly isRepaired: boolean;
  /** What the check found before. */
  readonly findings: readonly Finding[];
  /** What was damaged in what all else is made from, and what was done about it. All else was made anew. */
  readonly mends: readonly Mend[];
  /** What the check still finds. */
  readonly remaining: readonly Finding[];
}

/**
 * Repairs a heap while no thread works on it. The truth is mended first: records of caches, kinds, COUNT and OWNER of
 * runs, HEAD of slabs, slots, tags. Everything else is thrown away and made anew from it. What may be in use is kept.
 * The header is sound. `own` is what the calling thread knows of its slot, if it has one. O(heap).
 */
export function repairLayers(layers: RestingLayers, mends: Mend[], own?: OwnSlot): RepairReport {
  const { findings } = checkResting(layers);
  const { frames } = layers.pages;
  const context: RepairContext = {
    layers,
    settled: new SettledFrames(frames.firstPageFrame, frames.endFrame),
    pagesLog: new MendLog(mends, "pages"),
    slabLog: new MendLog(mends, "slab"),
    kmallocLog: new MendLog(mends, "kmalloc"),
  };
  mendFrames(context, own);
  const isFree = freeWitness(context);
  const areas = mendSlots(context, own);
  const [keptSlot = 0] = own === undefined ? areas.keys() : [own.slot];
  mendTags(context, isFree, keptSlot + 1);
  remake(layers, areas);
  const { findings: remaining } = checkResting(layers);
  return { isRepaired: remaining.length === 0, findings, mends, remaining };
}

/**
 * Repairs the heap of a thread while it and all others are at rest: every slot keeps its place. O(heap).
 */
export function repairHeap(layers: Layers): RepairReport {
  const { memory, geometry, pages } = layers;
  const { frames, zones } = pages;
  const mends: Mend[] = [];
  const zoneEnd = Math.max(...zones.map((zone) => zone.get(ZoneRecord.END_FRAME)));
  const reach = Math.min(geometry.limitFrame, Math.floor(memory.byteLength / PAGE_SIZE));
  let presentEnd = reach;
  while (presentEnd > geometry.firstPageFrame && frames.kind(presentEnd - 1) === FrameKind.ABSENT) presentEnd--;
  const endFrame = likelyEnd(frames.endFrame, zoneEnd, presentEnd);
  const start = geometry.baseFrame * PAGE_SIZE;
  const { findings: before } = checkLayers(layers);
  for (const [field, word] of GEOMETRY_WORDS) memory.words[headerWord(geometry, word)] = geometry[field];
  mendHeader(memory, start, endFrame, new MendLog(mends, "header"));
  const report = repairLayers(layers, mends, layers);
  if (report.isRepaired && layers.slots.areSeveral) layers.barns.create();
  return { ...report, findings: before };
}

/** Mends records of caches, kinds, COUNT and OWNER of runs, and HEAD of slabs. */
function mendFrames(context: RepairContext, own: OwnSlot | undefined): void {
  mendRecords(context.layers.caches, context.slabLog);
  mendBorders(context);
  if (own !== undefined) claimArea(context, own);
  settleSlabs(context);
  settleRuns(context);
  mendSlabs(context);
  mendRuns(context);
}

/** Makes everything anew that follows from the truth. */
function remake(layers: RestingLayers, areas: ReadonlyMap<number, number>): void {
  const { memory, geometry, pages, caches } = layers;
  const { words } = memory;
  for (const word of lockWords(layers)) words[word] = LockBits.FREE;
  words[headerWord(geometry, Header.BARNS)] = 0;
  for (const kind of caches.kinds()) words[caches.record(kind) + CacheRecord.BARN] = 0;
  freeOwnRuns(layers, new Set(areas.values()));
  for (const kind of caches.kinds()) rebuildCache(slabTables(layers), kind);
  for (const [slot, area] of areas) {
    pages.frames.setOwner(area / PAGE_SIZE, RunOwner.MARK | (slot + 1));
    formatArea(layers, area);
  }
  rebuildZones(pages, geometry);
  for (const { field, isSound, better } of stateFaults(layers)) {
    if (!isSound) words[headerWord(geometry, field)] = better;
  }
}

/** Frees the pages of page caches, barns, outboxes and groups, which are made again when they are wanted. */
function freeOwnRuns({ pages }: RestingLayers, areas: ReadonlySet<number>): void {
  const { frames } = pages;
  for (let head = frames.firstPageFrame; head < frames.endFrame; head++) {
    const kind = frames.kind(head);
    if (!isRunHead(kind)) continue;
    // What a face has marked as its own has neither the heap nor a slot as its owner.
    const isOwn = frames.owner(head) === RunOwner.HEAP || frames.ownerSlot(head) >= 0;
    const isMadeAgain = kind === RunKind.SYSTEM && isOwn && !areas.has(head * PAGE_SIZE);
    if (kind === RunKind.CACHED || isMadeAgain) frames.fillKind(head, frames.count(head), FrameKind.FREE_TAIL);
  }
}
