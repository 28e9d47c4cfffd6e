import { KmemError } from "../../memory/errors.ts";
import { utf8Of } from "../../memory/utf8.ts";

/** The longest that the LEB128 form of a number of 64 bits may be. */
const LEB64_BYTES = 10;
/** Made when it is first wanted: audio worklets, which may import this, have none. */
let strictDecoder: TextDecoder | undefined;

/** The refusal of bytes that are no module. `at` is an offset in them. */
export function badModule(what: string, at: number): KmemError {
  return new KmemError("BAD_MODULE", `this is no WebAssembly module: ${what}, at byte ${at}`, { at });
}

/**
 * Reads the forms of the binary format one after another, from a part of the bytes of a module. Every function throws
 * BAD_MODULE at the end of that part, and for numbers that are longer than the format allows.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get isDone(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    if (this.at >= this.end) throw badModule("it ends too early", this.at);
    return this.bytes[this.at++]!;
  }

  skip(count: number): void {
    if (count > this.end - this.at) throw badModule("it ends too early", this.at);
    this.at += count;
  }

  /** A number from 0 to 2^32 - 1. */
  u32(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    const start = this.at - 1;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) throw badModule("a number has more than 32 bits", start);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw badModule("a number has more than 32 bits", start);
  }

  /** A number from 0 to 2^64 - 1; above 2^53 it is not exact. */
  u64(): number {
    const start = this.at;
    let value = 0;
    for (let index = 0; index < LEB64_BYTES; index++) {
      const byte = this.byte();
      if (index === LEB64_BYTES - 1 && byte > 1) break;
      value += (byte & 0x7f) * 2 ** (index * 7);
      if (byte < 0x80) return value;
    }
    throw badModule("a number has more than 64 bits", start);
  }

  /** A number from -2^31 to 2^31 - 1. */
  s32(): number {
    const start = this.at;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && (byte & 0x80 || ((byte & 0x78) !== 0 && (byte & 0x78) !== 0x78))) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return shift < 28 && byte & 0x40 ? value | (-1 << (shift + 7)) : value;
    }
    throw badModule("a number has more than 32 bits", start);
  }

  /** A signed number of `bits`, as a number: not exact above 2^53. */
  signed(bits: 33 | 64): number {
    const start = this.at;
    const mostBytes = Math.ceil(bits / 7);
    let value = 0;
    for (let index = 0; index < mostBytes; index++) {
      const byte = this.byte();
      if (index === mostBytes - 1 && !endsInSign(byte, bits - index * 7)) break;
      value += (byte & 0x7f) * 2 ** (index * 7);
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** ((index + 1) * 7) : value;
    }
    throw badModule(`a number has more than ${bits} bits`, start);
  }

  /** How many items follow: each takes `leastBytes` or more, so that no number makes more than the bytes can hold. */
  count(leastBytes = 1): number {
    const start = this.at;
    const count = this.u32();
    if (count * leastBytes > this.end - this.at) throw badModule(`${count} items do not fit into what is left`, start);
    return count;
  }

  name(): string {
    const lengthBytes = this.count();
    const start = this.at;
    this.skip(lengthBytes);
    strictDecoder ??= new TextDecoder("utf-8", { fatal: true });
    try {
      return strictDecoder.decode(this.bytes.subarray(start, this.at));
    } catch {
      throw badModule("a name is no UTF-8", start);
    }
  }

  /** A reader of the next `count` bytes, which this one goes past. */
  part(count: number): ByteReader {
    const start = this.at;
    this.skip(count);
    return new ByteReader(this.bytes, start, this.at);
  }
}

/** Whether the last byte of a signed number continues nothing, and its bits above the `usedBits` repeat the sign. */
function endsInSign(byte: number, usedBits: number): boolean {
  const above = (byte & 0x7f) >> (usedBits - 1);
  return byte < 0x80 && (above === 0 || above === 0x7f >> (usedBits - 1));
}

/** Bytes of the shortest form of an unsigned number. */
export function lebBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++;
  return count;
}

/** Writes an unsigned number in as many bytes as it is told, or more where it needs more, and returns how many. */
export function putLeb(bytes: Uint8Array, at: number, value: number, leastBytes = 1): number {
  let rest = value;
  for (let count = 1; ; count++) {
    const low = rest % 0x80;
    rest = Math.floor(rest / 0x80);
    const isLast = rest === 0 && count >= leastBytes;
    bytes[at + count - 1] = isLast ? low : low + 0x80;
    if (isLast) return count;
  }
}

const SMALL_BYTES = 64;

/** Collects bytes. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `expectedBytes` are taken at once. */
  constructor(expectedBytes: number = SMALL_BYTES) {
    this.#bytes = new Uint8Array(expectedBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written: valid until more is written. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return start;
  }

  byte(...values: readonly number[]): void {
    const start = this.#reserve(values.length);
    this.#bytes.set(values, start);
  }

  /** One byte, in what is written most. */
  oneByte(value: number): void {
    const start = this.#reserve(1);
    this.#bytes[start] = value;
  }

  put(bytes: Uint8Array): void {
    const start = this.#reserve(bytes.length);
    this.#bytes.set(bytes, start);
  }

  u32(value: number, leastBytes = 1): void {
    if (value < 0x80 && leastBytes === 1) {
      this.oneByte(value);
      return;
    }
    const count = Math.max(leastBytes, lebBytes(value));
    const start = this.#reserve(count);
    putLeb(this.#bytes, start, value, count);
  }

  /** A number from -2^31 to 2^31 - 1; where the module has 64-bit addresses its form is the same. */
  s32(value: number): void {
    for (let rest = value; ; ) {
      const low = rest & 0x7f;
      rest >>= 7;
      const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.oneByte(isLast ? low : low | 0x80);
      if (isLast) return;
    }
  }

  name(text: string): void {
    const bytes = utf8Of(text);
    this.u32(bytes.length);
    this.put(bytes);
  }

  /** Bytes with their length before them. */
  sized(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.put(bytes);
  }
}
