import { type Geometry, headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import type { Barns } from "../slab/barn.ts";
import type { CacheTable } from "../slab/cache-table.ts";
import type { CreateRemoteSheaves } from "../slab/remote-sheaf.ts";
import { Sheaves } from "../slab/sheaf.ts";
import type { Slabs } from "../slab/slab.ts";
import type { SlotTable } from "../sync/slot.ts";
import type { SlotSync } from "../sync/slot-sync.ts";

/** The layers below kmalloc, opened over one memory for one slot. They hold views and constants, no state. */
export interface Layers {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly sync: SlotSync;
  readonly slots: SlotTable;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly slabs: Slabs;
  readonly barns: Barns;
  readonly createRemoteSheaves: CreateRemoteSheaves;
  readonly sheaves: Sheaves;
  readonly slot: number;
}

/**
 * The layers that do not depend on a slot's sheaves: for checks, repair and recovery, and for a thread that has no
 * sheaves yet.
 */
export type CoreLayers = Omit<Layers, "sheaves" | "slot">;

/** The sheaves of every slot that has some, by its number: to read them while their threads are at rest. */
export function allSheaves(layers: CoreLayers): Map<number, Sheaves> {
  return new Map([...layers.slots.withAreas()].map((slot) => [slot, sheavesAt(layers, slot)]));
}

/** The sheaves of another slot: to read them while it is at rest, or to close them. */
export function sheavesOf(layers: Layers, slot: number): Sheaves {
  return slot === layers.slot ? layers.sheaves : sheavesAt(layers, slot);
}

function sheavesAt(layers: CoreLayers, slot: number): Sheaves {
  const { memory, pages } = layers;
  // The area, or a sheaf's page, may lie in what another thread has just grown the memory by.
  memory.waitForLength(pages.frames.endFrame * PAGE_SIZE);
  return Sheaves.at(layers, layers.slots.area(slot), slot);
}

/** Gives a slot back, with all that it held for its thread. The layers are of no use any more. */
export function closeLayers(layers: Layers): void {
  const { memory, pages, sheaves, slots, slot, sync } = layers;
  memory.refresh();
  pages.frames.follow();
  sheaves.drainAll();
  // From here on no thread that waits for memory closes these sheaves.
  underSheavesLock(layers, () => slots.setArea(slot, 0));
  sheaves.destroy();
  // A wait of this thread that has not ended ends with DETACHED.
  sync.waiters.forget(slot);
  sync.beacon.end();
  slots.release(slot);
}

/** Runs `work` while no thread closes sheaves. */
export function underSheavesLock({ geometry, sync }: Pick<Layers, "geometry" | "sync">, work: () => void): void {
  const lock = headerWord(geometry, Header.SHEAVES_LOCK);
  sync.locks.acquire(lock);
  try {
    work();
  } finally {
    sync.locks.release(lock);
  }
}

/** Runs `work`, which may change the table of caches or the barns; if it throws, it must have changed nothing. */
export function underTableLock<Result>({ geometry, sync }: Layers, work: () => Result): Result {
  const lock = headerWord(geometry, Header.TABLE_LOCK);
  sync.locks.acquire(lock);
  try {
    return work();
  } finally {
    sync.locks.release(lock);
  }
}

/** Ends the barns when one thread is left, or none. */
export function destroyUnusedBarns(layers: Layers): void {
  underTableLock(layers, () => {
    if (layers.slots.takenCount <= 1) layers.barns.destroy();
  });
}
