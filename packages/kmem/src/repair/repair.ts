import { checkCore, checkLayers } from "../kmalloc/check.ts";
import { lockWords, stateFaults } from "../kmalloc/check-state.ts";
import type { CoreLayers, Layers } from "../kmalloc/layers.ts";
import { slabTables } from "../kmalloc/lock-takeover.ts";
import type { Finding } from "../memory/finding.ts";
import { headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, RunKind, RunOwner, ZoneRecord } from "../pages/layout.ts";
import { countWithin, isRunHead, rebuildZones } from "../pages/rebuild.ts";
import { CacheRecord } from "../slab/layout.ts";
import { rebuildCache } from "../slab/rebuild.ts";
import { LockBits } from "../sync/layout.ts";
import type { RepairContext } from "./context.ts";
import { likelyEnd, rewriteHeader } from "./header.ts";
import { RepairLog, type RepairStep } from "./log.ts";
import { repairRecords } from "./records.ts";
import { repairBorders, repairRuns, trustListedBlocks, trustSoundRuns } from "./runs.ts";
import { repairSlabs, trustSoundSlabs } from "./slabs.ts";
import { formatArea, type OwnSlot, repairSlots, restoreAreas } from "./slots.ts";
import { restoreTableRun } from "./tables.ts";
import { freeTagPredicate, repairTags } from "./tags.ts";
import { TrustedFrames } from "./trusted-frames.ts";

/** What the check found, and what was done about it. */
export interface RepairedFinding extends Finding {
  /** What was done about it, in a sentence. */
  readonly done: string;
}

/** What was done about findings where no authoritative table had to be repaired: all else is rebuilt from those. */
const REBUILT: Readonly<Record<Finding["layer"], string>> = {
  header: "it was restored",
  pages: "zones and free lists were rebuilt from kinds and COUNTs, pcp lists were emptied",
  slab: "lists and counts were rebuilt from tags; sheaves, remote sheaves and barns were emptied into the slabs",
  kmalloc: "slots, locks and waits were put to rest",
  debug: "it was restored",
};

/** What a repair found and did. */
export interface RepairReport {
  /** Whether the check finds nothing any more. */
  readonly isRepaired: boolean;
  /** What the check found before. */
  readonly findings: readonly RepairedFinding[];
  /** Repairs of the authoritative tables. All other state was rebuilt from them. */
  readonly steps: readonly RepairStep[];
  /** What the check still finds. */
  readonly remaining: readonly Finding[];
}

/**
 * Repairs a heap while no thread works on it. The authoritative tables first: records of caches, kinds, COUNT and OWNER
 * of runs, SLAB_OR_OWNER of slabs, slots, tags. Everything else is thrown away and rebuilt from it. What may be in use
 * is kept. The header is sound. `own` is what the calling thread knows of its slot, if it has one. O(heap).
 */
export function repairLayers(layers: CoreLayers, steps: RepairStep[], own?: OwnSlot): RepairReport {
  const { findings } = checkCore(layers);
  const { frames } = layers.pages;
  const context: RepairContext = {
    layers,
    trusted: new TrustedFrames(frames.firstPageFrame, frames.endFrame),
    pagesLog: new RepairLog(steps, "pages"),
    slabLog: new RepairLog(steps, "slab"),
    kmallocLog: new RepairLog(steps, "kmalloc"),
  };
  repairFrames(context, own);
  const isFree = freeTagPredicate(context);
  const areas = repairSlots(context, own);
  const [fallbackSlot = 0] = own === undefined ? areas.keys() : [own.slot];
  repairTags(context, isFree, fallbackSlot + 1);
  remake(layers, areas);
  const { findings: remaining } = checkCore(layers);
  return { isRepaired: remaining.length === 0, findings: withDone(findings, steps), steps, remaining };
}

/** Says of each finding what was done about it. */
export function withDone(findings: readonly Finding[], steps: readonly RepairStep[]): RepairedFinding[] {
  const byAddress = new Map<number, string>();
  for (const { address, done } of steps) {
    const before = byAddress.get(address);
    byAddress.set(address, before === undefined ? done : `${before}; ${done}`);
  }
  return findings.map((finding) => ({ ...finding, done: byAddress.get(finding.address) ?? REBUILT[finding.layer] }));
}

/**
 * Repairs the heap of a thread while it and all others are at rest. Held slots stay held, but for those whose area is
 * lost: their threads are told DETACHED. O(heap).
 */
export function repairHeap(layers: Layers): RepairReport {
  const { memory, geometry, pages } = layers;
  const { frames, zones } = pages;
  const steps: RepairStep[] = [];
  const zoneEnd = Math.max(...zones.map((zone) => zone.get(ZoneRecord.END_FRAME)));
  const reach = Math.min(geometry.coveredEndFrame, Math.floor(memory.byteLength / PAGE_SIZE));
  let presentEnd = reach;
  while (presentEnd > geometry.firstPageFrame && frames.kind(presentEnd - 1) === FrameKind.ABSENT) presentEnd--;
  const endFrame = likelyEnd(frames.endFrame, zoneEnd, presentEnd);
  const { findings: before } = checkLayers(layers);
  rewriteHeader(memory, geometry, endFrame, new RepairLog(steps, "header"));
  const report = repairLayers(layers, steps, layers);
  if (report.isRepaired && layers.slots.hasSeveral) layers.barns.create();
  const { isClean, findings: remaining } = checkLayers(layers);
  return { isRepaired: isClean, findings: withDone(before, steps), steps, remaining };
}

/** Repairs records of caches, kinds, COUNT and OWNER of runs, and SLAB_OR_OWNER of slabs. */
function repairFrames(context: RepairContext, own: OwnSlot | undefined): void {
  repairRecords(context.layers.caches, context.slabLog);
  repairBorders(context);
  restoreTableRun(context);
  restoreAreas(context, own);
  trustSoundSlabs(context);
  trustSoundRuns(context);
  repairSlabs(context);
  trustListedBlocks(context);
  repairRuns(context);
}

/** Rebuilds everything that follows from the authoritative tables. */
function remake(layers: CoreLayers, areas: ReadonlyMap<number, number>): void {
  const { memory, geometry, pages, caches } = layers;
  const { words } = memory;
  for (const word of lockWords(layers)) words[word] = LockBits.FREE;
  words[headerWord(geometry, Header.BARNS)] = 0;
  for (const kind of caches.kinds()) words[caches.record(kind) + CacheRecord.BARN] = 0;
  freeOwnRuns(layers, new Set(areas.values()));
  for (const kind of caches.kinds()) rebuildCache(slabTables(layers), kind);
  for (const [slot, area] of areas) {
    pages.frames.setOwner(area / PAGE_SIZE, RunOwner.OWNER_BIT | (slot + 1));
    formatArea(layers, area);
  }
  rebuildZones(pages, geometry);
  for (const { field, isSound, better } of stateFaults(layers)) {
    if (!isSound) words[headerWord(geometry, field)] = better;
  }
}

/** Frees runs that are made again on demand: cached pages, barns, remote sheaves, named caches' sheaves, lost areas. */
function freeOwnRuns({ pages }: CoreLayers, areas: ReadonlySet<number>): void {
  const { frames } = pages;
  for (let head = frames.firstPageFrame; head < frames.endFrame; head++) {
    const kind = frames.kind(head);
    if (!isRunHead(kind)) continue;
    // A run whose OWNER is an OwnerMark is kept.
    const isOwn = frames.owner(head) === RunOwner.HEAP || frames.ownerSlot(head) >= 0;
    const isMadeAgain = kind === RunKind.SYSTEM && isOwn && !areas.has(head * PAGE_SIZE);
    if (kind === RunKind.CACHED || isMadeAgain) frames.fillKind(head, countWithin(frames, head), FrameKind.FREE_TAIL);
  }
}
