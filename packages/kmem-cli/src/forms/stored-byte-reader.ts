import { TraceFormatError } from "../trace/trace-error.ts";
import { NAME_BYTES_MAX } from "./stored-layout.ts";

const LOW_MASK = 0x7f;
const MORE = 0x80;
const FAST_BITS = 28;
const LOW_BITS = 7;
const BASE = 128;

/** Reads what a ByteWriter has written; what is not there is a TraceFormatError. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  /** For bytes start … end - 1. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) throw new TraceFormatError("a column ends too early");
    const value = this.#bytes[this.#at]!;
    this.#at += 1;
    return value;
  }

  varint(): number {
    let byte = this.byte();
    if (byte < MORE) return byte;
    let value = byte & LOW_MASK;
    let shift = LOW_BITS;
    for (; byte >= MORE && shift < FAST_BITS; shift += LOW_BITS) {
      byte = this.byte();
      value |= (byte & LOW_MASK) << shift;
    }
    if (byte < MORE) return value;
    for (let factor = 2 ** FAST_BITS; byte >= MORE; factor *= BASE) {
      byte = this.byte();
      value += (byte & LOW_MASK) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new TraceFormatError("a number has more than 53 bits");
    }
    return value;
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string {
    const length = this.varint();
    if (length > NAME_BYTES_MAX || length > this.#end - this.#at) throw new TraceFormatError("a name is too long");
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return text;
  }
}
