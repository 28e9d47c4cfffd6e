const SEED = 0x9e3779b9;
const TWO_TO_32 = 2 ** 32;

/** Marsaglia's xorshift: the same numbers everywhere, whole and below 2^32. */
function xorshift32(seed: number = SEED): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Numbers that loads are made of. */
export class Random {
  readonly #next: () => number = xorshift32();

  /** A whole number from `min` to `max`, each as likely as the others. */
  between(min: number, max: number): number {
    return min + (this.#next() % (max - min + 1));
  }

  /** A whole number from `min` to `max` of which the logarithm is evenly spread: each doubling is as likely. */
  logBetween(min: number, max: number): number {
    const share = this.#next() / TWO_TO_32;
    return Math.min(max, Math.floor(min * ((max + 1) / min) ** share));
  }
}
