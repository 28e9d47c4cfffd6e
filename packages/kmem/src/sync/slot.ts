import { KmemError } from "../memory/errors.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { SLOT_RECORD_WORDS, SlotRecord, SlotState } from "./layout.ts";

/** The table of slots. One thread uses slot 0 so far; the layout has room for all of them from the start. */
export class SlotTable {
  readonly #memory: LinearMemory;
  readonly #table: number;
  readonly count: number;

  constructor(memory: LinearMemory, tableAddress: number, count: number) {
    this.#memory = memory;
    this.#table = tableAddress;
    this.count = count;
  }

  #word(slot: number, field: number): number {
    return (this.#table >>> WORD_SHIFT) + slot * SLOT_RECORD_WORDS + field;
  }

  /** Takes the slot for the caller; O(1). Taking a held slot joins its holder: both must then run on one thread. */
  hold(slot: number): void {
    const { words } = this.#memory;
    if (slot < 0 || slot >= this.count) throw new KmemError("BAD_ARGUMENT", `there is no slot ${slot}`, { slot });
    if (words[this.#word(slot, SlotRecord.STATE)] === SlotState.HELD) return;
    words[this.#word(slot, SlotRecord.GENERATION)]++;
    words[this.#word(slot, SlotRecord.STATE)] = SlotState.HELD;
  }

  isHeld(slot: number): boolean {
    return this.#memory.words[this.#word(slot, SlotRecord.STATE)] === SlotState.HELD;
  }

  /** How often the slot has been taken; 0 for a number beyond the table. */
  generation(slot: number): number {
    return slot < this.count ? this.#memory.words[this.#word(slot, SlotRecord.GENERATION)] : 0;
  }

  /** Whether the slot's record says a state that there is, and one that goes with its generation. */
  hasSoundState(slot: number): boolean {
    const state = this.#memory.words[this.#word(slot, SlotRecord.STATE)];
    return state === SlotState.FREE || (state === SlotState.HELD && this.generation(slot) > 0);
  }

  /** Address of the slot's private pages, 0 while it has none. */
  area(slot: number): number {
    return this.#memory.words[this.#word(slot, SlotRecord.AREA)] >>> 0;
  }

  setArea(slot: number, address: number): void {
    this.#memory.words[this.#word(slot, SlotRecord.AREA)] = address;
  }
}
