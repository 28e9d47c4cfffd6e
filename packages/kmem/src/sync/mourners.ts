import { LockBits } from "./layout.ts";
import type { Life } from "./life.ts";
import type { SlotTable } from "./slot.ts";

/**
 * What one thread knows of the deaths of others: slots that somebody has buried, and lives that are over. A thread that
 * waits for a lock asks here, since no event reaches it while it waits.
 */
export class Mourners {
  readonly #slots: SlotTable;
  readonly #life: Life;

  constructor(slots: SlotTable, life: Life) {
    this.#slots = slots;
    this.#life = life;
  }

  /** Whether the thread that a lock's word names is gone. Buries the slot of one whose life is over. */
  readonly isGone = (owner: number): boolean => {
    const slot = (owner & LockBits.OWNER_SLOT_MASK) - 1;
    const generation = owner >>> LockBits.GENERATION_SHIFT;
    if (slot < 0 || slot >= this.#slots.count) return false;
    // A slot that is free again, or another thread's, was reaped; a lock that nobody knew of then is still the dead's.
    const taken = this.#slots.generation(slot);
    if ((taken & LockBits.GENERATION_MASK) !== generation) return true;
    if (this.#slots.isDead(slot) || this.#slots.isFree(slot)) return true;
    if (!this.#life.isOver(slot) || this.#slots.generation(slot) !== taken) return false;
    this.#slots.bury(slot, taken);
    return true;
  };
}
