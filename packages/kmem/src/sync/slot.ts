import { isUint32 } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { PAGE_SIZE, WORD_MAX, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { BEACON_ENDED, SLOT_RECORD_WORDS, SlotRecord, SlotState } from "./layout.ts";
import { SlotSet } from "./slot-set.ts";

/** Returned where there is no slot. */
export const NO_SLOT = -1;

/** The table of slots. Any thread takes and releases slots, without a lock. */
export class SlotTable {
  readonly #memory: LinearMemory;
  readonly #table: number;
  /** The taken slots, that is, those held or reserved, as a set: frequent questions read only a few words. */
  readonly #taken: SlotSet;
  readonly count: number;

  /** `takenWord` is the index in `words` of the set of taken (held or reserved) slots. */
  constructor(memory: LinearMemory, tableAddress: number, count: number, takenWord: number) {
    this.#memory = memory;
    this.#table = tableAddress;
    this.#taken = new SlotSet(memory, takenWord, count);
    this.count = count;
  }

  /** Index in `words` of a field of a slot's record. */
  word(slot: number, field: number): number {
    return (this.#table >>> WORD_SHIFT) + slot * SLOT_RECORD_WORDS + field;
  }

  /** Takes the free slot with the lowest number; {@link NO_SLOT} if no slot is free. O(slots). */
  take(): number {
    return this.#claim(SlotState.FREE, SlotState.HELD);
  }

  /** As {@link take}, but reserves the slot for another thread, which claims it with {@link occupy}. */
  reserve(): number {
    const slot = this.#claim(SlotState.FREE, SlotState.RESERVED);
    if (slot === NO_SLOT) return NO_SLOT;
    Atomics.store(this.#memory.words, this.word(slot, SlotRecord.TOKEN), Math.floor(Math.random() * WORD_MAX));
    return slot;
  }

  /** A random value that distinguishes a reservation of this slot from reservations in other heaps. */
  token(slot: number): number {
    return Atomics.load(this.#memory.words, this.word(slot, SlotRecord.TOKEN));
  }

  /** Whether the slot's generation and token are still those of this reservation. */
  isReserved({ slot, generation, token }: { slot: number; generation: number; token: number }): boolean {
    return slot < this.count && this.generation(slot) === generation && this.token(slot) === token;
  }

  /** Takes a slot that was reserved for this thread; false if it is not, or no longer, reserved. */
  occupy(place: { slot: number; generation: number; token: number }): boolean {
    const { words } = this.#memory;
    if (!this.isReserved(place)) return false;
    const state = this.word(place.slot, SlotRecord.STATE);
    return Atomics.compareExchange(words, state, SlotState.RESERVED, SlotState.HELD) === SlotState.RESERVED;
  }

  /** Makes an occupied slot reserved again, because the thread could not attach. */
  unoccupy(slot: number): void {
    if (ASSERTIONS) assert(this.isHeld(slot), `slot ${slot} is held by the thread that could not attach`);
    Atomics.store(this.#memory.words, this.word(slot, SlotRecord.STATE), SlotState.RESERVED);
  }

  /** Takes the slot of a dead thread, including its blocks; false if another thread has taken it first. */
  takeOver(slot: number): boolean {
    return this.#change(slot, SlotState.DEAD, SlotState.HELD);
  }

  #claim(oldState: number, newState: number): number {
    for (let slot = 0; slot < this.count; slot++) if (this.#change(slot, oldState, newState)) return slot;
    return NO_SLOT;
  }

  #change(slot: number, oldState: number, newState: number): boolean {
    const { words } = this.#memory;
    const state = this.word(slot, SlotRecord.STATE);
    if (Atomics.compareExchange(words, state, oldState, newState) !== oldState) return false;
    Atomics.store(words, this.word(slot, SlotRecord.GENERATION), this.#nextGeneration(slot));
    Atomics.store(words, this.word(slot, SlotRecord.WATCHED), 0);
    this.#taken.add(slot);
    if (ASSERTIONS) assert(this.generation(slot) > 0, `slot ${slot}, which is taken, has a generation`);
    return true;
  }

  /** The error of a thread that finds no free slot. */
  noneFree(): KmemError {
    const { dead } = this;
    const rest =
      dead.length === 0
        ? "the heap's slotCount is the limit"
        : `threads that are gone left blocks in ${dead.length} of them, which wait for reapSlot: ${dead.join(", ")}`;
    const text = `no slot is free: ${this.count} threads work on this heap; ${rest}`;
    return new KmemError("NO_SLOT", text, { slotCount: this.count, ...(dead.length > 0 ? { dead } : {}) });
  }

  /** Takes a slot over in a memory whose threads are all certainly dead, such as a dump; marks all other slots dead. */
  adopt(slot: number): void {
    const { words } = this.#memory;
    if (slot < 0 || slot >= this.count) throw new KmemError("BAD_ARGUMENT", `there is no slot ${slot}`, { slot });
    for (let other = 0; other < this.count; other++) {
      if (this.isTaken(other)) this.markDead(other, this.generation(other));
    }
    words[this.word(slot, SlotRecord.GENERATION)] = this.#nextGeneration(slot);
    words[this.word(slot, SlotRecord.BEACON_WAITERS)] = 0;
    words[this.word(slot, SlotRecord.STATE)] = SlotState.HELD;
    this.#taken.add(slot);
  }

  /**
   * Marks a slot dead: `generation` names the thread that took it and died. Idempotent, and without effect on a slot
   * that has been reaped in the meantime.
   */
  markDead(slot: number, generation: number): void {
    const { words } = this.#memory;
    const state = this.word(slot, SlotRecord.STATE);
    for (const taken of [SlotState.RESERVED, SlotState.HELD]) {
      if (Atomics.compareExchange(words, state, taken, SlotState.DEAD) !== taken) continue;
      if (this.generation(slot) === generation) break;
      Atomics.store(words, state, taken);
      return;
    }
    if (!this.isDead(slot)) return;
    this.#taken.remove(slot);
    // A thread counts as dead when the count says that it has async waiters on BEACON and they are gone
    // (sync/liveness.ts). Reset the count, so that the next holder of this slot is not taken for dead.
    Atomics.store(words, this.word(slot, SlotRecord.BEACON_WAITERS), BEACON_ENDED);
  }

  /** Frees the slot of a dead thread, unless another thread has taken it over. */
  freeDead(slot: number): void {
    const { words } = this.#memory;
    Atomics.compareExchange(words, this.word(slot, SlotRecord.STATE), SlotState.DEAD, SlotState.FREE);
  }

  /** Slots whose threads are dead and that have not been freed since. */
  get dead(): number[] {
    return Array.from({ length: this.count }, (_, slot) => slot).filter((slot) => this.isDead(slot));
  }

  isDead(slot: number): boolean {
    return Atomics.load(this.#memory.words, this.word(slot, SlotRecord.STATE)) === SlotState.DEAD;
  }

  /** Releases a slot. Its sheaves and its page cache must have been freed: it has no area. */
  release(slot: number): void {
    if (ASSERTIONS) assert(this.area(slot) === 0, `slot ${slot} has no private pages when it is released`);
    this.#taken.remove(slot);
    Atomics.store(this.#memory.words, this.word(slot, SlotRecord.STATE), SlotState.FREE);
  }

  /** The number of taken slots: held and reserved ones. */
  get takenCount(): number {
    return this.#taken.size;
  }

  /** Whether more than one slot is taken (held or reserved), so that threads may contend. */
  get hasSeveral(): boolean {
    return this.#taken.hasSeveral;
  }

  /** Whether the set of taken slots and the slot's record agree. */
  hasSoundMembership(slot: number): boolean {
    return this.#taken.has(slot) === this.isTaken(slot);
  }

  /** Whether a slot is held, or reserved for a thread. */
  isTaken(slot: number): boolean {
    return this.isHeld(slot) || this.#state(slot) === SlotState.RESERVED;
  }

  isHeld(slot: number): boolean {
    return this.#state(slot) === SlotState.HELD;
  }

  isFree(slot: number): boolean {
    return this.#state(slot) === SlotState.FREE;
  }

  #state(slot: number): number {
    return this.#memory.words[this.word(slot, SlotRecord.STATE)];
  }

  /** How often the slot has been taken, unsigned; 0 for a number beyond the table. */
  generation(slot: number): number {
    return slot < this.count ? Atomics.load(this.#memory.words, this.word(slot, SlotRecord.GENERATION)) >>> 0 : 0;
  }

  /** Only for the thread that has just claimed the slot. Skips 0, the generation of a slot that was never taken. */
  #nextGeneration(slot: number): number {
    return (this.generation(slot) + 1) | 0 || 1;
  }

  /** Whether the slot's record contains a valid state, and one that agrees with its generation. */
  hasSoundState(slot: number): boolean {
    const state = this.#state(slot);
    const needsGeneration = state === SlotState.HELD || state === SlotState.DEAD || state === SlotState.RESERVED;
    return state === SlotState.FREE || (needsGeneration && this.generation(slot) > 0);
  }

  /** Address of the slot's private pages, 0 while it has none. */
  area(slot: number): number {
    return this.#memory.words[this.word(slot, SlotRecord.AREA)] >>> 0;
  }

  setArea(slot: number, address: number): void {
    if (ASSERTIONS) {
      assert(slot >= 0 && slot < this.count, `there is a slot ${slot}`);
      assert(address % PAGE_SIZE === 0, `the private pages of slot ${slot} begin with a page, not at ${address}`);
    }
    this.#memory.words[this.word(slot, SlotRecord.AREA)] = address;
  }

  /** Numbers of the slots that have private pages. */
  *withAreas(): Generator<number> {
    for (let slot = 0; slot < this.count; slot++) if (this.area(slot) !== 0) yield slot;
  }
}

/** Whether a value of any type is the number of a slot that a thread holds. */
export function isHeldSlot(slots: SlotTable, slot: unknown): slot is number {
  return isUint32(slot) && slot < slots.count && slots.isHeld(slot);
}
