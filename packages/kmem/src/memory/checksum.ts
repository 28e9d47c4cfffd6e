const FNV_OFFSET_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const WORD_BITS = 32;
const BYTE_BITS = 8;
const BYTE_MASK = 0xff;

/** FNV-1a over the bytes of some words, the lowest byte of each first: a signed word, as the tables hold it. */
export function checksumOf(words: Iterable<number>): number {
  let hash = FNV_OFFSET_BASIS;
  for (const word of words) {
    for (let shift = 0; shift < WORD_BITS; shift += BYTE_BITS) {
      hash = Math.imul(hash ^ ((word >>> shift) & BYTE_MASK), FNV_PRIME);
    }
  }
  return hash | 0;
}
