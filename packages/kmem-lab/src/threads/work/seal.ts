/**
 * The seal of a block: its first word holds its size and a stamp, its last word the complement of the first. Freeing
 * breaks the seal. So of two threads that were given the same block the one that frees later finds it out, and so does
 * a thread into whose block another one wrote at either end.
 *
 *      first word   31 … 16 stamp   15 … 0 size in bytes      last word   ~first
 */
const SIZE_MASK = 0xffff;
const STAMP_STEP = 0x10000;
const STAMP_MULTIPLIER = 0x85ebca6b;
const WORD_SHIFT = 2;
const WORD_BYTES = 4;

/** The smallest block that has two words. */
export const LEAST_SEALED_BYTES = 8;

/** The stamp that a thread's first block gets. */
export function firstStamp(threadNumber: number): number {
  return Math.imul(threadNumber + 1, STAMP_MULTIPLIER) & ~SIZE_MASK;
}

/** The stamp of a thread's next block. */
export function nextStamp(stamp: number): number {
  return (stamp + STAMP_STEP) | 0;
}

/** Seals a block of {@link LEAST_SEALED_BYTES} to 65535 bytes. */
export function seal(words: Int32Array, address: number, sizeBytes: number, stamp: number): void {
  const label = stamp | sizeBytes;
  words[address >>> WORD_SHIFT] = label;
  words[(address + sizeBytes - WORD_BYTES) >>> WORD_SHIFT] = ~label;
}

/** Breaks the seal of a block that is about to be freed; answers 1 when it was not whole, else 0. */
export function breakSeal(words: Int32Array, address: number): number {
  const first = address >>> WORD_SHIFT;
  const label = words[first]!;
  const sizeBytes = label & SIZE_MASK;
  const last = (address + sizeBytes - WORD_BYTES) >>> WORD_SHIFT;
  const isWhole = sizeBytes >= LEAST_SEALED_BYTES && words[last] === ~label;
  words[first] = 0;
  return isWhole ? 0 : 1;
}
