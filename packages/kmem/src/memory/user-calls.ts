import { KmemError } from "./errors.ts";
import type { LinearMemory } from "./memory.ts";

/** How deep a thread is in functions of the user's that a call of a heap has called: constructors, shrinkers, reports. */
export class UserCalls {
  readonly #memory: LinearMemory;
  #depth = 0;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  /** Calls a function of the user's. Throws DETACHED where that has transferred the memory away. */
  within<Result>(action: () => Result): Result {
    this.#depth++;
    try {
      return action();
    } finally {
      this.#depth--;
      this.#memory.refresh();
    }
  }

  /** Throws MUST_NOT_BLOCK within such a function: the call that has called it goes on with what it had found. */
  requireNone(action: string): void {
    if (this.#depth === 0) return;
    const text = `cannot ${action} within a constructor, destructor, shrinker or report: the heap's call is not over`;
    throw new KmemError("MUST_NOT_BLOCK", text, {});
  }
}
