/** The least that a process is given: less would do nothing but start. */
const PROCESS_MS_MIN = 250;
/** Of what there is for the first round and the accounts, a process gets no more than its share divided by this. */
const FIRST_ROUND_DIVISOR = 2;

/** How long a replay may go on: the first round of each contender always takes place, cut where it is slow. */
export class TimeBudget {
  readonly #endMs: number;
  readonly #budgetMs: number;
  readonly #now: () => number;

  /** @param now the clock, in milliseconds; only tests bring one. */
  constructor(budgetMs: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#budgetMs = budgetMs;
    this.#endMs = now() + budgetMs;
  }

  get leftMs(): number {
    return this.#endMs - this.#now();
  }

  now(): number {
    return this.#now();
  }

  /** A part of what is left, as a budget of its own. */
  part(share: number): TimeBudget {
    return new TimeBudget(Math.max(0, this.leftMs * share), this.#now);
  }

  /** How long a process of one of `processCount` may go on. */
  processLimitMs(processCount: number): number {
    return Math.max(PROCESS_MS_MIN, this.#budgetMs / processCount / FIRST_ROUND_DIVISOR);
  }

  /**
   * Which of the costs in milliseconds, by index, there is time for together: the most expensive are cut first.
   */
  affordable(costsMs: readonly number[]): Set<number> {
    const byCost = costsMs.map((costMs, index) => ({ costMs, index })).sort((a, b) => a.costMs - b.costMs);
    const chosen = new Set<number>();
    let sumMs = 0;
    for (const { costMs, index } of byCost) {
      sumMs += costMs;
      if (sumMs > this.leftMs) break;
      chosen.add(index);
    }
    return chosen;
  }
}
