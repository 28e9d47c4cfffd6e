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
