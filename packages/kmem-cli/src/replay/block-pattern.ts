const SLOT_MULTIPLIER = 0x85ebca6b;
const SIZE_MULTIPLIER = 0xc2b2ae35;
const WORD_STEP = 0x9e3779b1;
const WORD_BYTES = 4;
const BITS_PER_BYTE = 8;
const BYTE_MASK = 0xff;

/** A byte of a block that is not what was written there. */
export interface WrongByte {
  readonly offset: number;
  readonly expected: number;
  readonly actual: number;
}

/**
 * Fills blocks with what depends on the slot, the size and the place in the block, and finds out later whether it is
 * all there still. So a block that overlaps another shows, and one that was moved wrongly, too.
 */
export class BlockPattern {
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;

  constructor(buffer: ArrayBufferLike) {
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / WORD_BYTES));
  }

  /** Whether all of a block is inside the memory. */
  holds(address: number, sizeBytes: number): boolean {
    return address + sizeBytes <= this.#bytes.length;
  }

  /** Fills a block; its address is a multiple of a word. */
  fill(address: number, sizeBytes: number, seed: number): void {
    const wholeWords = Math.floor(sizeBytes / WORD_BYTES);
    const firstWord = address / WORD_BYTES;
    for (let index = 0; index < wholeWords; index += 1) this.#words[firstWord + index] = patternWord(seed, index);
    for (let offset = wholeWords * WORD_BYTES; offset < sizeBytes; offset += 1) {
      this.#bytes[address + offset] = patternByte(seed, offset);
    }
  }

  /** The first wrong byte among those from `start` to `end` (both a multiple of a word, or `end` the end). */
  findWrong(address: number, start: number, end: number, seed: number): WrongByte | undefined {
    const endWord = Math.floor(end / WORD_BYTES);
    const firstWord = address / WORD_BYTES;
    let offset = start;
    for (let index = start / WORD_BYTES; index < endWord; index += 1, offset += WORD_BYTES) {
      if (this.#words[firstWord + index] !== patternWord(seed, index)) break;
    }
    for (; offset < end; offset += 1) {
      const actual = this.#bytes[address + offset]!;
      const expected = patternByte(seed, offset);
      if (actual !== expected) return { offset, expected, actual };
    }
    return undefined;
  }

  /** The first byte of a block that is not zero. */
  findNonZero(address: number, sizeBytes: number): WrongByte | undefined {
    const end = address + sizeBytes;
    for (let at = address; at < end; at += 1) {
      const actual = this.#bytes[at]!;
      if (actual !== 0) return { offset: at - address, expected: 0, actual };
    }
    return undefined;
  }
}

/** What the pattern of a block is made from. */
export function patternSeed(slot: number, sizeBytes: number): number {
  return Math.imul(slot + 1, SLOT_MULTIPLIER) ^ Math.imul(sizeBytes + 1, SIZE_MULTIPLIER);
}

function patternWord(seed: number, index: number): number {
  return (seed + Math.imul(index, WORD_STEP)) >>> 0;
}

/** The pattern as bytes, in the order in which words lie in memory. */
function patternByte(seed: number, offset: number): number {
  const word = patternWord(seed, Math.floor(offset / WORD_BYTES));
  return (word >>> ((offset % WORD_BYTES) * BITS_PER_BYTE)) & BYTE_MASK;
}
