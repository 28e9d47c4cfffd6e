import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import { PageAllocator } from "../pages/page-allocator.ts";
import { areaPages } from "../slab/area.ts";
import { DeathDetector } from "../sync/death-detector.ts";
import { LivenessBeacon } from "../sync/liveness.ts";
import { announceThread, type Reservation } from "../sync/reservation.ts";
import { NO_SLOT, type SlotTable } from "../sync/slot.ts";
import { bindSlot, slotTable } from "../sync/slot-sync.ts";
import { freeAbandonedSlot, ownsNoLiveObjects, reclaimAbandoned } from "./abandoned.ts";
import { type CoreLayers, type Layers, underTableLock } from "./layers.ts";
import { lowerLayers, openCoreLayers, openGeometry, openLayers, THREADS } from "./open-layers.ts";

/**
 * Opens the layers of the heap that starts at byte `start` of a memory, with a free slot or the one reserved for this
 * thread. Throws when there is no heap, no such slot, or no memory for the slot's private pages; nothing is changed
 * then, and a slot that was reserved still is.
 */
export function attachLayers(memory: LinearMemory, start: number, place?: Reservation): Layers {
  const geometry = openGeometry(memory, start);
  const slots = slotTable(memory, geometry);
  const free = place === undefined ? slots.take() : occupy(slots, place);
  const slot = free === NO_SLOT ? takeOver(memory, start, slots) : free;
  const sync = bindSlot(memory, geometry, slots, slot);
  if (ASSERTIONS) {
    assert(slots.isHeld(slot), `slot ${slot} is held from before the thread works through it`);
    assert(sync.generation > 0, `slot ${slot}, which is taken, has a generation`);
  }
  sync.beacon.begin();
  const pages = PageAllocator.attach(memory, geometry, sync);
  const recover = (lower: CoreLayers): void => reclaimAbandoned(lower, slot);
  const layers = openLayers(
    lowerLayers(memory, geometry, sync, pages, THREADS),
    THREADS,
    free === NO_SLOT ? recover : undefined,
  );
  if (layers === undefined) {
    const error = outOfMemory(pages, areaPages(false, geometry) * PAGE_SIZE);
    sync.beacon.end();
    if (place === undefined) slots.release(slot);
    else slots.unoccupy(slot);
    throw error;
  }
  shareBarns(layers);
  if (place !== undefined) announceThread(memory, slots, place);
  return layers;
}

/**
 * Reserves a slot for another thread. Where none is free those of threads that are gone and have left nothing are
 * freed. Throws NO_SLOT.
 */
export function reserveSlot(layers: Layers): number {
  const { slots } = layers;
  const free = slots.reserve();
  if (free !== NO_SLOT) return free;
  for (const slot of abandonedSlots(layers, layers.sync.deaths, layers.slot)) freeAbandonedSlot(layers, slot);
  const freed = slots.reserve();
  if (freed === NO_SLOT) throw slots.noneFree();
  return freed;
}

/** Takes the slot that was reserved for this thread. Throws NO_SLOT where it is another's, or nobody's, by now. */
function occupy(slots: SlotTable, place: Reservation): number {
  const { slot, generation } = place;
  if (slots.occupy(place)) return slot;
  throw new KmemError("NO_SLOT", `slot ${slot} is not reserved for this thread, or not any more`, { slot, generation });
}

/**
 * Where no slot is free, takes one over whose thread is gone, though nobody has reaped it. Only one that means nothing
 * any more: where blocks or pages of the dead are left, its number says whose they are until they are reaped. Throws
 * NO_SLOT.
 */
function takeOver(memory: LinearMemory, start: number, slots: SlotTable): number {
  const layers = openCoreLayers(memory, start);
  // This thread has no slot yet; to ask about others it needs none.
  const deaths = new DeathDetector(slots, new LivenessBeacon(memory, slots, 0));
  for (const slot of abandonedSlots(layers, deaths)) if (slots.takeOver(slot)) return slot;
  throw slots.noneFree();
}

/** Slots of threads that are gone, which this marks as dead, and which have left neither blocks nor pages. */
function abandonedSlots(layers: CoreLayers, deaths: DeathDetector, own = NO_SLOT): number[] {
  const { memory, slots, pages } = layers;
  memory.refresh();
  memory.waitForLength(pages.frames.endFrame * PAGE_SIZE);
  return Array.from({ length: slots.count }, (_, slot) => slot).filter(
    (slot) => slot !== own && deaths.isDeserted(slot) && slots.isDead(slot) && ownsNoLiveObjects(layers, slot),
  );
}

/** Makes the barns when a second thread comes, so that one alone does without them. */
function shareBarns(layers: Layers): void {
  underTableLock(layers, () => {
    if (layers.slots.takenCount > 1) layers.barns.create();
  });
}
