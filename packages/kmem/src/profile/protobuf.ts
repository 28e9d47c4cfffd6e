import { utf8Of } from "../memory/utf8.ts";

/** How the value of a field is written, as the low bits of its tag say. */
const WireType = { VARINT: 0, BYTES: 2 } as const;
const WIRE_TYPE_BITS = 3;

const VARINT_BITS = 7;
const VARINT_MORE = 0x80;
const VARINT_MASK = 0x7f;
/** Below this a number is a signed 32-bit one, which shifts can take apart. */
const SMALL_LIMIT = 2 ** 31;

const FIRST_CAPACITY_BYTES = 256;

/**
 * Writes one message of Protocol Buffers: the few kinds of fields that profiles have. Numbers are int64 or uint64;
 * negative ones take ten bytes, as the format has it. Fields with the value 0 are written too unless they are left out.
 */
export class ProtobufMessage {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_CAPACITY_BYTES);
  #length = 0;

  /** A number. Whole, and a `bigint` where it is beyond 2^53. */
  integer(field: number, value: number | bigint): this {
    this.#tag(field, WireType.VARINT);
    this.#varint(value);
    return this;
  }

  /** A repeated field of numbers, packed. */
  integers(field: number, values: readonly number[]): this {
    const packed = new ProtobufMessage();
    for (const value of values) packed.#varint(value);
    return this.message(field, packed);
  }

  /** A string, also an empty one. */
  text(field: number, text: string): this {
    return this.#lengthAndBytes(field, utf8Of(text));
  }

  /** A message within this one; it is copied. */
  message(field: number, message: ProtobufMessage): this {
    return this.#lengthAndBytes(field, message.#bytes.subarray(0, message.#length));
  }

  /** What has been written, as a copy. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #lengthAndBytes(field: number, bytes: Uint8Array): this {
    this.#tag(field, WireType.BYTES);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #tag(field: number, wireType: number): void {
    this.#varint((field << WIRE_TYPE_BITS) | wireType);
  }

  #varint(value: number | bigint): void {
    if (value < 0 || value >= SMALL_LIMIT) {
      this.#longVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    let rest = Number(value);
    while (rest > VARINT_MASK) {
      this.#byte((rest & VARINT_MASK) | VARINT_MORE);
      rest >>>= VARINT_BITS;
    }
    this.#byte(rest);
  }

  #longVarint(value: bigint): void {
    const mask = BigInt(VARINT_MASK);
    while (value > mask) {
      this.#byte(Number(value & mask) | VARINT_MORE);
      value >>= BigInt(VARINT_BITS);
    }
    this.#byte(Number(value));
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
