import { inflateSync, zstdDecompressSync } from "node:zlib";
import { TraceFormatError } from "../trace/trace-error.ts";

/** How the sections of a file are packed. */
export type Packing = "none" | "zstd" | "zlib";

/** No file has been seen that packs to less than a hundredth; what unpacks to much more is made to fill a machine. */
const PACKED_RATIO_MAX = 4096;
/** Up to here nobody asks. */
const UNPACKED_FREE_BYTES = 2 ** 28;

/** The packing that a file names. */
export function packingOf(name: string): Packing {
  if (name === "none" || name === "zstd" || name === "zlib") return name;
  throw new TraceFormatError(`it is packed with ${name.replaceAll(/[^ -~]/g, ".")}, and only zstd and zlib are read`);
}

/** Counts what a file unpacks to, and refuses one that was made to unpack to any amount. */
export class UnpackedTally {
  #packedBytes = 0;
  #unpackedBytes = 0;

  add(packedBytes: number, unpackedBytes: number): void {
    this.#packedBytes += packedBytes;
    this.#unpackedBytes += unpackedBytes;
    if (this.#unpackedBytes > UNPACKED_FREE_BYTES && this.#unpackedBytes > this.#packedBytes * PACKED_RATIO_MAX) {
      throw new TraceFormatError(`it unpacks to more than ${PACKED_RATIO_MAX} times its size, which no trace does`);
    }
  }
}

/** Unpacks bytes that come to a size which is known; undefined where they do not. */
export function unpack(packing: Packing, bytes: Uint8Array, sizeBytes: number): Uint8Array | undefined {
  if (sizeBytes === 0 || packing === "none") return undefined;
  try {
    const options = { maxOutputLength: sizeBytes };
    const unpacked = packing === "zstd" ? zstdDecompressSync(bytes, options) : inflateSync(bytes, options);
    if (unpacked.length !== sizeBytes) return undefined;
    return new Uint8Array(unpacked.buffer, unpacked.byteOffset, unpacked.length);
  } catch {
    return undefined;
  }
}
