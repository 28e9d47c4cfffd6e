import { crc32, deflateRawSync, inflateRawSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Random } from "../../../kmem/test/support/random.ts";
import { FILE_HEAD, FOOTER, PACKING, SECTION } from "../../src/forms/stored-layout.ts";
import { type Damage, joined } from "./mutate.ts";

/** One section in so many is damaged; the others stay as they are, so that a reader comes as far as it. */
const DAMAGED_EVERY = 3;
const HEAD_DAMAGED_EVERY = 8;

/**
 * A file in the project's own format with damaged sections whose checksums are right, so that what lies behind the
 * checksums is reached.
 */
export function resealed(file: Uint8Array, random: Random, damage: Damage): Uint8Array {
  const parts = [file.subarray(0, FILE_HEAD.BYTES)];
  const footerAt = file.length - FOOTER.BYTES;
  for (let at: number = FILE_HEAD.BYTES; at < footerAt; ) {
    const head = new DataView(file.buffer, file.byteOffset + at);
    const end = at + SECTION.BYTES + head.getUint32(SECTION.PACKED_BYTES, true);
    const section = file.subarray(at, end);
    parts.push(random.below(DAMAGED_EVERY) === 0 ? damaged(section, random, damage) : section);
    at = end;
  }
  return joined(...parts, file.subarray(footerAt));
}

function damaged(section: Uint8Array, random: Random, damage: Damage): Uint8Array {
  const head = section.slice(0, SECTION.BYTES);
  const packing = head[SECTION.PACKING]!;
  const plain = damage(plainOf(section.subarray(SECTION.BYTES), packing));
  const payload = packed(plain, packing);
  const view = new DataView(head.buffer);
  view.setUint32(SECTION.PACKED_BYTES, payload.length, true);
  view.setUint32(SECTION.PLAIN_BYTES, plain.length, true);
  if (random.below(HEAD_DAMAGED_EVERY) === 0) {
    head[SECTION.TYPE] = random.below(6);
    view.setUint32(SECTION.COUNT, random.below(2) === 0 ? random.below(1000) : 2 ** 32 - 1, true);
  }
  view.setUint32(SECTION.CHECKSUM, crc32(payload, crc32(head.subarray(0, SECTION.CHECKSUM))), true);
  return joined(head, payload);
}

function plainOf(payload: Uint8Array, packing: number): Uint8Array {
  if (packing === PACKING.NONE) return payload;
  return new Uint8Array(packing === PACKING.ZSTD ? zstdDecompressSync(payload) : inflateRawSync(payload));
}

function packed(plain: Uint8Array, packing: number): Uint8Array {
  if (packing === PACKING.NONE) return plain;
  return new Uint8Array(packing === PACKING.ZSTD ? zstdCompressSync(plain) : deflateRawSync(plain));
}
