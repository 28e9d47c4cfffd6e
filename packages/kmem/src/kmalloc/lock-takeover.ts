import { headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind } from "../pages/layout.ts";
import { rebuildZones } from "../pages/rebuild.ts";
import { CACHE_RECORD_WORDS, CacheRecord } from "../slab/layout.ts";
import { rebuildCache, type SlabTables } from "../slab/rebuild.ts";
import { LockBits } from "../sync/layout.ts";
import type { CoreLayers } from "./layers.ts";

/** What caches are rebuilt from. */
export function slabTables({ memory, geometry, pages, caches }: CoreLayers): SlabTables {
  return { memory, geometry, frames: pages.frames, caches };
}

/** Repairs what a lock guards whose holder is dead; this thread has taken the lock over, and holds it. */
export function repairAfterHolderDeath(layers: CoreLayers, word: number): void {
  const { geometry, pages, caches } = layers;
  refreshToEndFrame(layers);
  if (word === headerWord(geometry, Header.PAGES_LOCK)) {
    rebuildZones(pages, geometry);
    pages.lock.updatePressure();
  } else if (word === headerWord(geometry, Header.TABLE_LOCK)) repairTable(layers);
  else {
    const kind = kindOfLock(layers, word);
    if (kind >= FrameKind.FIRST_CACHE && caches.isUsed(kind)) rebuildCache(slabTables(layers), kind);
  }
}

/** An engine with a lock of its own: the lock's word in the header, and what repairs what it guards. */
export type RecoverableEngine = readonly [field: number, repair: (layers: CoreLayers) => void];

/**
 * Takes over the locks of pages, caches, sheaves, table and the given engines whose holders are dead, repairs what they
 * guard, and releases them; returns their number. Other locks are taken over by whoever next waits for them.
 * REAP_LOCK is skipped where this thread holds it: a damaged slot record could make this thread look dead.
 */
export function recoverDeadLocks(
  layers: CoreLayers,
  engines: readonly RecoverableEngine[] = [],
  holdsReapLock = true,
): number {
  const { geometry, caches, sync } = layers;
  let count = 0;
  const takeOver = (word: number, repair?: () => void): void => {
    const holder = Atomics.load(layers.memory.words, word) & ~LockBits.WAITED;
    // WAITED alone is a damaged word: it names no slot, so that its holder counts as gone.
    if (Atomics.load(layers.memory.words, word) === LockBits.FREE || !sync.deaths.isGone(holder)) return;
    sync.locks.acquire(word, repair);
    sync.locks.release(word);
    count++;
  };
  // The innermost first.
  takeOver(headerWord(geometry, Header.PAGES_LOCK));
  for (let cache = caches.count - 1; cache >= 0; cache--) {
    takeOver(caches.record(FrameKind.FIRST_CACHE + cache) + CacheRecord.LOCK);
  }
  takeOver(headerWord(geometry, Header.SHEAVES_LOCK));
  takeOver(headerWord(geometry, Header.TABLE_LOCK));
  for (const [field, repair] of engines) {
    takeOver(headerWord(geometry, field), () => {
      refreshToEndFrame(layers);
      repair(layers);
    });
  }
  // It guards no data, so there is nothing to repair.
  if (!holdsReapLock) takeOver(headerWord(geometry, Header.REAP_LOCK));
  return count;
}

/** The dead may have worked in pages that another thread has just grown the memory by. */
function refreshToEndFrame({ memory, pages }: CoreLayers): void {
  memory.refresh();
  memory.waitForLength(pages.frames.endFrame * PAGE_SIZE);
}

/** Destroys the barns, which may be half made, and clears the records of caches half made or half destroyed. */
function repairTable({ memory, caches, slots, barns }: CoreLayers): void {
  barns.destroy();
  for (let cache = 0; cache < caches.count; cache++) {
    const kind = FrameKind.FIRST_CACHE + cache;
    if (caches.isUsed(kind)) continue;
    const record = caches.record(kind);
    memory.words.fill(0, record, record + CACHE_RECORD_WORDS);
  }
  if (slots.hasSeveral) barns.create();
}

/** The kind of the cache whose lock a word is; below FIRST_CACHE for all others. */
function kindOfLock({ caches }: CoreLayers, word: number): number {
  const offset = word - CacheRecord.LOCK - caches.record(FrameKind.FIRST_CACHE);
  const isLock = offset >= 0 && offset % CACHE_RECORD_WORDS === 0 && offset / CACHE_RECORD_WORDS < caches.count;
  return isLock ? FrameKind.FIRST_CACHE + offset / CACHE_RECORD_WORDS : 0;
}
