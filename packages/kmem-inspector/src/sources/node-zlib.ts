/**
 * As much of Node's zlib as the readers of traces use, for a browser: the bundler puts it in the place of
 * `node:zlib`.
 */
import { Inflate, Unzlib } from "fflate";
import { pushInPieces, zstdUnpacker } from "./unpack.ts";

interface UnpackOptions {
  readonly maxOutputLength: number;
}

const POLYNOMIAL = 0xedb88320;
const BITS = 8;
const BYTE_MASK = 0xff;

const table: Uint32Array = Uint32Array.from({ length: BYTE_MASK + 1 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < BITS; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ POLYNOMIAL;
  return sum;
});

/** The CRC-32 of some bytes, after that of the bytes before them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let sum = ~before;
  for (const byte of bytes) sum = (sum >>> BITS) ^ table[(sum ^ byte) & BYTE_MASK]!;
  return ~sum >>> 0;
}

/** Unpacks raw deflate. Throws as soon as it is longer than allowed. */
export function inflateRawSync(bytes: Uint8Array, { maxOutputLength }: UnpackOptions): Uint8Array {
  return bounded(maxOutputLength, (take) => pushInPieces(new Inflate(take), bytes, true));
}

/** Unpacks deflate with zlib's header. Throws as soon as it is longer than allowed. */
export function inflateSync(bytes: Uint8Array, { maxOutputLength }: UnpackOptions): Uint8Array {
  return bounded(maxOutputLength, (take) => pushInPieces(new Unzlib(take), bytes, true));
}

/** A stream that unpacks Zstandard: each part is unpacked at once, when it is written. */
class ZstdStream {
  /** All that was unpacked has been handed on. */
  readonly readableLength = 0;
  readonly #listeners = new Map<string, (value: unknown) => void>();
  readonly #unpack = zstdUnpacker((piece) => this.#listeners.get("data")?.(piece as never));

  on(event: "data" | "error", listener: (value: never) => void): this {
    this.#listeners.set(event, listener as (value: unknown) => void);
    return this;
  }

  /** The stream is never closed by itself. */
  once(): this {
    return this;
  }

  off(): this {
    return this;
  }

  write(part: Uint8Array, done: () => void): void {
    try {
      this.#unpack(part.slice());
    } catch (error) {
      this.#listeners.get("error")?.(error);
    }
    done();
  }

  destroy(): void {
    this.#listeners.clear();
  }
}

/** A stream that unpacks Zstandard. */
export function createZstdDecompress(): ZstdStream {
  return new ZstdStream();
}

/** Unpacks Zstandard. Throws as soon as it is longer than allowed. */
export function zstdDecompressSync(bytes: Uint8Array, { maxOutputLength }: UnpackOptions): Uint8Array {
  return bounded(maxOutputLength, (take) => zstdUnpacker(take)(bytes, true));
}

/** Gathers what is unpacked, no more than allowed. */
function bounded(mostBytes: number, unpack: (take: (piece: Uint8Array) => void) => void): Uint8Array {
  const pieces: Uint8Array[] = [];
  let byteLength = 0;
  unpack((piece) => {
    byteLength += piece.length;
    if (byteLength > mostBytes) throw new Error("it is longer than it may be");
    pieces.push(piece.slice());
  });
  const whole = new Uint8Array(byteLength);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
