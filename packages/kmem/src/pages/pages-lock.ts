import { ASSERTIONS } from "../memory/assert.ts";
import { type Geometry, headerWord } from "../memory/header.ts";
import { Header } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { assertHeld } from "../sync/lock-order.ts";
import type { SlotSync } from "../sync/slot-sync.ts";
import type { BuddyZone } from "./buddy.ts";
import type { FrameTable } from "./frames.ts";
import { canGrow } from "./growth.ts";
import { ZoneRecord } from "./layout.ts";

/** What a page allocator shared by threads needs of them; without it only one thread at a time may use it. */
export type PageSync = Pick<SlotSync, "slot" | "slots" | "locks" | "waiters">;

/** What the lock guards, as far as pressure follows from it. */
interface LockContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly frames: FrameTable;
  /** The zone whose watermarks count. */
  readonly zone: BuddyZone;
  readonly sync: PageSync | undefined;
}

/** The pages' lock: zones, free lists and growth, and the pressure that follows from the free frames. */
export class PagesLock {
  readonly #context: LockContext;
  readonly #sync: PageSync | undefined;
  readonly #word: number;

  constructor(context: LockContext) {
    this.#context = context;
    this.#sync = context.sync;
    this.#word = headerWord(context.geometry, Header.PAGES_LOCK);
  }

  acquire(): void {
    this.#sync?.locks.acquire(this.#word);
  }

  release(): void {
    this.#sync?.locks.release(this.#word);
  }

  /** Throws an assertion's error unless this thread holds the lock. */
  assertHeld(): void {
    if (this.#sync !== undefined) assertHeld(this.#sync.locks, this.#word, "the pages' lock");
  }

  /**
   * Begins memory pressure where there are no more free frames than LOW and memory cannot grow, and ends it above HIGH.
   * Under the lock, after each change of FREE_FRAMES.
   */
  updatePressure(): void {
    if (ASSERTIONS) this.assertHeld();
    if (this.#sync === undefined || !this.#sync.waiters.tracksWatermarks) return;
    const { memory, frames, zone } = this.#context;
    const { freeFrames } = zone;
    if (freeFrames > zone.get(ZoneRecord.HIGH)) this.#sync.waiters.setPressure(false);
    else if (freeFrames <= zone.get(ZoneRecord.LOW) && !canGrow(memory, frames)) this.#sync.waiters.setPressure(true);
  }
}
