import { RING_WORDS } from "./list-ring.ts";

/**
 * The words that the threads of a run share beside the heap. Those up to RESET hold from one phase to the next; the
 * others are zeroed before each phase. Everything that two threads write often lies in a cache line of its own.
 *
 *      PHASE      raised by one to start a phase
 *      AMOUNT     how much each thread is to do in it
 *      IS_LAST    1 in the last phase
 *      TURNS      by lane: threads of the lane that have done their phase, over all phases
 *      FINISHED   threads that have come to the end of mstress
 *      OBJECTS    by lane: the block that cache-scratch hands to each thread
 *      EXCHANGE   blocks that the threads of mstress swap
 *      ARRAYS     by lane: the blocks that a thread of larson leaves to its successor
 *      RINGS      by lane: lists of blocks for that lane
 */
const LINE_WORDS = 16;
const WORD_BYTES = 4;

/** Threads side by side at the most. */
export const LANES_MAX = 32;
/** Slots of the exchange. */
export const EXCHANGE_SLOTS = 1000;
/** Blocks in an array of larson. */
export const LARSON_BLOCKS = 5000;

export const PHASE = 0;
export const AMOUNT: number = LINE_WORDS;
export const IS_LAST: number = AMOUNT + 1;
const TURNS: number = 2 * LINE_WORDS;
const RESET: number = TURNS + LANES_MAX * LINE_WORDS;
export const FINISHED: number = RESET;
const OBJECTS: number = RESET + LINE_WORDS;
export const EXCHANGE: number = OBJECTS + LANES_MAX * LINE_WORDS;
const ARRAYS: number = EXCHANGE + Math.ceil(EXCHANGE_SLOTS / LINE_WORDS) * LINE_WORDS;
const RINGS: number = ARRAYS + LANES_MAX * LARSON_BLOCKS;

/** Makes the words for so many lanes. */
export function createShared(laneCount: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer((RINGS + laneCount * RING_WORDS) * WORD_BYTES));
}

/** Makes the words ready for a phase. */
export function resetShared(shared: Int32Array): void {
  shared.fill(0, RESET);
}

export function turnWord(lane: number): number {
  return TURNS + lane * LINE_WORDS;
}

export function objectWord(lane: number): number {
  return OBJECTS + lane * LINE_WORDS;
}

export function arrayStart(lane: number): number {
  return ARRAYS + lane * LARSON_BLOCKS;
}

export function ringStart(lane: number): number {
  return RINGS + lane * RING_WORDS;
}
