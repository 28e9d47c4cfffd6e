import type { ByteSource } from "../trace/byte-source.ts";
import { latin1 } from "../trace/line-scan.ts";
import { TraceFormatError } from "../trace/trace-error.ts";

const WINDOW_BYTES = 16_384;
const TWO_TO_32 = 2 ** 32;
const U16_BYTES = 2;
const U32_BYTES = 4;
const U64_BYTES = 8;
const CUT = "it ends in the middle of its header";

/** Reads the small fields of a file one after another; what is not there is a TraceFormatError. */
export class SourceCursor {
  readonly #source: ByteSource;
  readonly #end: number;
  readonly #window = new Uint8Array(WINDOW_BYTES);
  readonly #view = new DataView(this.#window.buffer);
  #windowStart = 0;
  #windowEnd = 0;
  offset: number;
  /** Whether the file's numbers begin with their low byte. */
  littleEndian: boolean;

  /** For bytes offset … end - 1. */
  constructor(source: ByteSource, littleEndian: boolean, offset = 0, end: number = source.sizeBytes) {
    this.#source = source;
    this.littleEndian = littleEndian;
    this.offset = offset;
    this.#end = Math.min(end, source.sizeBytes);
  }

  get leftBytes(): number {
    return this.#end - this.offset;
  }

  u8(): number {
    return this.#window[this.#take(1)]!;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(U16_BYTES), this.littleEndian);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(U32_BYTES), this.littleEndian);
  }

  /** A number of 64 bits; from 2^53 on it is not exact, which no size or offset in a file comes to. */
  u64(): number {
    const at = this.#take(U64_BYTES);
    const first = this.#view.getUint32(at, this.littleEndian);
    const second = this.#view.getUint32(at + U32_BYTES, this.littleEndian);
    return this.littleEndian ? second * TWO_TO_32 + first : first * TWO_TO_32 + second;
  }

  /** The next bytes, of which there may be so many at the most. */
  bytes(count: number, maxBytes: number, what: string): Uint8Array {
    if (count > maxBytes) throw new TraceFormatError(`${what} would have ${count} bytes, which is too much`);
    if (count > this.leftBytes) throw new TraceFormatError(CUT);
    const bytes = new Uint8Array(count);
    if (this.#source.read(this.offset, bytes) < count) throw new TraceFormatError(CUT);
    this.offset += count;
    return bytes;
  }

  /** Text that ends with a byte of 0. */
  text(maxBytes: number): string {
    const start = this.offset;
    let length = 0;
    while (this.u8() !== 0) {
      length += 1;
      if (length > maxBytes) throw new TraceFormatError("a name in its header is too long");
    }
    this.offset = start;
    const bytes = this.bytes(length + 1, maxBytes + 1, "a name");
    return latin1(bytes, 0, length);
  }

  skip(count: number): void {
    if (count > this.leftBytes) throw new TraceFormatError(CUT);
    this.offset += count;
  }

  /** Takes so many bytes into the window, and answers where they are in it. */
  #take(count: number): number {
    const at = this.offset;
    if (at < 0 || at + count > this.#end) throw new TraceFormatError(CUT);
    if (at < this.#windowStart || at + count > this.#windowEnd) {
      this.#windowStart = at;
      this.#windowEnd = at + this.#source.read(at, this.#window);
      if (at + count > this.#windowEnd) throw new TraceFormatError(CUT);
    }
    this.offset = at + count;
    return at - this.#windowStart;
  }
}
