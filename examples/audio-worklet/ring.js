// A ring of numbers between one producer and one consumer, in a block of the heap. Both sides are wait-free: each call
// is a few loads and stores, whatever the other thread does or does not do. It needs nothing but the memory, so that an
// AudioWorklet can use it without importing anything else.

const [HEAD, TAIL, ENTRIES] = [0, 1, 2];

export class Ring {
  #words;
  #base;
  #capacity;

  /** Bytes of the block of a ring, all zero at first. */
  static bytes(capacity) {
    return (ENTRIES + capacity) * 4;
  }

  constructor(buffer, address, capacity) {
    this.#words = new Int32Array(buffer);
    this.#base = address / 4;
    this.#capacity = capacity;
  }

  /** The producer's: false where the ring is full. */
  push(value) {
    const tail = Atomics.load(this.#words, this.#base + TAIL);
    if (((tail - Atomics.load(this.#words, this.#base + HEAD)) | 0) === this.#capacity) return false;
    this.#words[this.#base + ENTRIES + ((tail >>> 0) % this.#capacity)] = value;
    Atomics.store(this.#words, this.#base + TAIL, (tail + 1) | 0); // now the consumer sees it
    return true;
  }

  /** The consumer's: 0 where the ring is empty. */
  pop() {
    const head = Atomics.load(this.#words, this.#base + HEAD);
    if (head === Atomics.load(this.#words, this.#base + TAIL)) return 0;
    const value = this.#words[this.#base + ENTRIES + ((head >>> 0) % this.#capacity)];
    Atomics.store(this.#words, this.#base + HEAD, (head + 1) | 0); // now the producer may use the place again
    return value >>> 0;
  }
}
