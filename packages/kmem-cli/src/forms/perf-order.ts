import type { KmemRecord } from "./kernel-records.ts";

/** Something that waits for its turn: an event, or a task's new name. */
export interface Waiting {
  /** Nanoseconds since the first. */
  readonly time: number;
  readonly cpu: number;
  readonly record: KmemRecord | undefined;
  /** Of a task that has another name from now on. */
  readonly pid: number;
  readonly comm: string;
}

/** What waits at the most; perf's buffers hold less, unless their file was made to fill a machine. */
const WAITING_MAX = 2 ** 19;

/**
 * Puts the records of all processors in the order of their times. perf writes them in rounds, each of which reads all
 * processors' buffers once: what comes in the next round is later than all that the round before this one has seen.
 */
export class PerfOrder {
  readonly #take: (waiting: Waiting) => void;
  #waiting: Waiting[] = [];
  #latest = Number.NEGATIVE_INFINITY;
  #limit = Number.NEGATIVE_INFINITY;

  constructor(take: (waiting: Waiting) => void) {
    this.#take = take;
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (waiting.time > this.#latest) this.#latest = waiting.time;
    if (this.#waiting.length < WAITING_MAX) return;
    this.#sort();
    this.#flush(this.#waiting[WAITING_MAX / 2]!.time);
  }

  /** Ends a round. */
  endRound(): void {
    this.#sort();
    this.#flush(this.#limit);
    this.#limit = this.#latest;
  }

  /** Hands on all that is left. */
  end(): void {
    this.#sort();
    this.#flush(Number.POSITIVE_INFINITY);
  }

  /** The sort leaves what has one time in the order of the file. */
  #sort(): void {
    this.#waiting.sort((a, b) => a.time - b.time);
  }

  /** Hands on what is not later than a time. */
  #flush(limit: number): void {
    const waiting = this.#waiting;
    let count = 0;
    while (count < waiting.length && waiting[count]!.time <= limit) {
      this.#take(waiting[count]!);
      count += 1;
    }
    if (count > 0) this.#waiting = waiting.slice(count);
  }
}
