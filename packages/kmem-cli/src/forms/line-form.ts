import { BlockMatcher, MAX_BLOCK_BYTES } from "../trace/block-matcher.ts";
import { type EventContext, NO_TIME, UNKNOWN_ID } from "../trace/event-context.ts";
import { latin1 } from "../trace/line-scan.ts";
import { type LineSink, LineSplitter } from "../trace/line-splitter.ts";
import type { OpTotals } from "../trace/op-stream.ts";
import type { ReaderSetting, TraceReader } from "../trace/trace-reader.ts";
import { type FormSummary, summarizeLive } from "../trace/trace-summary.ts";
import type { TraceTables } from "../trace/trace-tables.ts";
import { Word } from "./word64.ts";

/** What a line turned out to be: an event that has been handed on, a line that is none, or why it cannot be used. */
export type LineVerdict = typeof EVENT | typeof OTHER | string;
export const EVENT = 0;
export const OTHER = 1;

const EXAMPLE_LENGTH = 200;
const CUT_REASON = "the line is cut off by the end of the trace";
const LONG_REASON = "the line is too long";
export const SIZE_REASON = "the size is no number below 2^32";
export const ADDRESS_REASON = "the address cannot be read";

/** Reads traces of native programs that are text, a line for each call. */
export abstract class LineFormReader implements TraceReader, LineSink {
  /** The form's id. */
  protected abstract readonly form: string;
  protected readonly blocks: BlockMatcher;
  protected readonly context: EventContext;
  protected readonly tables: TraceTables;
  /** Two addresses for the events of this reader, filled again and again. */
  protected readonly address: Word = new Word();
  protected readonly other: Word = new Word();
  readonly #broken: ReaderSetting["broken"];
  readonly #splitter = new LineSplitter(this);
  readonly #events = new Map<string, number>();
  #lineCount = 0;
  #otherLineCount = 0;
  #isCut = false;
  readonly #has = { stacks: false, times: false, threads: false };

  constructor({ sink, stream, broken }: ReaderSetting) {
    this.blocks = new BlockMatcher(sink);
    this.context = stream.context;
    this.tables = stream.tables;
    this.#broken = broken;
  }

  get position(): number {
    return this.#lineCount;
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
  }

  end(isCut: boolean): void {
    this.#isCut = isCut;
    this.#splitter.end();
    this.finish();
  }

  line(bytes: Uint8Array, start: number, end: number, terminated: boolean): void {
    this.#lineCount += 1;
    const text = latin1(bytes, start, end);
    if (this.#isCut && !terminated) {
      this.reject(CUT_REASON, text);
      return;
    }
    const verdict = this.read(text);
    if (verdict === OTHER) this.#otherLineCount += 1;
    else if (verdict !== EVENT) this.reject(verdict, text);
  }

  overlongLine(bytes: Uint8Array, start: number, end: number): void {
    this.#lineCount += 1;
    this.reject(LONG_REASON, latin1(bytes, start, Math.min(end, start + EXAMPLE_LENGTH)));
  }

  totals(): OpTotals {
    return this.blocks.totals();
  }

  summarize(): FormSummary {
    return {
      format: "native",
      form: this.form,
      events: Object.fromEntries(this.#events),
      slotCount: this.totals().slotCount,
      live: summarizeLive(this.blocks.live),
      ...this.blocks.counts(),
      lineCount: this.#lineCount,
      otherLineCount: this.#otherLineCount,
      has: { ...this.#has },
    };
  }

  /** Takes one line. */
  protected abstract read(text: string): LineVerdict;

  /** Is called after the last line. */
  protected finish(): void {}

  /** Counts an event by its name, which is one of a fixed set, and notes what is known of it. */
  protected count(name: string): typeof EVENT {
    this.#events.set(name, (this.#events.get(name) ?? 0) + 1);
    const { context } = this;
    if (context.stack !== UNKNOWN_ID) this.#has.stacks = true;
    if (context.timeNs !== NO_TIME) this.#has.times = true;
    if (context.thread !== UNKNOWN_ID) this.#has.threads = true;
    return EVENT;
  }

  /** Counts a line that cannot be used; `reason` is one of a fixed set. */
  protected reject(reason: string, text: string): void {
    this.#broken.add(this.#lineCount, reason, () => {
      const shown = text.slice(0, EXAMPLE_LENGTH).replaceAll(/[^ -~]/g, ".");
      return text.length > EXAMPLE_LENGTH ? `${shown}…` : shown;
    });
  }
}

/** Whether a number is a size that operations can have. */
export function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_BLOCK_BYTES;
}
