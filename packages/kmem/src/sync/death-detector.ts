import { LockBits } from "./layout.ts";
import type { LivenessBeacon } from "./liveness.ts";
import type { SlotTable } from "./slot.ts";

/**
 * What one thread knows of the deaths of others: slots that are marked dead, and threads that have exited. A thread
 * that waits for a lock asks here, since no event reaches it while it waits.
 */
export class DeathDetector {
  readonly #slots: SlotTable;
  readonly #beacon: LivenessBeacon;

  constructor(slots: SlotTable, beacon: LivenessBeacon) {
    this.#slots = slots;
    this.#beacon = beacon;
  }

  /**
   * Whether the thread that a lock's word names is gone, or cannot exist: no thread works through a slot
   * that does not exist. Marks the slot dead of one that has exited.
   */
  readonly isGone = (owner: number): boolean => {
    const slot = (owner & LockBits.OWNER_SLOT_MASK) - 1;
    const generation = (owner >>> LockBits.GENERATION_SHIFT) & LockBits.GENERATION_MASK;
    if (slot < 0 || slot >= this.#slots.count) return true;
    // A slot that is free again, or another thread's, was reaped; a lock that nobody knew of then is still the dead's.
    const taken = this.#slots.generation(slot);
    if ((taken & LockBits.GENERATION_MASK) !== generation) return true;
    if (!this.#slots.isTaken(slot)) return true;
    return this.#hasExited(slot, taken);
  };

  /** Whether no thread works through a slot: nobody holds it, or its thread is gone, which this marks dead. */
  isDeserted(slot: number): boolean {
    if (slot >= this.#slots.count || !this.#slots.isHeld(slot)) return true;
    return this.#hasExited(slot, this.#slots.generation(slot));
  }

  /** Whether all threads but the one that holds `own` are gone. Asks until one is there. O(slots). */
  isAlone(own: number): boolean {
    const { count } = this.#slots;
    for (let slot = 0; slot < count; slot++) {
      if (slot !== own && this.#slots.isTaken(slot) && !(this.#slots.isHeld(slot) && this.isDeserted(slot)))
        return false;
    }
    return true;
  }

  #hasExited(slot: number, taken: number): boolean {
    if (!this.#beacon.hasExited(slot) || this.#slots.generation(slot) !== taken) return false;
    this.#slots.markDead(slot, taken);
    return true;
  }
}
