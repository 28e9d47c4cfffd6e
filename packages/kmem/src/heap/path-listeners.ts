import type { FastPathContext } from "../slab/fast-path.ts";

/**
 * Is told what the heap's own fast path is bound to; undefined once it does not serve the heap's calls any more. For
 * copies of that path that are no JavaScript.
 */
export type PathListener = (context: FastPathContext | undefined) => void;

/** The listeners to the fast path of one heap. */
export class PathListeners {
  readonly #listeners: PathListener[] = [];
  readonly #contextOf: () => FastPathContext | undefined;

  constructor(contextOf: () => FastPathContext | undefined) {
    this.#contextOf = contextOf;
  }

  /** Adds one, and notifies it. */
  readonly subscribe = (listener: PathListener): void => {
    this.#listeners.push(listener);
    listener(this.#contextOf());
  };

  /** Tells all, after the path was bound or has ended. */
  notify(): void {
    for (const listener of this.#listeners) listener(this.#contextOf());
  }
}
