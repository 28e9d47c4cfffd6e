/** The low bits of the word count who has arrived; the others count the meetings, and wrap. */
const ARRIVED_MASK = 0xff;
const ONE_MEETING: number = ARRIVED_MASK + 1;

/** How long a thread sleeps at a time before it asks whether it still has to wait. */
const BEAT_MS = 10;

/** The most threads that can meet. */
export const BARRIER_PARTIES_MAX: number = ARRIVED_MASK;

/** What a thread at the barrier does while it waits. */
export interface Waiting {
  /** Called at every beat; what it throws ends the wait. */
  readonly atBeat: () => void;
  /**
   * Whether there is something to do meanwhile. The thread then takes its arrival back, so that the barrier cannot
   * open while it works, does it, and arrives again.
   */
  readonly hasErrand?: () => boolean;
  readonly doErrand?: () => void;
}

/**
 * A place where a fixed number of threads wait for each other: one word in shared memory, which holds both the number
 * of the meeting and how many have come to it, so that an arrival can be taken back without harm to a later meeting.
 */
export class Barrier {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #word: number;
  readonly #parties: number;

  constructor(words: Int32Array<SharedArrayBuffer>, word: number, parties: number) {
    if (!(parties >= 1 && parties <= BARRIER_PARTIES_MAX)) throw new RangeError(`${parties} threads cannot meet`);
    this.#words = words;
    this.#word = word;
    this.#parties = parties;
  }

  /** Waits until all parties have come. Everything that they did before is then seen by all. */
  meet(waiting: Waiting): void {
    while (!this.#waitForAll(waiting)) waiting.doErrand?.();
  }

  /** Waits until all have come; false when it went away before, to do an errand. */
  #waitForAll({ atBeat, hasErrand }: Waiting): boolean {
    const meeting = this.#arrive();
    if (meeting === undefined) return true;
    while (this.#isAt(meeting)) {
      Atomics.wait(this.#words, this.#word, Atomics.load(this.#words, this.#word), BEAT_MS);
      atBeat();
      if (hasErrand?.() === true && this.#withdraw(meeting)) return false;
    }
    return true;
  }

  /** Counts the caller in. Returns the number of the meeting to wait for, or undefined when it was the last to come. */
  #arrive(): number | undefined {
    const found = Atomics.add(this.#words, this.#word, 1);
    const meeting = found & ~ARRIVED_MASK;
    if ((found & ARRIVED_MASK) + 1 < this.#parties) return meeting;
    Atomics.store(this.#words, this.#word, (meeting + ONE_MEETING) | 0);
    Atomics.notify(this.#words, this.#word);
    return undefined;
  }

  #isAt(meeting: number): boolean {
    return (Atomics.load(this.#words, this.#word) & ~ARRIVED_MASK) === meeting;
  }

  /** Takes the caller's arrival back; false when the meeting is over. */
  #withdraw(meeting: number): boolean {
    for (;;) {
      const found = Atomics.load(this.#words, this.#word);
      if ((found & ~ARRIVED_MASK) !== meeting || (found & ARRIVED_MASK) === this.#parties) return false;
      if (Atomics.compareExchange(this.#words, this.#word, found, found - 1) === found) return true;
    }
  }
}
