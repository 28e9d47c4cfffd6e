/**
 * The seal of a block of any size: its first word holds its size, its last whole word both the size and the address. A
 * block that another thread was given too, or wrote into, is not as it was sealed.
 */
const WORD_SHIFT = 2;
const MULTIPLIER = 0x9e3779b1;

/** The smallest block that has two words. */
export const LEAST_BLOCK_BYTES = 8;

export function sealBlock(words: Int32Array, address: number, sizeBytes: number): void {
  const first = address >>> WORD_SHIFT;
  words[first] = sizeBytes;
  words[first + (sizeBytes >>> WORD_SHIFT) - 1] = Math.imul(address ^ sizeBytes, MULTIPLIER);
}

export function isSealed(words: Int32Array, address: number, usableBytes: number): boolean {
  const first = address >>> WORD_SHIFT;
  const sizeBytes = words[first]!;
  if (sizeBytes < LEAST_BLOCK_BYTES || sizeBytes > usableBytes) return false;
  return words[first + (sizeBytes >>> WORD_SHIFT) - 1] === Math.imul(address ^ sizeBytes, MULTIPLIER);
}
