const SEED_STEP = 0x9e3779b1;
const HALF_BITS = 16;

/** Where the random numbers of a thread begin; no two threads of a run begin alike. */
export function randomSeed(threadNumber: number): number {
  return Math.imul(threadNumber + 1, SEED_STEP);
}

/** Marsaglia's xorshift, on signed words: the same numbers here and in C. The state is the number. */
export function nextRandom(state: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}

/** A number below `limit`, which is 65536 at most, from the upper half of a random number: no division. */
export function below(random: number, limit: number): number {
  return Math.imul(random >>> HALF_BITS, limit) >>> HALF_BITS;
}
