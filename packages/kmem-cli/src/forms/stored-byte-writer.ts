const INITIAL_BYTES = 4096;
const LOW_BITS = 7;
const LOW_MASK = 0x7f;
const MORE = 0x80;
const SHIFT_LIMIT = 2 ** 31;
const BASE = 128;

/** Bytes that grow as they are written to. */
export class ByteWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What has been written, as a view that the next write may leave behind. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  bytes(values: Uint8Array): void {
    if (this.#length + values.length > this.#bytes.length) this.#grow(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** A whole number from 0 below 2^53: seven bits in each byte, the lowest first; the top bit says that more follow. */
  varint(value: number): void {
    let rest = value;
    while (rest >= SHIFT_LIMIT) {
      this.byte((rest % BASE) | MORE);
      rest = Math.floor(rest / BASE);
    }
    while (rest >= BASE) {
      this.byte((rest & LOW_MASK) | MORE);
      rest >>>= LOW_BITS;
    }
    this.byte(rest);
  }

  /** A whole number of any sign: 0, -1, 1, -2 … as 0, 1, 2, 3 …. */
  signed(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** A text: its length in bytes, and its bytes. */
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.varint(bytes.length);
    this.bytes(bytes);
  }

  #grow(moreBytes: number): void {
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + moreBytes));
    grown.set(this.written);
    this.#bytes = grown;
  }
}
