const FNV_OFFSET_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const WORD_BITS = 32;
const BYTE_BITS = 8;
const BYTE_MASK = 0xff;

/**
 * FNV-1a over the bytes of some words, the lowest byte of each first: a signed word, as the tables hold it. `before` is
 * the checksum of words that come before them.
 */
export function checksumOf(words: Iterable<number>, before: number = FNV_OFFSET_BASIS): number {
  let hash = before;
  for (const word of words) {
    for (let shift = 0; shift < WORD_BITS; shift += BYTE_BITS) {
      hash = Math.imul(hash ^ ((word >>> shift) & BYTE_MASK), FNV_PRIME);
    }
  }
  return hash | 0;
}

/** 1 / FNV_PRIME, modulo 2^32. */
const FNV_INVERSE = 0x359c449b;

/** A byte of some words that is to be another. */
export interface ByteChange {
  /** Its number among the bytes of the words, the lowest of each first. */
  readonly index: number;
  readonly value: number;
}

/**
 * The first byte of some words such that another value of it gives them a checksum, and that value; undefined where no
 * single byte does. Each step of the hash can be undone, so none is tried. O(words).
 */
export function byteForChecksum(words: readonly number[], checksum: number): ByteChange | undefined {
  const bytes = words.flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & BYTE_MASK));
  // What the hash must be before each byte, if those from there on are right.
  const wanted = new Int32Array(bytes.length + 1);
  wanted[bytes.length] = checksum;
  for (let index = bytes.length - 1; index >= 0; index--) {
    wanted[index] = Math.imul(wanted[index + 1], FNV_INVERSE) ^ bytes[index];
  }
  let hash = FNV_OFFSET_BASIS;
  for (const [index, byte] of bytes.entries()) {
    const value = (Math.imul(wanted[index + 1], FNV_INVERSE) ^ hash) >>> 0;
    if (value <= BYTE_MASK) return { index, value };
    hash = Math.imul(hash ^ byte, FNV_PRIME);
  }
  return undefined;
}
