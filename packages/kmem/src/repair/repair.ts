import { checkCore, checkLayers } from "../kmalloc/check.ts";
import { lockWords, stateFaults } from "../kmalloc/check-state.ts";
import type { CoreLayers, Layers } from "../kmalloc/layers.ts";
import { slabTables } from "../kmalloc/lock-takeover.ts";
import type { Finding } from "../memory/finding.ts";
import { headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, RunKind, RunOwner, ZoneRecord } from "../pages/layout.ts";
import { isRunHead, rebuildZones } from "../pages/rebuild.ts";
import { CacheRecord } from "../slab/layout.ts";
import { rebuildCache } from "../slab/rebuild.ts";
import { LockBits } from "../sync/layout.ts";
import type { RepairContext } from "./context.ts";
import { likelyEnd, rewriteHeader } from "./header.ts";
import { type Mend, MendLog } from "./log.ts";
import { mendRecords } from "./records.ts";
import { mendBorders, mendRuns, settleListed, settleRuns } from "./runs.ts";
import { mendSlabs, settleSlabs } from "./slabs.ts";
import { claimAreas, formatArea, mendSlots, type OwnSlot } from "./slots.ts";
import { freeWitness, mendTags } from "./tags.ts";
import { TrustedFrames } from "./trusted-frames.ts";

/** What the check found, and what was done about it. */
export interface RepairedFinding extends Finding {
  readonly done: string;
}

/** What was done about findings where nothing had to be mended: all that follows from the truth is made anew. */
const MADE_ANEW: Readonly<Record<Finding["layer"], string>> = {
  header: "it was restored",
  pages: "zones, free lists and page caches were made anew from kinds and COUNTs",
  slab: "lists, counts, sheaves and barns were made anew from tags",
  kmalloc: "slots, locks and waits were put to rest",
  debug: "it was restored",
};

/** What a repair found and did. */
export interface RepairReport {
  /** Whether the check finds nothing any more. */
  readonly isRepaired: boolean;
  /** What the check found before. */
  readonly findings: readonly RepairedFinding[];
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
export function repairLayers(layers: CoreLayers, mends: Mend[], own?: OwnSlot): RepairReport {
  const { findings } = checkCore(layers);
  const { frames } = layers.pages;
  const context: RepairContext = {
    layers,
    trusted: new TrustedFrames(frames.firstPageFrame, frames.endFrame),
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
  const { findings: remaining } = checkCore(layers);
  return { isRepaired: remaining.length === 0, findings: withDone(findings, mends), mends, remaining };
}

/** Says of each finding what was done about it. */
export function withDone(findings: readonly Finding[], mends: readonly Mend[]): RepairedFinding[] {
  const byAddress = new Map<number, string>();
  for (const { address, done } of mends) {
    const before = byAddress.get(address);
    byAddress.set(address, before === undefined ? done : `${before}; ${done}`);
  }
  return findings.map((finding) => ({ ...finding, done: byAddress.get(finding.address) ?? MADE_ANEW[finding.layer] }));
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
  const { findings: before } = checkLayers(layers);
  rewriteHeader(memory, geometry, endFrame, new MendLog(mends, "header"));
  const report = repairLayers(layers, mends, layers);
  if (report.isRepaired && layers.slots.isShared) layers.barns.create();
  const { isClean, findings: remaining } = checkLayers(layers);
  return { isRepaired: isClean, findings: withDone(before, mends), mends, remaining };
}

/** Mends records of caches, kinds, COUNT and OWNER of runs, and HEAD of slabs. */
function mendFrames(context: RepairContext, own: OwnSlot | undefined): void {
  mendRecords(context.layers.caches, context.slabLog);
  mendBorders(context);
  claimAreas(context, own);
  settleSlabs(context);
  settleRuns(context);
  mendSlabs(context);
  settleListed(context);
  mendRuns(context);
}

/** Makes everything anew that follows from the truth. */
function remake(layers: CoreLayers, areas: ReadonlyMap<number, number>): void {
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
function freeOwnRuns({ pages }: CoreLayers, areas: ReadonlySet<number>): void {
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
