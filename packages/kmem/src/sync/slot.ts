import { isUint32 } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { PAGE_SIZE, WORD_MAX, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { BEACON_ENDED, GENERATION_MAX, SLOT_RECORD_WORDS, SlotRecord, SlotState } from "./layout.ts";
import { SlotSet } from "./slot-set.ts";
import { generationOf, stateOf, stateWord } from "./state-word.ts";

/** Returned where there is no slot. */
export const NO_SLOT = -1;

/** The table of slots. Any thread takes and releases slots, without a lock. */
export class SlotTable {
  readonly #memory: LinearMemory;
  readonly #table: number;
  /** The taken slots, those of the dead included, as a set: frequent questions read only a few words. */
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
    return this.#claim(SlotState.HELD);
  }

  /** As {@link take}, but reserves the slot for another thread, which claims it with {@link occupy}. */
  reserve(): number {
    const slot = this.#claim(SlotState.RESERVED);
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
    return this.isReserved(place) && this.#change(place.slot, place.generation, SlotState.RESERVED, SlotState.HELD);
  }

  /** Makes an occupied slot reserved again, because the thread could not attach. */
  unoccupy(slot: number): void {
    if (ASSERTIONS) assert(this.isHeld(slot), `slot ${slot} is held by the thread that could not attach`);
    this.#set(slot, this.generation(slot), SlotState.RESERVED);
  }

  /** Takes the slot of a dead thread, including its blocks; false if another thread has taken or freed it first. */
  takeOver(slot: number): boolean {
    const former = this.#load(slot);
    if (stateOf(former) !== SlotState.DEAD) return false;
    const generation = next(generationOf(former));
    if (!this.#exchange(slot, former, stateWord(generation, SlotState.RESERVED))) return false;
    this.#forgetThread(slot);
    this.#taken.add(slot);
    this.#set(slot, generation, SlotState.HELD);
    return true;
  }

  #claim(state: number): number {
    for (let slot = 0; slot < this.count; slot++) {
      const former = this.#load(slot);
      if (stateOf(former) !== SlotState.FREE) continue;
      if (!this.#exchange(slot, former, stateWord(next(generationOf(former)), state))) continue;
      this.#taken.add(slot);
      if (ASSERTIONS) assert(this.generation(slot) > 0, `slot ${slot}, which is taken, has a generation`);
      return slot;
    }
    return NO_SLOT;
  }

  #load(slot: number): number {
    return Atomics.load(this.#memory.words, this.word(slot, SlotRecord.STATE));
  }

  /** Only for the thread whose slot it is, or one that alone may change it. */
  #set(slot: number, generation: number, state: number): void {
    Atomics.store(this.#memory.words, this.word(slot, SlotRecord.STATE), stateWord(generation, state));
  }

  #exchange(slot: number, former: number, word: number): boolean {
    const { words } = this.#memory;
    return Atomics.compareExchange(words, this.word(slot, SlotRecord.STATE), former, word) === former;
  }

  #change(slot: number, generation: number, from: number, to: number): boolean {
    return this.#exchange(slot, stateWord(generation, from), stateWord(generation, to));
  }

  /** What the next holder of the slot must not be taken for. Only for the one thread that may change the slot. */
  #forgetThread(slot: number): void {
    const { words } = this.#memory;
    Atomics.store(words, this.word(slot, SlotRecord.WATCHED), 0);
    // A thread counts as dead when the count says that it has async waiters on BEACON and they are gone
    // (sync/liveness.ts).
    Atomics.store(words, this.word(slot, SlotRecord.BEACON_WAITERS), BEACON_ENDED);
  }

  /** The error of a thread that finds no free slot. */
  noneFree(): KmemError {
    const { dead } = this;
    const reserved = this.#numbers().filter((slot) => this.#state(slot) === SlotState.RESERVED).length;
    const rest =
      dead.length === 0
        ? "the heap's slotCount is the limit"
        : `threads that are gone left blocks in ${dead.length} of them, which wait for reapSlot: ${dead.join(", ")}`;
    const others = reserved === 0 ? "" : `, and ${reserved} slots are reserved for others`;
    const text = `no slot is free: ${this.heldCount - reserved} threads work on this heap${others}; ${rest}`;
    return new KmemError("NO_SLOT", text, { slotCount: this.count, ...(dead.length > 0 ? { dead } : {}) });
  }

  /** Takes a slot over in a memory whose threads are all certainly dead, such as a dump; marks all other slots dead. */
  adopt(slot: number): void {
    const { words } = this.#memory;
    if (slot < 0 || slot >= this.count) throw new KmemError("BAD_ARGUMENT", `there is no slot ${slot}`, { slot });
    for (let other = 0; other < this.count; other++) {
      const state = this.isFree(other) || this.#state(other) === SlotState.RELEASING ? SlotState.FREE : SlotState.DEAD;
      words[this.word(other, SlotRecord.STATE)] = stateWord(this.generation(other), state);
      this.#taken.remove(other);
    }
    words[this.word(slot, SlotRecord.BEACON_WAITERS)] = 0;
    words[this.word(slot, SlotRecord.STATE)] = stateWord(next(this.generation(slot)), SlotState.HELD);
    this.#taken.add(slot);
  }

  /**
   * Marks a slot dead: `generation` names the thread that took it and died. Idempotent, and without effect on a slot
   * that has been taken again in the meantime.
   */
  markDead(slot: number, generation: number): void {
    if (!this.#change(slot, generation, SlotState.HELD, SlotState.DEAD)) {
      this.#change(slot, generation, SlotState.RESERVED, SlotState.DEAD);
    }
  }

  /** Frees the slot of a dead thread, unless another thread has taken it over. Under REAP_LOCK. */
  freeDead(slot: number): void {
    if (this.#change(slot, this.generation(slot), SlotState.DEAD, SlotState.RELEASING)) this.#finishRelease(slot);
  }

  /** Frees the slots that threads were about to free when they died. Under REAP_LOCK. */
  finishReleases(): void {
    for (let slot = 0; slot < this.count; slot++) {
      if (this.#state(slot) === SlotState.RELEASING) this.#finishRelease(slot);
    }
  }

  #finishRelease(slot: number): void {
    this.#taken.remove(slot);
    this.#forgetThread(slot);
    this.#set(slot, this.generation(slot), SlotState.FREE);
  }

  /** Slots whose threads are dead and that have not been freed since. */
  get dead(): number[] {
    return this.#numbers().filter((slot) => this.isDead(slot));
  }

  #numbers(): number[] {
    return Array.from({ length: this.count }, (_, slot) => slot);
  }

  isDead(slot: number): boolean {
    return stateOf(this.#load(slot)) === SlotState.DEAD;
  }

  /** Releases a slot. Its sheaves and its pcp lists must have been freed: it has no area. */
  release(slot: number): void {
    if (ASSERTIONS) assert(this.area(slot) === 0, `slot ${slot} has no private pages when it is released`);
    this.#taken.remove(slot);
    Atomics.store(this.#memory.words, this.word(slot, SlotRecord.WATCHED), 0);
    this.#set(slot, this.generation(slot), SlotState.FREE);
  }

  /** The number of taken slots: held and reserved ones, and those of the dead until they are reaped. */
  get takenCount(): number {
    return this.#taken.size;
  }

  /** Slots that are held or reserved. O(slots). */
  get heldCount(): number {
    return this.#numbers().filter((slot) => this.isTaken(slot)).length;
  }

  /** Whether more than one slot is taken, so that threads may contend. */
  get hasSeveral(): boolean {
    return this.#taken.hasSeveral;
  }

  /** Whether the slot is in the set of taken slots. */
  isInTakenSet(slot: number): boolean {
    return this.#taken.has(slot);
  }

  /** Whether the set of taken slots and the slot's record agree. */
  hasSoundMembership(slot: number): boolean {
    // The set has a dead slot, unless its thread died before it was in there.
    return this.#taken.has(slot) ? !this.isFree(slot) : !this.isTaken(slot);
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
    return stateOf(this.#memory.words[this.word(slot, SlotRecord.STATE)]);
  }

  /** How often the slot has been taken; 0 for a number beyond the table. */
  generation(slot: number): number {
    return slot < this.count ? generationOf(this.#load(slot)) : 0;
  }

  /** Whether the slot's record contains a valid state, and one that agrees with its generation. */
  hasSoundState(slot: number): boolean {
    const state = this.#state(slot);
    return state === SlotState.FREE || (state <= SlotState.RELEASING && this.generation(slot) > 0);
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

/** The generation after another. Skips 0, that of a slot that was never taken. */
function next(generation: number): number {
  return generation < GENERATION_MAX ? generation + 1 : 1;
}

/** Whether a value of any type is the number of a slot that a thread holds. */
export function isHeldSlot(slots: SlotTable, slot: unknown): slot is number {
  return isUint32(slot) && slot < slots.count && slots.isHeld(slot);
}
