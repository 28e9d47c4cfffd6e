/**
 * What the threads of a killing tell each other, beside the heap: words that all of them share. All are read and
 * written atomically, in program order, so that what a thread has written when it dies is what it had done by then.
 *
 *      word 0     STOP        1 when survivors are to end
 *      word 1     REST        odd while the survivors are to rest
 *      word 2     RESTING     survivors that rest
 *      word 3     BUGS        what heaps have reported that find bugs
 *      word 4     ENDING      survivors that end
 *      word 16    EXCHANGE    blocks for whoever takes them, 0 where there is none
 *      then a line for each thread:
 *                 PROGRESS    counts its operations
 *                 OPERATION   what it is at: an index of OPERATIONS
 *                 GATE        it begins when this is 1
 *                 READY       1 as soon as the thread could begin
 *                 HAND_OUT    a block that it is about to put into the exchange, or 0
 *                 HAND_IN     a block that it is about to take out of there, or 0
 *                 HELD_COUNT  the pieces that it holds: see ledger.ts
 *                 GIFT        a block of its own that any survivor may free, or 0
 */
export const Board = { STOP: 0, REST: 1, RESTING: 2, BUGS: 3, ENDING: 4, EXCHANGE: 16 } as const;
export const EXCHANGE_COUNT = 64;

const FIRST_LINE: number = Board.EXCHANGE + EXCHANGE_COUNT;

/** The words of a thread's line. */
export const Line = {
  PROGRESS: 0,
  OPERATION: 1,
  GATE: 2,
  READY: 3,
  HAND_OUT: 4,
  HAND_IN: 5,
  HELD_COUNT: 6,
  GIFT: 7,
  /** Two words for each piece: its address, and its pages or 0. */
  HELD: 8,
} as const;

/** Pieces that a thread's line has room for. */
export const HELD_LIMIT = 320;
export const PIECE_WORDS = 2;
const LINE_WORDS: number = Line.HELD + HELD_LIMIT * PIECE_WORDS;

export type SharedWords = Int32Array<SharedArrayBuffer>;

/** Index of a word of a thread's line. */
export function lineWord(thread: number, word: number): number {
  return FIRST_LINE + thread * LINE_WORDS + word;
}

export function createBoard(threadCount: number): SharedWords {
  return new Int32Array(new SharedArrayBuffer(lineWord(threadCount, 0) * Int32Array.BYTES_PER_ELEMENT));
}

/** Lets a thread begin. */
export function openGate(board: SharedWords, thread: number): void {
  Atomics.store(board, lineWord(thread, Line.GATE), 1);
  Atomics.notify(board, lineWord(thread, Line.GATE));
}

/** Makes a line as it was at first, for the next thread that gets it. */
export function clearLine(board: SharedWords, thread: number): void {
  board.fill(0, lineWord(thread, 0), lineWord(thread + 1, 0));
}

/** The blocks in the exchange. */
export function exchanged(board: SharedWords): number[] {
  const places = Array.from({ length: EXCHANGE_COUNT }, (_, place) => Board.EXCHANGE + place);
  return places.map((word) => Atomics.load(board, word) >>> 0).filter((address) => address !== 0);
}

/** The gifts of threads that nobody has taken. */
export function gifts(board: SharedWords, threads: readonly number[]): number[] {
  const words = threads.map((thread) => lineWord(thread, Line.GIFT));
  return words.map((word) => Atomics.load(board, word) >>> 0).filter((address) => address !== 0);
}

/** What a thread may die in. */
export const OPERATIONS = [
  "starting",
  "attach",
  "small alloc",
  "large alloc",
  "free",
  "free of another's",
  "realloc",
  "aligned alloc",
  "page alloc",
  "partial page free",
  "cache alloc and free",
  "transfer",
  "trim",
  "detach",
  "detached",
] as const;
export type OperationName = (typeof OPERATIONS)[number];
