import { Line, lineWord, type SharedWords } from "./board.ts";

/** A survivor looks up this often, should it be missed that its hands are empty. */
const LOOK_MS = 1;
/** A survivor that frees a block for so long stands still, which others find out. */
const LIMIT_MS = 50_000;

/**
 * Takes back what a dead thread has offered, and waits until no survivor frees what it had taken before: from then on
 * nobody but who reaps the thread touches its blocks. Returns what was taken back.
 */
export function withdrawGift(board: SharedWords, thread: number, survivorCount: number): readonly number[] {
  const address = Atomics.exchange(board, lineWord(thread, Line.GIFT), 0) >>> 0;
  const untilMs = performance.now() + LIMIT_MS;
  for (let survivor = 0; survivor < survivorCount; survivor++) {
    const hand = lineWord(survivor, Line.HAND_IN);
    const held = Atomics.load(board, hand);
    while (held !== 0 && Atomics.load(board, hand) === held && performance.now() < untilMs) {
      Atomics.wait(board, hand, held, LOOK_MS);
    }
  }
  return address === 0 ? [] : [address];
}
