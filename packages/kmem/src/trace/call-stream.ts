import type { Layers } from "../kmalloc/layers.ts";
import { PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { OwnerMark, RunKind } from "../pages/layout.ts";
import { callLogPages, originIndex } from "./call-log.ts";
import {
  CALL_BATCH,
  CALL_CLOCK,
  CALL_KIND_MASK,
  CALL_LOG_HEADER_WORDS,
  CALL_LOG_MAGIC,
  CALL_LOG_MAX,
  CALL_LOG_MIN,
  CALL_MARGIN,
  CALL_SHIFT,
  CallLogWord,
  CallWord,
  TraceKind,
  type TraceKindValue,
} from "./layout.ts";

const TWO_TO_32 = 0x1_0000_0000;

/** A call that was read from a log. */
export interface LoggedCall {
  readonly kind: TraceKindValue;
  readonly ptr: number;
  /** Bytes that were asked for, or of a cache the kind of its frames. */
  readonly detail: number;
  /** What orders the calls of all logs; 0 where one thread works alone. */
  readonly ticket: number;
  /** Microseconds since the log was made, as of the last look at the clock. */
  readonly timeUs: number;
}

type StreamLayers = Pick<Layers, "memory" | "geometry" | "pages">;

/** Where the logs of a heap begin. O(frames). */
export function* findCallLogs(layers: StreamLayers): Generator<number> {
  const { geometry, pages } = layers;
  for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
    if (isCallLog(layers, frame)) yield frame * PAGE_SIZE;
  }
}

/** Whether a whole log begins at a frame. */
function isCallLog({ memory, pages: { frames } }: StreamLayers, frame: number): boolean {
  if (frames.kind(frame) !== RunKind.SYSTEM || frames.owner(frame) !== OwnerMark.TRACE_RING) return false;
  if (frame + frames.count(frame) > frames.endFrame) return false;
  const word = (frame * PAGE_SIZE) >>> WORD_SHIFT;
  const shift = memory.words[word + CallLogWord.SHIFT];
  const isSize = 2 ** shift >= CALL_LOG_MIN && 2 ** shift <= CALL_LOG_MAX;
  return (
    memory.words[word + CallLogWord.MAGIC] === CALL_LOG_MAGIC && isSize && frames.count(frame) === callLogPages(shift)
  );
}

/** Reads one log, from whatever thread, while its thread writes to it, and keeps what has not been handed on. */
export class CallStream {
  readonly address: number;
  /** The slot of the thread that wrote the log. */
  readonly slot: number;
  /** When the log was made: milliseconds since 1970. */
  readonly originMs: number;
  readonly #layers: StreamLayers;
  readonly #firstWord: number;
  readonly #nextWord: number;
  readonly #capacity: number;
  readonly #endByte: number;
  #position = 0;
  #timeUs = 0;
  #lostCount = 0;
  #calls: LoggedCall[] = [];
  #first = 0;

  constructor(layers: StreamLayers, address: number) {
    const { memory } = layers;
    const word = address >>> WORD_SHIFT;
    const shift = memory.words[word + CallLogWord.SHIFT];
    this.address = address;
    this.slot = memory.words[word + CallLogWord.SLOT];
    this.originMs = memory.doubles[originIndex(word)];
    this.#layers = layers;
    this.#firstWord = word + CALL_LOG_HEADER_WORDS;
    this.#nextWord = word + CallLogWord.NEXT;
    this.#capacity = 2 ** shift;
    this.#endByte = (this.#firstWord + (this.#capacity << CALL_SHIFT)) * WORD_BYTES;
  }

  /** Calls that were overwritten before they were read, as far as it is known now. */
  get lostCount(): number {
    return this.#lostCount;
  }

  /** The next call that has not been taken; undefined where there is none. */
  get head(): LoggedCall | undefined {
    return this.#calls[this.#first];
  }

  /** Takes the head. */
  take(): LoggedCall {
    const call = this.#calls[this.#first]!;
    this.#first++;
    return call;
  }

  /**
   * Reads what was published since the last time; with `isLast`, of a thread that writes no more, what it has written
   * besides. O(calls).
   */
  pull(isLast: boolean): void {
    this.#calls = this.#calls.slice(this.#first);
    this.#first = 0;
    if (!this.#isThere) return;
    const published = this.#position + this.#aheadOf(this.#position);
    const end = isLast ? this.#writtenEnd(published) : published;
    this.#passTo(Math.max(this.#position, published - this.#capacity + CALL_MARGIN));
    const copies = this.#copy(this.#position, end);
    // What the writer may have overwritten meanwhile is known only now.
    const safe = published + this.#aheadOf(published) - this.#capacity + CALL_MARGIN;
    const start = this.#position;
    this.#passTo(Math.min(end, Math.max(start, safe)));
    for (let number = this.#position; number < end; number++) this.#keep(copies, number - start, number);
    this.#position = end;
  }

  /** Whether the log has not been discarded, and its pages are not another one by now. */
  get #isThere(): boolean {
    if (!isCallLog(this.#layers, this.address / PAGE_SIZE)) return false;
    const { doubles } = this.#layers.memory;
    return doubles[originIndex(this.address >>> WORD_SHIFT)] === this.originMs;
  }

  /** Calls that are published from one on. */
  #aheadOf(number: number): number {
    const ahead = Atomics.load(this.#words, this.#nextWord) - (number | 0);
    // What was read of the last batch before it was published is ahead itself.
    return (ahead | 0) < 0 && (ahead | 0) >= -CALL_MARGIN ? 0 : ahead >>> 0;
  }

  /** The number up to where calls have been written that are not published. */
  #writtenEnd(published: number): number {
    const words = this.#words;
    let end = published;
    while (end < published + CALL_MARGIN && words[this.#wordOf(end) + CallWord.NUMBER] === ((end + 1) | 0)) end++;
    return end;
  }

  #wordOf(number: number): number {
    return this.#firstWord + ((number % this.#capacity) << CALL_SHIFT);
  }

  get #words(): Int32Array<ArrayBufferLike> {
    const { memory } = this.#layers;
    if (memory.words.length * WORD_BYTES < this.#endByte) {
      memory.refresh();
      memory.waitForLength(this.#endByte);
    }
    return memory.words;
  }

  /** Gives the calls before a number up; the times among them are no calls. */
  #passTo(number: number): void {
    const clocks = Math.ceil(number / CALL_BATCH) - Math.ceil(this.#position / CALL_BATCH);
    this.#lostCount += number - this.#position - clocks;
    this.#position = number;
  }

  #copy(start: number, end: number): Int32Array {
    const words = this.#words;
    const copies = new Int32Array((end - start) << CALL_SHIFT);
    for (let number = start; number < end; number++) {
      const at = this.#wordOf(number);
      copies.set(words.subarray(at, at + (1 << CALL_SHIFT)), (number - start) << CALL_SHIFT);
    }
    return copies;
  }

  #keep(copies: Int32Array, index: number, number: number): void {
    const at = index << CALL_SHIFT;
    const block = copies[at + CallWord.BLOCK];
    const detail = copies[at + CallWord.DETAIL] >>> 0;
    const ticket = copies[at + CallWord.TICKET] >>> 0;
    const kind = block & CALL_KIND_MASK;
    // Another number, or a kind that there is not: a stray write has hit it.
    if (copies[at + CallWord.NUMBER] !== ((number + 1) | 0) || kind > TraceKind.CACHE_FREE) this.#lostCount++;
    else if (kind === CALL_CLOCK) this.#timeUs = ticket + detail * TWO_TO_32;
    else {
      const ptr = (block & ~CALL_KIND_MASK) >>> 0;
      this.#calls.push({ kind: kind as TraceKindValue, ptr, detail, ticket, timeUs: this.#timeUs });
    }
  }
}
