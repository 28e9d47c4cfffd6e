import { WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { FrameTable } from "./frames.ts";
import { FrameKind, GROUP_FRAMES, GROUP_SHIFT, GroupWord } from "./layout.ts";

/** Constants of the functions below once more, as constants of this module: see slab/fast-path.ts. */
const freeHead = FrameKind.FREE_HEAD;
const freeTail = FrameKind.FREE_TAIL;
const groupShift = GROUP_SHIFT;
const wordShift = WORD_SHIFT;
const wordBytes: number = WORD_BYTES;
const wordMask: number = WORD_BYTES - 1;
/** The kinds of free frames differ in the lowest bit alone. */
const freeMask = 0xfefefefe | 0;
const fourFree = 0x02020202;
const oneInEachByte = 0x01010101;
const highBits = 0x80808080 | 0;
const groupFrames: number = GROUP_FRAMES;
const known = GroupWord.KNOWN;
const endShift = GroupWord.END_SHIFT;
const longestShift = GroupWord.LONGEST_SHIFT;
const allFree: number = wordOfFree(GROUP_FRAMES);

/**
 * The summary of free stretches: a word for each group of frames, so that a search for the lowest stretch with room
 * looks at a word where it would look at 64 kinds. A word is worked out when a search comes by, and forgotten when some
 * frames of its group are taken or given back. Under the pages' lock.
 */
export class FreeGroups {
  readonly #frames: FrameTable;

  constructor(frames: FrameTable) {
    this.#frames = frames;
  }

  /** Notes that a stretch is being taken. What else lies in its first and its last group is forgotten. */
  taken(first: number, count: number): void {
    this.#note(first, count, known);
  }

  /** Notes that a stretch is being given back. */
  given(first: number, count: number): void {
    this.#note(first, count, allFree);
  }

  /** Forgets what was known of the groups that a stretch lies in. */
  forget(first: number, count: number): void {
    this.#note(first, count, 0);
  }

  #note(first: number, count: number, word: number): void {
    const { words } = this.#frames.memory;
    const bias = this.#frames.groupBias;
    const last = (first + count - 1) >>> groupShift;
    words[bias + (first >>> groupShift)] = 0;
    words[bias + last] = 0;
    for (let group = (first >>> groupShift) + 1; group < last; group++) words[bias + group] = word;
  }

  /** What lies free in the frames of one group from `base` to `end`; noted when that is the whole group. */
  word(base: number, end: number): number {
    const found = this.wordOf(base, end);
    if (end - base === groupFrames) this.#frames.memory.words[this.#frames.groupBias + (base >>> groupShift)] = found;
    return found;
  }

  /**
   * What the kinds say, noted nowhere. They are looked at four at a time where they lie so, and where none of the four
   * is free, or all are.
   */
  wordOf(base: number, end: number): number {
    const { bytes, words } = this.#frames.memory;
    const bias = this.#frames.kindBias;
    // A block that began in a group before is longer than a group, and aligned: it reaches to the end of this one.
    if (bytes[bias + base] === freeTail && (base & (groupFrames - 1)) === 0) return wordOfFree(end - base);
    const stop = bias + end;
    let atStart = -1;
    let longest = 0;
    let length = 0;
    for (let index = bias + base; index < stop; ) {
      if ((index & wordMask) === 0 && index + wordMask < stop) {
        const others = (words[index >>> wordShift] & freeMask) ^ fourFree;
        if (others === 0) {
          length += wordBytes;
          index += wordBytes;
          continue;
        }
        if (((others - oneInEachByte) & ~others & highBits) === 0) {
          if (atStart < 0) atStart = length;
          if (length > longest) longest = length;
          length = 0;
          index += wordBytes;
          continue;
        }
      }
      const kind = bytes[index];
      if (kind === freeHead || kind === freeTail) length++;
      else {
        if (atStart < 0) atStart = length;
        if (length > longest) longest = length;
        length = 0;
      }
      index++;
    }
    if (atStart < 0) atStart = length;
    if (length > longest) longest = length;
    return known | atStart | (length << endShift) | (longest << longestShift);
  }
}

function wordOfFree(count: number): number {
  return GroupWord.KNOWN | count | (count << GroupWord.END_SHIFT) | (count << GroupWord.LONGEST_SHIFT);
}
