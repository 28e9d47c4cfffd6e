const INITIAL_STACK_SLOTS = 1024;

/** Gives out slot ids from 0 up, and those that came back first, the latest first. */
export class SlotPool {
  #free = new Uint32Array(INITIAL_STACK_SLOTS);
  #freeCount = 0;
  #slotCount = 0;

  /** Ids given out so far are below this. */
  get slotCount(): number {
    return this.#slotCount;
  }

  /** Slots that are out now. */
  get liveCount(): number {
    return this.#slotCount - this.#freeCount;
  }

  take(): number {
    if (this.#freeCount > 0) {
      this.#freeCount -= 1;
      return this.#free[this.#freeCount]!;
    }
    this.#slotCount += 1;
    return this.#slotCount - 1;
  }

  giveBack(slot: number): void {
    if (this.#freeCount === this.#free.length) {
      const grown = new Uint32Array(this.#free.length * 2);
      grown.set(this.#free);
      this.#free = grown;
    }
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
  }
}
