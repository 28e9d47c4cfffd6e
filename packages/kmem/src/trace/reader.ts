import { describeValue, reading } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { TRACE_KIND_NAMES, type TraceKindValue, TraceWord } from "./layout.ts";
import { TraceRing } from "./ring.ts";

const TWO_TO_32 = 0x1_0000_0000;

/** One event of a ring. */
export interface TraceEvent {
  /** Its number among all events of the ring, from 0. */
  readonly number: number;
  /** What happened: one of {@link TraceKind}. */
  readonly kind: TraceKindValue;
  /** The slot of the thread that wrote it. */
  readonly slot: number;
  /** Microseconds since the ring was made. */
  readonly timeUs: number;
  /** Number of a call site, 0 where it is not known. */
  readonly callSite: number;
  /** Address of the block or of the first page; 0 when the allocation failed. */
  readonly ptr: number;
  /** Bytes that were asked for. */
  readonly bytesReq: number;
  /** Bytes of the block, or of the pages. */
  readonly bytesAlloc: number;
  /** A gfp_mask. */
  readonly gfp: number;
  /** The node that was asked for, -1 for any. */
  readonly node: number;
  /** Kind of the cache's frames, 0 where there is no cache. */
  readonly name: number;
}

/**
 * Reads a ring, from whatever thread, while others write to it; never waits for them and never holds them up. Each
 * event is shown at most once and whole. One whose writer was interrupted is passed over, and shown by a later `read`
 * once it is whole: its number says where it belongs. A reader that is 2^32 events late does not notice them.
 */
export class TraceReader {
  readonly #ring: TraceRing;
  /** Number of the next event that has not been looked at. */
  #next = 0;
  /** Numbers of events before that which were not whole yet, in their order. */
  #pending: number[] = [];
  #lostCount = 0;

  /** Begins with the oldest event that is there; those before it count as lost. */
  constructor(ring: TraceRing) {
    if (!reading("ring", ring, () => ring instanceof TraceRing)) {
      throw new KmemError("BAD_ARGUMENT", `a reader reads a TraceRing, not ${describeValue(ring)}`, {});
    }
    this.#ring = ring;
  }

  /** Events that were overwritten before they were read, or could not be written, as far as it is known now. */
  get lostCount(): number {
    return this.#lostCount;
  }

  /** Events that were begun and were not whole when they were looked at: they are read or lost later on. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** The events since the last read, in their order, at most `limit`. Throws BAD_ARGUMENT. O(events). */
  read(limit: number = Number.POSITIVE_INFINITY): TraceEvent[] {
    if (typeof limit !== "number" || !(limit >= 0)) {
      const text = `a number of events is no less than 0, not ${describeValue(limit)}`;
      throw new KmemError("BAD_ARGUMENT", text, { limit });
    }
    const { words: ring, capacity } = this.#ring;
    const end = this.#next + ((Atomics.load(ring.words, ring.nextWord) - (this.#next | 0)) >>> 0);
    const oldest = end - capacity;
    const events: TraceEvent[] = [];
    const pending = this.#pending;
    this.#pending = [];
    for (const number of pending) {
      if (number < oldest) this.#lostCount++;
      else if (events.length < limit) this.#look(number, events);
      else this.#pending.push(number);
    }
    if (this.#next < oldest) {
      this.#lostCount += oldest - this.#next;
      this.#next = oldest;
    }
    while (this.#next < end && events.length < limit) {
      this.#look(this.#next, events);
      this.#next++;
    }
    return events;
  }

  /** Adds an event to those that are read, to those that are lost, or to those that are still to be whole. */
  #look(number: number, events: TraceEvent[]): void {
    const ring = this.#ring.words;
    const ticket = number | 0;
    const at = ring.event(ticket);
    const stamp = Atomics.load(ring.words, at);
    if (stamp !== ring.stamp(ticket)) {
      if (ring.isLater(stamp, ticket)) this.#lostCount++;
      else this.#pending.push(number);
      return;
    }
    const event = this.#load(number, at);
    // Another STAMP by now: it was being overwritten. A kind that there is not: a stray write has hit it.
    const isWhole = Atomics.load(ring.words, at) === stamp && (TRACE_KIND_NAMES[event.kind] ?? "") !== "";
    if (isWhole) events.push(event);
    else this.#lostCount++;
  }

  /** The fields as they are now. Atomic loads, so that none is made before the STAMP's first, or after its second. */
  #load(number: number, at: number): TraceEvent {
    const { words } = this.#ring.words;
    const signed = (field: number): number => Atomics.load(words, at + field);
    const unsigned = (field: number): number => Atomics.load(words, at + field) >>> 0;
    return {
      number,
      kind: signed(TraceWord.KIND) as TraceKindValue,
      slot: signed(TraceWord.SLOT),
      timeUs: unsigned(TraceWord.TIME_LOW) + unsigned(TraceWord.TIME_HIGH) * TWO_TO_32,
      callSite: unsigned(TraceWord.CALL_SITE),
      ptr: unsigned(TraceWord.PTR),
      bytesReq: unsigned(TraceWord.BYTES_REQ),
      bytesAlloc: unsigned(TraceWord.BYTES_ALLOC),
      gfp: unsigned(TraceWord.GFP),
      node: signed(TraceWord.NODE),
      name: unsigned(TraceWord.NAME),
    };
  }
}
