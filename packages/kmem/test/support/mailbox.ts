/** What travels through a mailbox: any numbers, virtual addresses among them. */
export interface Parcel {
  readonly kind: number;
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
}

/** Words before the parcels: how many were ever put in, and how many taken out. */
const Word = { PUT: 0, TAKEN: 1 } as const;
const HEADER_DOUBLES = 1;
const PARCEL_DOUBLES = 4;

/**
 * A ring of parcels from one thread to one other, in shared memory. Neither waits: a full one refuses, an empty one has
 * nothing. What the giver did before is seen by the taker.
 */
export class Mailbox {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #doubles: Float64Array<SharedArrayBuffer>;
  readonly #capacity: number;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
    this.#capacity = Math.floor((this.#doubles.length - HEADER_DOUBLES) / PARCEL_DOUBLES);
  }

  static create(capacity: number): Mailbox {
    return new Mailbox(new SharedArrayBuffer((HEADER_DOUBLES + capacity * PARCEL_DOUBLES) * 8));
  }

  /** Only for the giver; false when there is no room. */
  put({ kind, address, sizeBytes, seed }: Parcel): boolean {
    const put = Atomics.load(this.#words, Word.PUT);
    if (put - Atomics.load(this.#words, Word.TAKEN) >= this.#capacity) return false;
    this.#doubles.set([kind, address, sizeBytes, seed], this.#at(put));
    Atomics.store(this.#words, Word.PUT, put + 1);
    return true;
  }

  /** Only for the taker; undefined when there is nothing. */
  take(): Parcel | undefined {
    const taken = Atomics.load(this.#words, Word.TAKEN);
    if (taken === Atomics.load(this.#words, Word.PUT)) return undefined;
    const at = this.#at(taken);
    const [kind, address, sizeBytes, seed] = this.#doubles.subarray(at, at + PARCEL_DOUBLES);
    Atomics.store(this.#words, Word.TAKEN, taken + 1);
    return { kind, address, sizeBytes, seed };
  }

  #at(index: number): number {
    return HEADER_DOUBLES + (index % this.#capacity) * PARCEL_DOUBLES;
  }
}
