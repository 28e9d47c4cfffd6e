// Locks, right and wrong, to try the explorer on.

/** The lib of 2024 does not have it. */
const { pause } = Atomics as typeof Atomics & { pause(): void };

const FREE = 0;
const HELD = 1;
const WAITED = 2;

/** A lock with three states, as Drepper's third mutex. */
export function acquire(words: Int32Array, word: number): void {
  if (Atomics.compareExchange(words, word, FREE, HELD) === FREE) return;
  while (Atomics.exchange(words, word, WAITED) !== FREE) Atomics.wait(words, word, WAITED);
}

export function release(words: Int32Array, word: number): void {
  if (Atomics.exchange(words, word, FREE) === WAITED) Atomics.notify(words, word, 1);
}

/** Wrong: a thread that has slept takes the lock as if nobody slept any more. */
export function acquireForgetful(words: Int32Array, word: number): void {
  for (;;) {
    const found = Atomics.compareExchange(words, word, FREE, HELD);
    if (found === FREE) return;
    if (found === WAITED || Atomics.compareExchange(words, word, HELD, WAITED) === HELD) {
      Atomics.wait(words, word, WAITED);
    }
  }
}

/** Wrong: looks and takes in two steps. */
export function acquireInTwoSteps(words: Int32Array, word: number): void {
  while (words[word] !== FREE) pause();
  words[word] = HELD;
}

/** Spins until the lock is free, and never sleeps. */
export function acquireSpinning(words: Int32Array, word: number): void {
  while (Atomics.compareExchange(words, word, FREE, HELD) !== FREE) pause();
}

/** The work under a lock: two accesses that nobody may come between. */
export function work(words: Int32Array, counter: number): void {
  words[counter]++;
}

type Lock = (words: Int32Array, word: number) => void;

/** Works under a lock. */
export function workUnder(lock: Lock, words: Int32Array, word: number, counter: number): void {
  lock(words, word);
  work(words, counter);
  release(words, word);
}

/** Takes one lock inside the other. */
export function nest(words: Int32Array, outer: number, inner: number, counter: number): void {
  acquire(words, outer);
  acquire(words, inner);
  work(words, counter);
  release(words, inner);
  release(words, outer);
}

/** Sleeps while the word is 0, at most so long; answers with what woke it. */
export function sleepWhileZero(words: Int32Array, word: number, timeoutMs: number): string {
  return Atomics.wait(words, word, 0, timeoutMs);
}

/** Tells sleepers of a change that it makes: `isLate` wakes them before it makes it. */
export function announce(words: Int32Array, word: number, isLate: boolean): void {
  if (isLate) Atomics.notify(words, word);
  Atomics.store(words, word, 1);
  if (!isLate) Atomics.notify(words, word);
}
