import { type EventStream, NO_TIME } from "../trace/event-context.ts";
import type { OpSink } from "../trace/op-stream.ts";

const NS_PER_MS = 1e6;
/** Events from one look at the clock to the next. */
const CLOCK_EVERY = 256;

/** How a trace is played. */
export interface PlayOptions {
  /** Shows what is there: at most each `everyMs`, and whenever so much of it has gone by. */
  readonly show: () => void;
  readonly everyMs: number;
  /** Times as fast as it was recorded; undefined for as fast as it can be read. Without times in it it is the latter. */
  readonly speed: number | undefined;
  /** The clock; only tests bring one. */
  readonly clock?: PlayClock;
}

/** Tells the time, and lets it go by. */
export interface PlayClock {
  now(): number;
  sleep(ms: number): void;
}

const sleeper = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const SYSTEM_CLOCK: PlayClock = {
  now: () => performance.now(),
  sleep: (ms) => void Atomics.wait(sleeper, 0, 0, ms),
};

/** Hands operations on at the speed at which they were recorded, and has what came of them shown now and then. */
export class TracePlayer implements OpSink {
  readonly #sink: OpSink;
  readonly #stream: EventStream;
  readonly #options: PlayOptions;
  readonly #clock: PlayClock;
  #count = 0;
  #shownAtMs: number;
  #startMs = 0;
  #firstNs = NO_TIME;

  constructor(sink: OpSink, stream: EventStream, options: PlayOptions) {
    this.#sink = sink;
    this.#stream = stream;
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#shownAtMs = this.#clock.now();
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    this.#keepPace();
    this.#sink.op(code, log2Align, slot, size, aux);
    this.#count += 1;
    if (this.#count % CLOCK_EVERY === 0) this.#showIfDue();
  }

  #showIfDue(): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#shownAtMs < this.#options.everyMs) return;
    this.#shownAtMs = nowMs;
    this.#options.show();
  }

  /** Waits until it is the event's turn. */
  #keepPace(): void {
    const { speed } = this.#options;
    const { timeNs } = this.#stream.context;
    if (speed === undefined || timeNs === NO_TIME) return;
    if (this.#firstNs === NO_TIME) {
      this.#firstNs = timeNs;
      this.#startMs = this.#clock.now();
    }
    const dueMs = this.#startMs + (timeNs - this.#firstNs) / NS_PER_MS / speed;
    for (let leftMs = dueMs - this.#clock.now(); leftMs >= 1; leftMs = dueMs - this.#clock.now()) {
      this.#showIfDue();
      this.#clock.sleep(Math.min(leftMs, this.#options.everyMs));
    }
  }
}
