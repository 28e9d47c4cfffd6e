import type { Runtime } from "./runtime/runtime.ts";
import { event } from "./runtime/steps.ts";

/** Stands for no place in the sources. */
const MEETING_SITE = -1;
const HELD = 1;
const BYTES_PER_THREAD = 8;

/** A barrier: virtual threads go on when all have come. It is a lock for each, which only that thread opens. */
export class Meeting {
  readonly memory: SharedArrayBuffer;
  readonly #runtime: Runtime;
  readonly #words: Int32Array;
  readonly #stride = BYTES_PER_THREAD / Int32Array.BYTES_PER_ELEMENT;
  readonly #threadCount: number;

  constructor(runtime: Runtime, threadCount: number) {
    this.#runtime = runtime;
    this.#threadCount = threadCount;
    this.memory = new SharedArrayBuffer(threadCount * BYTES_PER_THREAD);
    this.#words = new Int32Array(this.memory).fill(HELD);
  }

  *join(thread: number): Generator<unknown, void> {
    const words = this.#words;
    if (this.#runtime.unlock(words, thread * this.#stride, MEETING_SITE)) yield event;
    for (let other = 0; other < this.#threadCount; other++) {
      if (other === thread) continue;
      const word = other * this.#stride;
      // Taken and given back at once: others may wait for it too.
      if (this.#runtime.lock(words, word, HELD, MEETING_SITE)) yield event;
      if (this.#runtime.unlock(words, word, MEETING_SITE)) yield event;
    }
  }
}
