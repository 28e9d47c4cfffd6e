import { awaitChange, awaitFull, giveList, isFree, isFull, listStart, releasePlace, turnOf } from "./list-ring.ts";
import { ringStart } from "./shared-state.ts";
import type { WorkThread } from "./work.ts";

/** A lane's way of giving lists of blocks to the next lane, and of freeing those of the one before. */
export class HandOver {
  readonly #thread: WorkThread;
  readonly #to: number;
  readonly #from: number;
  #givenCount = 0;
  #takenCount = 0;

  constructor(thread: WorkThread) {
    this.#thread = thread;
    this.#to = ringStart((thread.lane + 1) % thread.laneCount);
    this.#from = ringStart(thread.lane);
  }

  /**
   * Where the next list to give begins in the shared words; waits for room. A thread that waits takes what has come
   * for it, so that no circle of lanes stalls.
   */
  awaitRoom(): number {
    const { shared } = this.#thread;
    for (;;) {
      const seen = turnOf(shared, this.#to, this.#givenCount);
      if (isFree(shared, this.#to, this.#givenCount)) return listStart(this.#to, this.#givenCount);
      if (isFull(shared, this.#from, this.#takenCount)) this.takeAll();
      else awaitChange(shared, this.#to, this.#givenCount, seen);
    }
  }

  /** Gives the list that {@link awaitRoom} made room for. */
  give(count: number): void {
    giveList(this.#thread.shared, this.#to, this.#givenCount, count);
    this.#givenCount += 1;
  }

  /** Frees the blocks of all lists that are there. */
  takeAll(): void {
    while (isFull(this.#thread.shared, this.#from, this.#takenCount)) this.#take();
  }

  /** Frees what is still to come: every lane gives as many lists as every other. */
  end(): void {
    while (this.#takenCount < this.#givenCount) {
      awaitFull(this.#thread.shared, this.#from, this.#takenCount);
      this.#take();
    }
  }

  #take(): void {
    releasePlace(this.#thread, this.#from, this.#takenCount);
    this.#takenCount += 1;
  }
}
