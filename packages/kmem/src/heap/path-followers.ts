import type { FastPathContext } from "../slab/fast-path.ts";

/**
 * Is told what the heap's own fast path is bound to; undefined once it does not serve the heap's calls any more. For
 * copies of that path that are no JavaScript.
 */
export type PathFollower = (context: FastPathContext | undefined) => void;

/** Who follows the fast path of one heap. */
export class Followers {
  readonly #followers: PathFollower[] = [];
  readonly #contextOf: () => FastPathContext | undefined;

  constructor(contextOf: () => FastPathContext | undefined) {
    this.#contextOf = contextOf;
  }

  /** Adds one, and tells it. */
  readonly follow = (follower: PathFollower): void => {
    this.#followers.push(follower);
    follower(this.#contextOf());
  };

  /** Tells all, after the path was bound or has ended. */
  tell(): void {
    for (const follower of this.#followers) follower(this.#contextOf());
  }
}
