import { WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { TRACE_BUSY, TRACE_EVENT_SHIFT, TRACE_HEADER_WORDS, TRACE_NONE, TraceHeader } from "./layout.ts";

/** Constants of the functions below once more, as constants of this module: see slab/fast-path.ts. */
const eventShift = TRACE_EVENT_SHIFT;
const busy = TRACE_BUSY;
const none = TRACE_NONE;

/** Words of a ring of 2^shift events. */
export function ringWordCount(shift: number): number {
  return TRACE_HEADER_WORDS + (1 << (shift + TRACE_EVENT_SHIFT));
}

/** Where the words of a ring are, and what its stamps mean; for those who write events and those who read them. */
export class RingWords {
  /** log2 of the places. */
  readonly shift: number;
  /** Index in `words` of NEXT. */
  readonly nextWord: number;
  readonly #memory: LinearMemory;
  readonly #firstEvent: number;
  readonly #endWord: number;
  readonly #placeMask: number;

  constructor(memory: LinearMemory, address: number, shift: number) {
    const word = address >>> WORD_SHIFT;
    this.shift = shift;
    this.nextWord = word + TraceHeader.NEXT;
    this.#memory = memory;
    this.#firstEvent = word + TRACE_HEADER_WORDS;
    this.#endWord = word + ringWordCount(shift);
    this.#placeMask = (1 << shift) - 1;
  }

  /** A view that has all of the ring: growth of memory that is not shared ends views. */
  get words(): Int32Array<ArrayBufferLike> {
    if (this.#memory.words.length < this.#endWord) {
      this.#memory.refresh();
      this.#memory.waitForLength(this.#endWord * WORD_BYTES);
    }
    return this.#memory.words;
  }

  /** Index in `words` of the event of a ticket. */
  event(ticket: number): number {
    return this.#firstEvent + ((ticket & this.#placeMask) << eventShift);
  }

  /** STAMP of the whole event of a ticket. */
  stamp(ticket: number): number {
    return (ticket >>> this.shift) + 1;
  }

  /** Whether a STAMP in the place of a ticket says that a later event than that ticket's is in it. */
  isLater(stamp: number, ticket: number): boolean {
    if (stamp === none || (stamp & busy) !== 0) return false;
    const found = ((stamp - 1) << this.shift) | (ticket & this.#placeMask);
    // Tickets wrap at 2^32: the shorter way around says which one is later.
    return ((found - ticket) | 0) > 0;
  }
}
