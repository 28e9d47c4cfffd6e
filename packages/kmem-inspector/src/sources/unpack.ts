import { Gunzip } from "fflate";
import { Decompress } from "fzstd";
import type { ByteSource } from "./byte-source.ts";
import { ZstdFrames } from "./zstd-frames.ts";

/** How a file is packed. */
export type Packing = "none" | "gzip" | "zstd";

/** Bytes that are read from a packed file at a time. */
const PIECE_BYTES = 2 ** 20;
/** Bytes of deflate that are unpacked at a time: they come to no more than a thousand times as many. */
const DEFLATE_PIECE_BYTES = 2 ** 13;
/** No dump and no trace has been seen that packs to less than a hundredth; more is made to fill the memory. */
const RATIO_MAX = 1024;
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
  if (packing === "zstd") return zstdUnpacker(take);
  const unpacker = new Gunzip(take);
  return (piece, isLast) => pushInPieces(unpacker, piece, isLast);
}

/** Gives an unpacker of deflate little at a time, since it makes one array of all that it is given. */
export function pushInPieces(
  unpacker: { push(piece: Uint8Array, isLast: boolean): void },
  bytes: Uint8Array,
  isLast: boolean,
): void {
  for (let at = 0; at < bytes.length; at += DEFLATE_PIECE_BYTES) {
    const end = at + DEFLATE_PIECE_BYTES;
    unpacker.push(bytes.subarray(at, end), isLast && end >= bytes.length);
  }
}

/** Unpacks Zstandard part by part. What it returns throws for what is none, and for what would take too much memory. */
export function zstdUnpacker(take: (piece: Uint8Array) => void): (piece: Uint8Array, isLast?: boolean) => void {
  const frames = new ZstdFrames();
  const unpacker = new Decompress(take);
  return (piece, isLast) => {
    frames.follow(piece);
    unpacker.push(piece, isLast);
  };
}

/**
 * The unpacked bytes of a file, as one piece of memory. Where its first bytes say how many there are, no more are
 * unpacked.
 */
export function unpacked(source: ByteSource, lengthOf?: (head: Uint8Array) => number | undefined): Uint8Array {
  let whole: Uint8Array = new Uint8Array(0);
  let byteLength = 0;
  let knownBytes: number | undefined;
  unpack(source, (piece) => {
    if (byteLength === 0) knownBytes = lengthOf?.(piece);
    const end = byteLength + piece.length;
    if (knownBytes !== undefined && end > knownBytes) throw new Error("it unpacks to more than it says");
    if (end > whole.length) {
      const longer = new Uint8Array(Math.min(knownBytes ?? Number.POSITIVE_INFINITY, Math.max(end, 2 * whole.length)));
      longer.set(whole.subarray(0, byteLength));
      whole = longer;
    }
    whole.set(piece, byteLength);
    byteLength = end;
  });
  return whole.subarray(0, byteLength);
}
