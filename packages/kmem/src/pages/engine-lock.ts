import { type Geometry, headerWord } from "../memory/header.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { assertHeld } from "../sync/lock-order.ts";
import type { SlotSync } from "../sync/slot-sync.ts";
import type { PageAllocator } from "./page-allocator.ts";

/** What an engine stands on that keeps its records in pages of its own: a memory, its pages, and the thread's locks. */
export interface EngineContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly sync: Pick<SlotSync, "locks" | "slot">;
}

/**
 * The lock of such an engine. Its holder sees every page that there is: records may lie in pages that another
 * thread has just grown the memory by, and a view that is too short would read nothing there and lose what is written.
 */
export class EngineLock {
  readonly #memory: LinearMemory;
  readonly #pages: PageAllocator;
  readonly #locks: SlotSync["locks"];
  readonly #word: number;
  readonly #repair: () => void;

  /**
   * `field` is the lock's word in the header; `repair` makes whole what it guards after its holder has died. It comes
   * from whom the lock is of, so that a program without such an engine has nothing of that repair.
   */
  constructor(context: EngineContext, field: number, repair: (context: EngineContext) => void) {
    const { memory, geometry, pages, sync } = context;
    this.#repair = () => {
      this.refreshViews();
      repair(context);
    };
    this.#memory = memory;
    this.#pages = pages;
    this.#locks = sync.locks;
    this.#word = headerWord(geometry, field);
  }

  acquire(): void {
    this.#locks.acquire(this.#word, this.#repair);
    this.refreshViews();
  }

  release(): void {
    this.#locks.release(this.#word);
  }

  /** In test builds: the thread holds the lock. */
  assertHeld(): void {
    assertHeld(this.#locks, this.#word, "the engine's lock");
  }

  /** Does something under the lock. What runs often acquires and releases, without a function made each time. */
  within<Result>(work: () => Result): Result {
    this.acquire();
    try {
      return work();
    } finally {
      this.release();
    }
  }

  /** Makes the views as long as the memory is: for those who read while all other threads are at rest. */
  refreshViews(): void {
    this.#memory.refresh();
    this.#memory.waitForLength(this.#pages.frames.endFrame * PAGE_SIZE);
  }
}
