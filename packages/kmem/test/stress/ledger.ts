import { type BlockRecord, RECORD_WORDS, readRecord, writeRecord } from "./block-record.ts";

const COUNT_WORD = 0;
const FIRST_RECORD_WORD = 1;

/**
 * What a party holds, in shared memory: whoever follows in the party goes on with it, and while all threads rest each
 * of them may read the ledgers of all. Otherwise a ledger is its party's alone, so plain loads and stores do.
 */
export class Ledger {
  readonly memory: SharedArrayBuffer;
  readonly capacity: number;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.capacity = Math.floor((this.#words.length - FIRST_RECORD_WORD) / RECORD_WORDS);
  }

  static create(capacity: number): Ledger {
    const words = FIRST_RECORD_WORD + capacity * RECORD_WORDS;
    return new Ledger(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
  }

  get count(): number {
    return this.#words[COUNT_WORD];
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  at(index: number): BlockRecord {
    if (!(index >= 0 && index < this.count)) throw new RangeError(`a ledger of ${this.count} has no entry ${index}`);
    return readRecord(this.#words, wordOf(index));
  }

  add(record: BlockRecord): void {
    if (this.isFull) throw new RangeError(`a ledger of ${this.capacity} is full`);
    writeRecord(this.#words, wordOf(this.count), record);
    this.#words[COUNT_WORD]++;
  }

  /** Takes an entry out; the last one moves to its place. */
  remove(index: number): BlockRecord {
    const record = this.at(index);
    const last = this.count - 1;
    this.#words.copyWithin(wordOf(index), wordOf(last), wordOf(last) + RECORD_WORDS);
    this.#words[COUNT_WORD] = last;
    return record;
  }

  *records(): Generator<BlockRecord> {
    for (let index = 0; index < this.count; index++) yield this.at(index);
  }
}

function wordOf(index: number): number {
  return FIRST_RECORD_WORD + index * RECORD_WORDS;
}
