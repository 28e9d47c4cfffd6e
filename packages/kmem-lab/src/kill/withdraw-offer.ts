import { recordWord, type SharedWords, ThreadRecord } from "./shared-state.ts";

/** How often to look again, should a notification be missed. */
const LOOK_MS = 1;
/** A survivor that frees a block for so long has stalled, which the campaign finds out. */
const LIMIT_MS = 50_000;

/**
 * Takes back the block that a dead thread has offered, and waits until no survivor frees one that it had taken before:
 * from then on only the recovery touches the dead thread's blocks. Returns what was taken back.
 */
export function withdrawOffer(shared: SharedWords, thread: number, survivorCount: number): readonly number[] {
  const address = Atomics.exchange(shared, recordWord(thread, ThreadRecord.OFFERED), 0) >>> 0;
  const untilMs = performance.now() + LIMIT_MS;
  for (let survivor = 0; survivor < survivorCount; survivor++) {
    const word = recordWord(survivor, ThreadRecord.TAKING);
    const held = Atomics.load(shared, word);
    while (held !== 0 && Atomics.load(shared, word) === held && performance.now() < untilMs) {
      Atomics.wait(shared, word, held, LOOK_MS);
    }
  }
  return address === 0 ? [] : [address];
}
