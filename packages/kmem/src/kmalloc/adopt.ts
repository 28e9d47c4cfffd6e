import { hex, KmemError } from "../memory/errors.ts";
import type { Geometry } from "../memory/header.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { RunKind } from "../pages/layout.ts";
import { PageAllocator } from "../pages/page-allocator.ts";
import { rebuildZones } from "../pages/rebuild.ts";
import type { SlotTable } from "../sync/slot.ts";
import { bindSlot, slotTable } from "../sync/slot-sync.ts";
import { ENGINES } from "./engines.ts";
import type { Layers } from "./layers.ts";
import { recoverDeadLocks } from "./lock-takeover.ts";
import { lowerLayers, openGeometry, openLayers, THREADS } from "./open-layers.ts";

/** Opens a heap whose threads are all gone, as that of a dump: works on through the first slot that was held. */
export function adoptLayers(memory: LinearMemory, start: number): Layers {
  const geometry = openGeometry(memory, start);
  const slots = slotTable(memory, geometry);
  const [slot = 0] = slots.withAreas();
  requireArea(memory, geometry, slots, slot);
  slots.adopt(slot);
  const sync = bindSlot(memory, geometry, slots, slot);
  // Of those who waited and those who held a lock nobody is left.
  for (let waiter = 0; waiter < slots.count; waiter++) sync.waiters.forget(waiter);
  const pages = PageAllocator.attach(memory, geometry, sync);
  const layers = openLayers(lowerLayers(memory, geometry, sync, pages, THREADS), THREADS);
  if (layers === undefined) throw new KmemError("BAD_GEOMETRY", "no pages are left for the sheaves of a slot", {});
  recoverDeadLocks(layers, ENGINES, false);
  // A thread that works alone may grow the memory without the lock.
  if (pages.frames.growthJournal !== 0) rebuildZones(pages, geometry);
  return layers;
}

function requireArea(memory: LinearMemory, geometry: Geometry, slots: SlotTable, slot: number): void {
  const area = slots.area(slot);
  const { frames } = PageAllocator.attach(memory, geometry);
  if (area === 0 || (area % PAGE_SIZE === 0 && frames.kind(area / PAGE_SIZE) === RunKind.SYSTEM)) return;
  const text = `the private pages of slot ${slot} are said to be at ${hex(area)}, where there are none`;
  throw new KmemError("BAD_GEOMETRY", text, { area });
}
