/** One line of a text trace, or one event of a binary trace, that could not be used. */
export interface BrokenLine {
  /** Line number or event number; the first one is 1. */
  readonly position: number;
  readonly reason: string;
  /** What stood there, cut to a readable length. */
  readonly text: string;
}

/** All that a reader could not use: every one counted, the first few kept word for word. */
export interface BrokenReport {
  readonly count: number;
  readonly countByReason: Readonly<Record<string, number>>;
  readonly first: readonly BrokenLine[];
}

/** How many broken lines are kept in detail unless the caller says otherwise. */
export const DEFAULT_BROKEN_EXAMPLE_COUNT = 20;

/**
 * Collects the broken lines of one trace. Memory stays bounded however broken the input is, because reasons
 * come from a fixed set and only the first examples are kept.
 */
export class BrokenLog {
  readonly #exampleLimit: number;
  readonly #countByReason = new Map<string, number>();
  readonly #first: BrokenLine[] = [];
  #count = 0;

  constructor(exampleLimit: number = DEFAULT_BROKEN_EXAMPLE_COUNT) {
    this.#exampleLimit = exampleLimit;
  }

  /** Counts one broken line. `text` is called only when the line is among those kept in detail. */
  add(position: number, reason: string, text: () => string): void {
    this.#count += 1;
    this.#countByReason.set(reason, (this.#countByReason.get(reason) ?? 0) + 1);
    if (this.#first.length < this.#exampleLimit) {
      this.#first.push({ position, reason, text: text() });
    }
  }

  /** What has been collected so far, as a copy that later calls do not change. */
  report(): BrokenReport {
    return {
      count: this.#count,
      countByReason: Object.fromEntries(this.#countByReason),
      first: [...this.#first],
    };
  }
}
