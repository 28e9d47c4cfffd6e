/** Runs functions of the user's one after the other, whatever each throws, and throws the first error at the end. */
export class FirstError {
  #isCaught = false;
  #error: unknown;

  run(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!this.#isCaught) this.#error = error;
      this.#isCaught = true;
    }
  }

  /** Throws the first error that was caught, if any. */
  rethrow(): void {
    if (this.#isCaught) throw this.#error;
  }
}

/** Runs an action for each item, whatever it throws for others, and throws the first error at the end. */
export function forAll<Item>(items: readonly Item[], action: (item: Item) => void): void {
  const errors = new FirstError();
  for (const item of items) errors.run(() => action(item));
  errors.rethrow();
}
