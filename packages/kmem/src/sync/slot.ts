import { KmemError } from "../memory/errors.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { SLOT_RECORD_WORDS, SlotRecord, SlotState } from "./layout.ts";

/** The table of slots. Slots are taken and given back by any thread, without a lock. */
export class SlotTable {
  readonly #memory: LinearMemory;
  readonly #table: number;
  /** Index in `words` of the count of slots that are held. */
  readonly #heldWord: number;
  readonly count: number;

  constructor(memory: LinearMemory, tableAddress: number, count: number, heldWord: number) {
    this.#memory = memory;
    this.#table = tableAddress;
    this.#heldWord = heldWord;
    this.count = count;
  }

  /** Index in `words` of a field of a slot's record. */
  word(slot: number, field: number): number {
    return (this.#table >>> WORD_SHIFT) + slot * SLOT_RECORD_WORDS + field;
  }

  /** Takes the free slot of the lowest number. Throws NO_SLOT when every slot is held. O(slots). */
  take(): number {
    const { words } = this.#memory;
    for (let slot = 0; slot < this.count; slot++) {
      const state = this.word(slot, SlotRecord.STATE);
      if (Atomics.compareExchange(words, state, SlotState.FREE, SlotState.HELD) !== SlotState.FREE) continue;
      Atomics.add(words, this.word(slot, SlotRecord.GENERATION), 1);
      Atomics.add(words, this.#heldWord, 1);
      return slot;
    }
    const text = `no slot is free: ${this.count} threads work on this heap; slotCount says how many may`;
    throw new KmemError("NO_SLOT", text, { slotCount: this.count });
  }

  /** Takes a slot over whose thread is gone for certain, as those of a dump are. */
  adopt(slot: number): void {
    const { words } = this.#memory;
    if (slot < 0 || slot >= this.count) throw new KmemError("BAD_ARGUMENT", `there is no slot ${slot}`, { slot });
    words[this.word(slot, SlotRecord.GENERATION)]++;
    words[this.word(slot, SlotRecord.TICKET)] = 0;
    if (this.isHeld(slot)) return;
    words[this.word(slot, SlotRecord.STATE)] = SlotState.HELD;
    words[this.#heldWord]++;
  }

  /** Gives a slot back. Its caches must be empty. */
  give(slot: number): void {
    const { words } = this.#memory;
    Atomics.sub(words, this.#heldWord, 1);
    Atomics.store(words, this.word(slot, SlotRecord.STATE), SlotState.FREE);
  }

  /** Slots that are held now. */
  get heldCount(): number {
    return this.#memory.words[this.#heldWord];
  }

  isHeld(slot: number): boolean {
    return this.#memory.words[this.word(slot, SlotRecord.STATE)] === SlotState.HELD;
  }

  /** How often the slot has been taken; 0 for a number beyond the table. */
  generation(slot: number): number {
    return slot < this.count ? this.#memory.words[this.word(slot, SlotRecord.GENERATION)] : 0;
  }

  /** Whether the slot's record says a state that there is, and one that goes with its generation. */
  hasSoundState(slot: number): boolean {
    const state = this.#memory.words[this.word(slot, SlotRecord.STATE)];
    return state === SlotState.FREE || (state === SlotState.HELD && this.generation(slot) > 0);
  }

  /** Address of the slot's private pages, 0 while it has none. */
  area(slot: number): number {
    return this.#memory.words[this.word(slot, SlotRecord.AREA)] >>> 0;
  }

  setArea(slot: number, address: number): void {
    this.#memory.words[this.word(slot, SlotRecord.AREA)] = address;
  }

  /** Numbers of the slots that have private pages. */
  *withAreas(): Generator<number> {
    for (let slot = 0; slot < this.count; slot++) if (this.area(slot) !== 0) yield slot;
  }
}
