import { ASSERTIONS, assert } from "../memory/assert.ts";
import { headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE } from "../memory/layout.ts";
import { RunKind, RunOwner } from "../pages/layout.ts";
import { isRunHead } from "../pages/rebuild.ts";
import { CacheRecord, Tag } from "../slab/layout.ts";
import { rebuildCache, returnSheaf } from "../slab/rebuild.ts";
import { tagIndex } from "../slab/tags.ts";
import { assertHeaderLock } from "../sync/lock-order.ts";
import { assertRecovered } from "./assertions.ts";
import { liveBlocks } from "./describe.ts";
import { type CoreLayers, underSheavesLock } from "./layers.ts";
import { recoverDeadLocks, slabTables } from "./lock-takeover.ts";
import { ringsOf } from "./slot-objects.ts";

/**
 * Whether a slot has neither live blocks nor pages of `heap.pages`, nor a trace ring. Once true of a dead slot, it
 * stays true. False for every slot where the heap has virtual memory: only `reapSlot` finds out whose its areas are.
 * O(heap).
 */
export function ownsNoLiveObjects(layers: CoreLayers, slot: number): boolean {
  const { memory, geometry, pages } = layers;
  const { frames } = pages;
  for (const block of liveBlocks(layers)) if (block.slot === slot) return false;
  for (let head = geometry.firstPageFrame; head < frames.endFrame; head++) {
    const kind = frames.kind(head);
    if (kind === RunKind.VMALLOC) return false;
    if ((kind !== RunKind.PAGES && kind !== RunKind.LARGE_BLOCK) || frames.ownerSlot(head) !== slot) continue;
    const isTagged = kind === RunKind.PAGES || memory.bytes[tagIndex(geometry, head * PAGE_SIZE)] !== Tag.NONE;
    if ((frames.owner(head) & RunOwner.CLAIMED) === 0 && isTagged) return false;
  }
  return ringsOf(layers, slot).next().done === true;
}

/**
 * Frees the free blocks and pages that a dead thread has left in the slot which this thread has just taken over, and
 * has nothing in yet: what `reapSlot` does for a slot that {@link ownsNoLiveObjects}. O(heap).
 */
export function reclaimAbandoned(layers: CoreLayers, slot: number): void {
  const { geometry, sync } = layers;
  const lock = headerWord(geometry, Header.REAP_LOCK);
  sync.locks.acquire(lock);
  freeAbandonedRuns(layers, slot);
  sync.locks.release(lock);
}

/** Frees a dead slot that {@link ownsNoLiveObjects}, unless another thread has done so. O(heap). */
export function freeAbandonedSlot(layers: CoreLayers, slot: number): void {
  const { geometry, slots, sync } = layers;
  const lock = headerWord(geometry, Header.REAP_LOCK);
  const generation = slots.generation(slot);
  sync.locks.acquire(lock);
  if (slots.isDead(slot) && slots.generation(slot) === generation) {
    freeAbandonedRuns(layers, slot);
    slots.freeDead(slot);
  }
  sync.locks.release(lock);
  sync.waiters.noteFreed();
}

function freeAbandonedRuns(layers: CoreLayers, slot: number): void {
  const { slots, sync, caches } = layers;
  if (ASSERTIONS) assertHeaderLock(sync.locks, Header.REAP_LOCK, "the reap lock");
  recoverDeadLocks(layers);
  slots.finishReleases();
  underSheavesLock(layers, () => slots.setArea(slot, 0));
  sync.waiters.forget(slot);
  for (const kind of caches.kinds()) returnBlocks(layers, kind, [slot]);
  waitForTakeover(layers);
  returnRuns(layers, new Set([slot]));
  if (ASSERTIONS) assertRecovered(layers, slot);
}

/**
 * Waits until no other thread, which has taken the table's lock over from the dead one, frees the barns' pages: until
 * it has done so, these are the dead one's still, and would be freed twice.
 */
export function waitForTakeover({ geometry, sync }: CoreLayers): void {
  const lock = headerWord(geometry, Header.TABLE_LOCK);
  sync.locks.acquire(lock);
  sync.locks.release(lock);
}

/** Takes what lies in the sheaves of dead slots back into the slabs of a cache. */
export function returnBlocks(layers: CoreLayers, kind: number, dead: readonly number[]): number {
  const { caches, sync } = layers;
  const tables = slabTables(layers);
  const lock = caches.record(kind) + CacheRecord.LOCK;
  sync.locks.acquire(lock);
  let count = 0;
  for (const slot of dead) count += returnSheaf(tables, kind, slot);
  if (count > 0) rebuildCache(tables, kind);
  sync.locks.release(lock);
  return count;
}

/** Gives back the runs that dead slots had claimed, or had for themselves; returns the pages. */
export function returnRuns(layers: CoreLayers, dead: ReadonlySet<number>): number {
  const { memory, geometry, pages } = layers;
  const { frames } = pages;
  memory.refresh();
  let returned = 0;
  for (let head = geometry.firstPageFrame; head < frames.endFrame; head++) {
    const kind = frames.kind(head);
    if (!isRunHead(kind)) continue;
    if (kind === RunKind.LARGE_BLOCK) restoreTag(layers, head, dead);
    if (!dead.has(frames.ownerSlot(head)) || !isOrphanRun(layers, head, kind)) continue;
    const count = frames.count(head);
    if (ASSERTIONS) assert(count > 0 && head + count <= frames.endFrame, `the run at page ${head} lies in the heap`);
    pages.claimExclusive(head);
    clearTags(layers, head, count);
    // A slab that was being made or released may have kinds of the cache after its head.
    frames.setRun(head, count, RunKind.CACHED);
    pages.freeExclusive(head, count);
    returned += count;
  }
  return returned;
}

/** Takes the tags away that a slab which was being made, or a block, has left on the pages of a run. */
function clearTags({ memory, geometry }: CoreLayers, head: number, count: number): void {
  const end = tagIndex(geometry, (head + count) * PAGE_SIZE);
  for (let index = tagIndex(geometry, head * PAGE_SIZE); index < end; index++) {
    if (memory.bytes[index] !== Tag.NONE) memory.bytes[index] = Tag.NONE;
  }
}

/** Whether a run of a dead slot is nobody's: it was on its way, the slot's own, or a block or bucket not finished. */
function isOrphanRun({ memory, geometry, pages }: CoreLayers, head: number, kind: number): boolean {
  if ((pages.frames.owner(head) & RunOwner.CLAIMED) !== 0) return true;
  if (kind === RunKind.SYSTEM || kind === RunKind.BUCKET) return true;
  return kind === RunKind.LARGE_BLOCK && memory.bytes[tagIndex(geometry, head * PAGE_SIZE)] === Tag.NONE;
}

/** A block that a dead thread was about to free or to resize is its owner's still. */
function restoreTag({ memory, geometry, pages }: CoreLayers, head: number, dead: ReadonlySet<number>): void {
  const index = tagIndex(geometry, head * PAGE_SIZE);
  const tag = memory.bytes[index];
  const isClaimed = (pages.frames.owner(head) & RunOwner.CLAIMED) !== 0;
  if (isClaimed || !dead.has(tag - Tag.FIRST_CACHED)) return;
  memory.bytes[index] = pages.frames.ownerSlot(head) + 1;
}
