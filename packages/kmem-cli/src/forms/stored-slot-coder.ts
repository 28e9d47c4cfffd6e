import { SlotPool } from "../trace/slot-pool.ts";
import type { ByteWriter } from "./stored-byte-writer.ts";

const INITIAL_SLOTS = 1024;

/**
 * Writes which block each event is about. Slots are numbered anew: an allocation takes the slot that came back last.
 * One that came back in the same section need not be written, and one that did not is. An event about a block names the
 * allocation that made it, counted back from the last one, where that is in the same section, and its slot otherwise.
 */
export class SlotCoder {
  readonly #column: ByteWriter;
  readonly #pool = new SlotPool();
  /** By slot of the source. */
  #ownSlots = new Int32Array(INITIAL_SLOTS);
  /** By slot of the file: the number of the allocation that made its block. */
  #allocNumbers = new Float64Array(INITIAL_SLOTS);
  #allocCount = 0;
  #firstAlloc = 0;
  /** Slots at the top of the pool that came back in this section. */
  #givenBack = 0;

  constructor(column: ByteWriter) {
    this.#column = column;
  }

  beginSection(): void {
    this.#firstAlloc = this.#allocCount;
    this.#givenBack = 0;
  }

  /** A block is made in a slot of the source; answers its slot in the file. */
  take(slot: number): number {
    const own = this.#pool.take();
    if (this.#givenBack > 0) this.#givenBack -= 1;
    else this.#column.varint(own);
    if (slot >= this.#ownSlots.length) {
      const grown = new Int32Array(Math.max(slot + 1, this.#ownSlots.length * 2));
      grown.set(this.#ownSlots);
      this.#ownSlots = grown;
    }
    if (own >= this.#allocNumbers.length) {
      const grown = new Float64Array(Math.max(own + 1, this.#allocNumbers.length * 2));
      grown.set(this.#allocNumbers);
      this.#allocNumbers = grown;
    }
    this.#ownSlots[slot] = own;
    this.#allocNumbers[own] = this.#allocCount;
    this.#allocCount += 1;
    return own;
  }

  /** An event is about the block in a slot of the source; answers its slot in the file. */
  refer(slot: number): number {
    const own = this.#ownSlots[slot]!;
    const number = this.#allocNumbers[own]!;
    if (number >= this.#firstAlloc) this.#column.varint((this.#allocCount - 1 - number) * 2);
    else this.#column.varint(own * 2 + 1);
    return own;
  }

  /** The block in a slot of the file is gone. */
  release(own: number): void {
    this.#pool.giveBack(own);
    this.#givenBack += 1;
  }
}
