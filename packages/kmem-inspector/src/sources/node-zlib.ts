/**
 * As much of Node's zlib as the readers of traces use, for a browser: the bundler puts it in the place of
 * `node:zlib`.
 */
import { inflateSync as inflate, unzlibSync } from "fflate";
import { Decompress, decompress } from "fzstd";

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

/** Unpacks raw deflate. Throws where it is longer than allowed. */
export function inflateRawSync(bytes: Uint8Array, { maxOutputLength }: UnpackOptions): Uint8Array {
  return bounded(inflate(bytes, { out: new Uint8Array(maxOutputLength) }), maxOutputLength);
}

/** Unpacks deflate with zlib's header. Throws where it is longer than allowed. */
export function inflateSync(bytes: Uint8Array, { maxOutputLength }: UnpackOptions): Uint8Array {
  return bounded(unzlibSync(bytes, { out: new Uint8Array(maxOutputLength) }), maxOutputLength);
}

/** A stream that unpacks Zstandard: each part is unpacked at once, when it is written. */
class ZstdStream {
  /** All that was unpacked has been handed on. */
  readonly readableLength = 0;
  readonly #listeners = new Map<string, (value: unknown) => void>();
  readonly #unpacker = new Decompress((piece) => this.#listeners.get("data")?.(piece));

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
      this.#unpacker.push(part.slice());
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

/** Unpacks Zstandard. Throws where it is longer than allowed. */
export function zstdDecompressSync(bytes: Uint8Array, { maxOutputLength }: UnpackOptions): Uint8Array {
  return bounded(decompress(bytes), maxOutputLength);
}

function bounded(bytes: Uint8Array, mostBytes: number): Uint8Array {
  if (bytes.length > mostBytes) throw new Error("it is longer than it may be");
  return bytes;
}
