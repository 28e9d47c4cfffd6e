/** Operations between two looks at the clock: few for the slowest allocators, many for the price of a look. */
export const OPS_PER_LOOK = 256;

/** How long a process may go on. */
export class TimeLimit {
  readonly #endMs: number;
  #isOver = false;

  /** @param limitMs from now on; undefined: as long as it takes. */
  constructor(limitMs: number | undefined) {
    this.#endMs = limitMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + limitMs;
  }

  /** Whether there is a limit at all. */
  get isSet(): boolean {
    return this.#endMs < Number.POSITIVE_INFINITY;
  }

  /** Whether the time was over when somebody last looked. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Looks at the clock. */
  look(): boolean {
    this.#isOver ||= this.isSet && performance.now() >= this.#endMs;
    return this.#isOver;
  }
}

/** What a result says of how much was done; nothing when everything was. */
export function coverage(doneCount: number, opCount: number): { readonly coveredShare?: number } {
  return doneCount < opCount ? { coveredShare: doneCount / opCount } : {};
}
