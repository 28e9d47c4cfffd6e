/** A block on its way from the thread that allocated it to the one that frees it. */
export interface Parcel {
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
}

/** Parcels that have room in a mailbox at a time. */
const CAPACITY = 64;
/** Doubles of a parcel: an address of a node needs more than a word. */
const PARCEL_DOUBLES = 3;
/** Words before the parcels: counts of what was sent and what was received, each in a cache line of its own. */
const SENT = 0;
const RECEIVED = 16;
const HEAD_BYTES = 128;

/** Parcels from one thread to one other, in the order in which they were sent. */
export class Mailbox {
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #parcels: Float64Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.#counts = new Int32Array(buffer, 0, HEAD_BYTES / 4);
    this.#parcels = new Float64Array(buffer, HEAD_BYTES, CAPACITY * PARCEL_DOUBLES);
  }

  static makeBuffer(): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD_BYTES + CAPACITY * PARCEL_DOUBLES * 8);
  }

  /** Puts a parcel in; false where there is no room. */
  send({ address, sizeBytes, seed }: Parcel): boolean {
    const sent = Atomics.load(this.#counts, SENT);
    if (sent - Atomics.load(this.#counts, RECEIVED) === CAPACITY) return false;
    this.#parcels.set([address, sizeBytes, seed], (sent % CAPACITY) * PARCEL_DOUBLES);
    Atomics.store(this.#counts, SENT, sent + 1);
    Atomics.notify(this.#counts, SENT);
    return true;
  }

  /** Takes a parcel out; undefined where there is none after a while. */
  receive(timeoutMs: number): Parcel | undefined {
    const received = Atomics.load(this.#counts, RECEIVED);
    if (Atomics.load(this.#counts, SENT) === received) Atomics.wait(this.#counts, SENT, received, timeoutMs);
    if (Atomics.load(this.#counts, SENT) === received) return undefined;
    const first = (received % CAPACITY) * PARCEL_DOUBLES;
    const [address, sizeBytes, seed] = this.#parcels.subarray(first, first + PARCEL_DOUBLES) as unknown as number[];
    Atomics.store(this.#counts, RECEIVED, received + 1);
    return { address: address as number, sizeBytes: sizeBytes as number, seed: seed as number };
  }
}
