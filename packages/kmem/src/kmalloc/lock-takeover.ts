import { repairBuckets } from "../bucket/repair.ts";
import { headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind } from "../pages/layout.ts";
import { rebuildZones } from "../pages/rebuild.ts";
import { CACHE_COUNT, CACHE_RECORD_WORDS, CacheRecord } from "../slab/layout.ts";
import { rebuildCache, type SlabTables } from "../slab/rebuild.ts";
import { LockBits } from "../sync/layout.ts";
import { repairVirtualMemory } from "../vmalloc/repair.ts";
import type { CoreLayers } from "./layers.ts";

/** Locks of the header, in the order in which they are inherited: the innermost first. */
const HEADER_LOCKS: readonly number[] = [
  Header.PAGES_LOCK,
  Header.SHEAVES_LOCK,
  Header.TABLE_LOCK,
  Header.BUCKET_LOCK,
  Header.VMALLOC_LOCK,
  // Held by whoever reaps: of one that is dead nothing but the lock is left.
  Header.REAP_LOCK,
];

/** What caches are rebuilt from. */
export function slabTables({ memory, geometry, pages, caches }: CoreLayers): SlabTables {
  return { memory, geometry, frames: pages.frames, caches };
}

/** Repairs what a lock guards whose holder is gone; this thread has inherited it, and holds it. */
export function rebuildGuarded(layers: CoreLayers, word: number): void {
  const { memory, geometry, pages, caches } = layers;
  // The dead may have worked in pages that another thread has just grown the memory by.
  memory.refresh();
  memory.reach(pages.frames.endFrame * PAGE_SIZE);
  if (word === headerWord(geometry, Header.PAGES_LOCK)) {
    rebuildZones(pages, geometry);
    pages.updateWatermarks();
  } else if (word === headerWord(geometry, Header.TABLE_LOCK)) repairTable(layers);
  else if (word === headerWord(geometry, Header.BUCKET_LOCK)) repairBuckets(layers);
  else if (word === headerWord(geometry, Header.VMALLOC_LOCK)) repairVirtualMemory(layers);
  else {
    const kind = kindOfLock(layers, word);
    if (kind >= FrameKind.FIRST_CACHE && caches.isUsed(kind)) rebuildCache(slabTables(layers), kind);
  }
}

/** Inherits every lock whose holder is gone, and gives it back, with what it guards repaired; returns their number. */
export function takeOverLocks(layers: CoreLayers): number {
  const { geometry, caches, sync } = layers;
  const words = HEADER_LOCKS.map((field) => headerWord(geometry, field));
  for (let cache = 0; cache < CACHE_COUNT; cache++) {
    words.splice(1, 0, caches.record(FrameKind.FIRST_CACHE + cache) + CacheRecord.LOCK);
  }
  let count = 0;
  for (const word of words) {
    const holder = Atomics.load(layers.memory.words, word) & ~LockBits.WAITED;
    // A word with WAITED alone names nobody either.
    if (Atomics.load(layers.memory.words, word) === LockBits.FREE || !sync.deaths.isGone(holder)) continue;
    sync.locks.acquire(word);
    sync.locks.release(word);
    count++;
  }
  return count;
}

/** Ends the barns, which may be half made, and clears the records of caches that are half made or half destroyed. */
function repairTable({ memory, caches, slots, barns }: CoreLayers): void {
  barns.end();
  for (let cache = 0; cache < CACHE_COUNT; cache++) {
    const kind = FrameKind.FIRST_CACHE + cache;
    if (caches.isUsed(kind)) continue;
    const record = caches.record(kind);
    memory.words.fill(0, record, record + CACHE_RECORD_WORDS);
  }
  if (slots.isShared) barns.create();
}

/** The kind of the cache whose lock a word is; below FIRST_CACHE for all others. */
function kindOfLock({ caches }: CoreLayers, word: number): number {
  const offset = word - CacheRecord.LOCK - caches.record(FrameKind.FIRST_CACHE);
  const isLock = offset >= 0 && offset % CACHE_RECORD_WORDS === 0 && offset / CACHE_RECORD_WORDS < CACHE_COUNT;
  return isLock ? FrameKind.FIRST_CACHE + offset / CACHE_RECORD_WORDS : 0;
}
