/**
 * The shared memory of a campaign's threads, beside the heap. All words are read and written atomically, in program
 * order, so that what a thread has written when it dies is what it had done by then.
 *
 *      word 0     STOP               1 when survivors are to end
 *      word 1     PAUSE              odd while the survivors are to pause
 *      word 2     PAUSED             survivors that pause
 *      word 3     BUG_REPORTS        counts the reports of heaps that find bugs
 *      word 4     FINISHING          survivors that have stopped working
 *      word 16    EXCHANGE           blocks that any thread may take; 0 for an empty place
 *      then a record for each thread:
 *                 PROGRESS           counts its operations
 *                 OPERATION          the operation that it is in: an index of OPERATIONS
 *                 START              it begins when this is 1
 *                 READY              1 as soon as the thread could begin
 *                 PUTTING            a block in flight: on its way into the exchange, or 0
 *                 TAKING             a block in flight: on its way out of the exchange, or 0
 *                 ALLOCATION_COUNT   the allocations that it holds: see allocation-list.ts
 *                 OFFERED            a block of its own that any survivor may free, or 0
 */
export const SharedState = { STOP: 0, PAUSE: 1, PAUSED: 2, BUG_REPORTS: 3, FINISHING: 4, EXCHANGE: 16 } as const;
export const EXCHANGE_COUNT = 64;

const FIRST_RECORD: number = SharedState.EXCHANGE + EXCHANGE_COUNT;

/** The words of a thread's record. */
export const ThreadRecord = {
  PROGRESS: 0,
  OPERATION: 1,
  START: 2,
  READY: 3,
  PUTTING: 4,
  TAKING: 5,
  ALLOCATION_COUNT: 6,
  OFFERED: 7,
  /** Two words for each allocation: its address, and its pages or 0. */
  ALLOCATIONS: 8,
} as const;

/** Allocations that a thread's record has room for. */
export const ALLOCATIONS_MAX = 320;
export const ALLOCATION_WORDS = 2;
const RECORD_WORDS: number = ThreadRecord.ALLOCATIONS + ALLOCATIONS_MAX * ALLOCATION_WORDS;

export type SharedWords = Int32Array<SharedArrayBuffer>;

/** Index of a word of a thread's record. */
export function recordWord(thread: number, word: number): number {
  return FIRST_RECORD + thread * RECORD_WORDS + word;
}

export function createSharedState(threadCount: number): SharedWords {
  return new Int32Array(new SharedArrayBuffer(recordWord(threadCount, 0) * Int32Array.BYTES_PER_ELEMENT));
}

/** Lets a thread begin. */
export function startThread(shared: SharedWords, thread: number): void {
  Atomics.store(shared, recordWord(thread, ThreadRecord.START), 1);
  Atomics.notify(shared, recordWord(thread, ThreadRecord.START));
}

/** Zeroes a record for the next thread that gets it. */
export function clearRecord(shared: SharedWords, thread: number): void {
  shared.fill(0, recordWord(thread, 0), recordWord(thread + 1, 0));
}

/** The blocks in the exchange. */
export function exchangedBlocks(shared: SharedWords): number[] {
  const places = Array.from({ length: EXCHANGE_COUNT }, (_, place) => SharedState.EXCHANGE + place);
  return places.map((word) => Atomics.load(shared, word) >>> 0).filter((address) => address !== 0);
}

/** The blocks that threads have offered and nobody has taken. */
export function offeredBlocks(shared: SharedWords, threads: readonly number[]): number[] {
  const words = threads.map((thread) => recordWord(thread, ThreadRecord.OFFERED));
  return words.map((word) => Atomics.load(shared, word) >>> 0).filter((address) => address !== 0);
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
