/** The multiplier of 32-bit FNV-1a. */
const FNV_PRIME = 0x01000193;
const FNV_OFFSET_BASIS = 0x811c9dc5;
/** Brings the high bits down, where the next multiplication spreads them. */
const FOLD_BITS = 15;

/** Mixes one more word into a checksum, which begins as 0. Returns a signed 32-bit number. */
export function mix(sum: number, word: number): number {
  const mixed = Math.imul(sum ^ word ^ FNV_OFFSET_BASIS, FNV_PRIME);
  return mixed ^ (mixed >>> FOLD_BITS);
}
