import { LockBits } from "./layout.ts";
import type { SlotTable } from "./slot.ts";

/** Says whether the thread behind a slot is gone, for certain, without waiting for anything. */
export type Probe = () => boolean;

/**
 * What one thread knows of the deaths of others: slots that somebody has buried, and the probes of those that it
 * watches itself. A thread that waits for a lock asks here, since no event reaches it while it waits.
 */
export class Mourners {
  readonly #slots: SlotTable;
  readonly #probes = new Map<number, { readonly generation: number; readonly probe: Probe }>();

  constructor(slots: SlotTable) {
    this.#slots = slots;
  }

  /** From now on the probe tells of the slot's present holder. */
  watch(slot: number, probe: Probe): void {
    this.#probes.set(slot, { generation: this.#slots.generation(slot), probe });
  }

  unwatch(slot: number): void {
    this.#probes.delete(slot);
  }

  /** Whether the thread that a lock's word names is gone. Buries the slot of one that its probe says is gone. */
  readonly isGone = (owner: number): boolean => {
    const slot = (owner & LockBits.OWNER_SLOT_MASK) - 1;
    const generation = owner >>> LockBits.GENERATION_SHIFT;
    if (slot < 0 || slot >= this.#slots.count) return false;
    // A slot that is free again, or another thread's, was reaped; a lock that nobody knew of then is still the dead's.
    if ((this.#slots.generation(slot) & LockBits.GENERATION_MASK) !== generation) return true;
    if (this.#slots.isDead(slot) || this.#slots.isFree(slot)) return true;
    const watched = this.#probes.get(slot);
    if (watched === undefined || watched.generation !== this.#slots.generation(slot) || !watched.probe()) return false;
    this.#slots.bury(slot, watched.generation);
    return true;
  };
}
