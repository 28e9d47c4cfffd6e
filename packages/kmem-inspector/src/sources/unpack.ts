import { Gunzip } from "fflate";
import { Decompress } from "fzstd";
import type { ByteSource } from "./byte-source.ts";

/** How a file is packed. */
export type Packing = "none" | "gzip" | "zstd";

/** Bytes that are read from a packed file at a time. */
const PIECE_BYTES = 2 ** 20;
/** No dump and no trace has been seen that packs to less than a hundredth; more is made to fill the memory. */
const RATIO_MAX = 4096;
/** Up to here nobody asks. */
const FREE_BYTES = 2 ** 26;
/** The longest that is unpacked: what an array can have. */
const UNPACKED_BYTES_MAX = 2 ** 32;

const GZIP_MAGIC = 0x8b1f;
const ZSTD_MAGIC = 0xfd2fb528;
const MAGIC_BYTES = 4;

/** How a file is packed, by its first bytes. */
export function packingOf(source: ByteSource): Packing {
  if (source.byteLength < MAGIC_BYTES) return "none";
  const head = source.read(0, MAGIC_BYTES);
  const view = new DataView(head.buffer, head.byteOffset, MAGIC_BYTES);
  if (view.getUint16(0, true) === GZIP_MAGIC) return "gzip";
  return view.getUint32(0, true) === ZSTD_MAGIC ? "zstd" : "none";
}

/** Hands on the unpacked bytes of a file in pieces, each of which is valid until the next one. */
export function unpack(source: ByteSource, take: (piece: Uint8Array) => void): void {
  const packing = packingOf(source);
  let unpackedBytes = 0;
  const bounded = (piece: Uint8Array): void => {
    unpackedBytes += piece.length;
    const isTooMuch = unpackedBytes > FREE_BYTES && unpackedBytes > source.byteLength * RATIO_MAX;
    if (isTooMuch || unpackedBytes > UNPACKED_BYTES_MAX) throw new Error("it unpacks to more than can be true");
    take(piece);
  };
  const feed = unpackerFor(packing, bounded);
  for (let at = 0; at < source.byteLength; at += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, source.byteLength - at);
    feed(source.read(at, length), at + length === source.byteLength);
  }
}

function unpackerFor(
  packing: Packing,
  take: (piece: Uint8Array) => void,
): (piece: Uint8Array, isLast: boolean) => void {
  if (packing === "none") return take;
  const unpacker = packing === "gzip" ? new Gunzip(take) : new Decompress(take);
  return (piece, isLast) => unpacker.push(piece, isLast);
}

/** The unpacked bytes of a file, as one piece of memory. */
export function unpacked(source: ByteSource): Uint8Array {
  const pieces: Uint8Array[] = [];
  let byteLength = 0;
  unpack(source, (piece) => {
    pieces.push(piece.slice());
    byteLength += piece.length;
  });
  const whole = new Uint8Array(byteLength);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
