import { type BlockRecord, RECORD_WORDS, readRecord, writeRecord } from "./block-record.ts";

/** A cell is in one of these states; BUSY while one thread writes or reads it. */
const CellState = { EMPTY: 0, BUSY: 1, FULL: 2 } as const;
const CELL_WORDS: number = RECORD_WORDS + 1;

/** Cells that are looked at before a giver or taker gives up. */
const ATTEMPTS = 4;

/**
 * The array through which blocks travel from the thread that got them to the one that gives them back. Nobody ever
 * waits: a thread that finds no cell of the kind it wants in a few attempts goes away. What a giver did to the block
 * before is seen by the taker.
 */
export class Exchange {
  readonly memory: SharedArrayBuffer;
  readonly cells: number;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.cells = Math.floor(this.#words.length / CELL_WORDS);
  }

  static create(cells: number): Exchange {
    return new Exchange(new SharedArrayBuffer(cells * CELL_WORDS * Int32Array.BYTES_PER_ELEMENT));
  }

  /** Leaves a record in an empty cell near the one given; false when there is none. */
  offer(record: BlockRecord, nearCell: number): boolean {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const word = this.#wordOf(nearCell + attempt);
      if (!this.#claim(word, CellState.EMPTY)) continue;
      writeRecord(this.#words, word + 1, record);
      Atomics.store(this.#words, word, CellState.FULL);
      return true;
    }
    return false;
  }

  /** Takes a record that another party left in a cell near the one given; undefined when there is none. */
  take(party: number, nearCell: number): BlockRecord | undefined {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const record = this.#takeFrom(this.#wordOf(nearCell + attempt), party);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  /** Takes any record, whoever left it; undefined when all cells are empty. For a run that comes to its end. */
  takeAny(): BlockRecord | undefined {
    for (let cell = 0; cell < this.cells; cell++) {
      const record = this.#takeFrom(this.#wordOf(cell), undefined);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  /** The records that lie in it. Only while all threads rest. */
  *records(): Generator<BlockRecord> {
    for (let cell = 0; cell < this.cells; cell++) {
      const word = this.#wordOf(cell);
      if (Atomics.load(this.#words, word) === CellState.FULL) yield readRecord(this.#words, word + 1);
    }
  }

  #wordOf(cell: number): number {
    return (cell % this.cells) * CELL_WORDS;
  }

  #claim(word: number, state: number): boolean {
    return Atomics.compareExchange(this.#words, word, state, CellState.BUSY) === state;
  }

  #takeFrom(word: number, party: number | undefined): BlockRecord | undefined {
    if (!this.#claim(word, CellState.FULL)) return undefined;
    const record = readRecord(this.#words, word + 1);
    const isWanted = record.owner !== party;
    Atomics.store(this.#words, word, isWanted ? CellState.EMPTY : CellState.FULL);
    return isWanted ? record : undefined;
  }
}
