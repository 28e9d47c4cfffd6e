import { isUint32 } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { PAGE_SIZE, WORD_MAX, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { BEACON_ENDED, SLOT_RECORD_WORDS, SlotRecord, SlotState } from "./layout.ts";
import { SlotSet } from "./slot-set.ts";

/** What is answered where there is no slot. */
export const NO_SLOT = -1;

/** The table of slots. Slots are taken and given back by any thread, without a lock. */
export class SlotTable {
  readonly #memory: LinearMemory;
  readonly #table: number;
  /** The slots that are held: what many ask often, in few words. */
  readonly #held: SlotSet;
  readonly count: number;

  /** `heldWord` is the index in `words` of the set of slots that are held. */
  constructor(memory: LinearMemory, tableAddress: number, count: number, heldWord: number) {
    this.#memory = memory;
    this.#table = tableAddress;
    this.#held = new SlotSet(memory, heldWord, count);
    this.count = count;
  }

  /** Index in `words` of a field of a slot's record. */
  word(slot: number, field: number): number {
    return (this.#table >>> WORD_SHIFT) + slot * SLOT_RECORD_WORDS + field;
  }

  /** Takes the free slot of the lowest number; {@link NO_SLOT} when there is none. O(slots). */
  take(): number {
    return this.#claim(SlotState.FREE, SlotState.HELD);
  }

  /** As {@link take}, for another thread, which is to {@link occupy} it. */
  reserve(): number {
    const slot = this.#claim(SlotState.FREE, SlotState.RESERVED);
    if (slot === NO_SLOT) return NO_SLOT;
    Atomics.store(this.#memory.words, this.word(slot, SlotRecord.TOKEN), Math.floor(Math.random() * WORD_MAX));
    return slot;
  }

  /** What tells a reservation of the slot from those of other heaps. */
  token(slot: number): number {
    return Atomics.load(this.#memory.words, this.word(slot, SlotRecord.TOKEN));
  }

  /** Whether the slot is still the one that was taken, or reserved, by that generation and token. */
  isReserved({ slot, generation, token }: { slot: number; generation: number; token: number }): boolean {
    return slot < this.count && this.generation(slot) === generation && this.token(slot) === token;
  }

  /** Takes a slot that was reserved for this thread; false where it is not, or not any more. */
  occupy(place: { slot: number; generation: number; token: number }): boolean {
    const { words } = this.#memory;
    if (!this.isReserved(place)) return false;
    const state = this.word(place.slot, SlotRecord.STATE);
    return Atomics.compareExchange(words, state, SlotState.RESERVED, SlotState.HELD) === SlotState.RESERVED;
  }

  /** Makes a slot that was occupied reserved again: the thread could not attach after all. */
  unoccupy(slot: number): void {
    if (ASSERTIONS) assert(this.isHeld(slot), `slot ${slot} is held by the thread that could not attach`);
    Atomics.store(this.#memory.words, this.word(slot, SlotRecord.STATE), SlotState.RESERVED);
  }

  /** Takes the slot of a thread that is gone, with what is left of it; false where another thread has done so. */
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
    this.#held.add(slot);
    if (ASSERTIONS) assert(this.generation(slot) > 0, `slot ${slot}, which is taken, has a generation`);
    return true;
  }

  /** The error of a thread that finds no free slot. */
  noneFree(): KmemError {
    const { dead } = this;
    const rest =
      dead.length === 0
        ? "slotCount says how many may"
        : `threads that are gone left blocks in ${dead.length} of them, which wait for reapSlot: ${dead.join(", ")}`;
    const text = `no slot is free: ${this.count} threads work on this heap; ${rest}`;
    return new KmemError("NO_SLOT", text, { slotCount: this.count, ...(dead.length > 0 ? { dead } : {}) });
  }

  /** Takes a slot over where all threads are gone for certain, as those of a dump are; all other slots are dead. */
  adopt(slot: number): void {
    const { words } = this.#memory;
    if (slot < 0 || slot >= this.count) throw new KmemError("BAD_ARGUMENT", `there is no slot ${slot}`, { slot });
    for (let other = 0; other < this.count; other++) {
      if (this.isTaken(other)) this.markDead(other, this.generation(other));
    }
    words[this.word(slot, SlotRecord.GENERATION)] = this.#nextGeneration(slot);
    words[this.word(slot, SlotRecord.BEACON_WAITERS)] = 0;
    words[this.word(slot, SlotRecord.STATE)] = SlotState.HELD;
    this.#held.add(slot);
  }

  /**
   * Marks a slot dead whose thread is gone: the one that took it as that generation. A second call changes nothing, and
   * neither does one for a slot that has been reaped in the meantime.
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
    this.#held.remove(slot);
    // The next thread in the slot must not be taken for gone because the waiters of this one are.
    Atomics.store(words, this.word(slot, SlotRecord.BEACON_WAITERS), BEACON_ENDED);
  }

  /** Frees the slot of a thread that is gone, unless another one has taken it over. */
  free(slot: number): void {
    const { words } = this.#memory;
    Atomics.compareExchange(words, this.word(slot, SlotRecord.STATE), SlotState.DEAD, SlotState.FREE);
  }

  /** Slots whose threads are gone and that have not been freed since. */
  get dead(): number[] {
    return Array.from({ length: this.count }, (_, slot) => slot).filter((slot) => this.isDead(slot));
  }

  isDead(slot: number): boolean {
    return Atomics.load(this.#memory.words, this.word(slot, SlotRecord.STATE)) === SlotState.DEAD;
  }

  /** Gives a slot back. Its caches must be empty. */
  give(slot: number): void {
    if (ASSERTIONS) assert(this.area(slot) === 0, `slot ${slot} has no private pages when it is given back`);
    this.#held.remove(slot);
    Atomics.store(this.#memory.words, this.word(slot, SlotRecord.STATE), SlotState.FREE);
  }

  /** Slots that are held now. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** Whether more than one slot is held, so that threads may meet. */
  get isShared(): boolean {
    return this.#held.hasSeveral;
  }

  /** Whether the set of held slots says of a slot what its record says. */
  hasSoundMembership(slot: number): boolean {
    return this.#held.has(slot) === this.isTaken(slot);
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

  /** Only for who has just claimed the slot. 0 is passed over, which is a slot's that was never taken. */
  #nextGeneration(slot: number): number {
    return (this.generation(slot) + 1) | 0 || 1;
  }

  /** Whether the slot's record says a state that there is, and one that goes with its generation. */
  hasSoundState(slot: number): boolean {
    const state = this.#state(slot);
    const isTaken = state === SlotState.HELD || state === SlotState.DEAD || state === SlotState.RESERVED;
    return state === SlotState.FREE || (isTaken && this.generation(slot) > 0);
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
