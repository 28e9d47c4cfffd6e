import type { LinearMemory } from "../memory/memory.ts";
import { bindCachePath, type CachePath, type FastPathContext } from "./fast-path.ts";

/** The fast path of all named caches of one slot, bound again when memory has grown. */
export class SlotCaches {
  path!: CachePath;
  readonly #context: FastPathContext;
  readonly #memory: LinearMemory;
  /** The views that `path` works on. */
  #boundWords!: Int32Array;

  constructor(context: FastPathContext) {
    this.#context = context;
    this.#memory = context.memory;
    this.#bind();
  }

  /** Binds the path to memory as it is now: the pages of a cache's sheaf may be among those that a growth added. */
  rebindGrown(): void {
    this.#memory.refresh();
    if (this.#boundWords !== this.#memory.words) this.#bind();
  }

  #bind(): void {
    this.path = bindCachePath(this.#context);
    this.#boundWords = this.#memory.words;
  }
}
