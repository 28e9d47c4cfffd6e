import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { type Geometry, headerWord } from "../memory/header.ts";
import { Header } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { DeathDetector } from "./death-detector.ts";
import { SlotRecord } from "./layout.ts";
import type { LivenessBeacon } from "./liveness.ts";
import type { SlotTable } from "./slot.ts";
import { SlotSet } from "./slot-set.ts";
import type { WaitAsync } from "./wait-async.ts";

/** What a thread that waits is, and how it and others find out about each other. */
export interface WaitingThread {
  readonly slots: SlotTable;
  readonly slot: number;
  readonly beacon: LivenessBeacon;
  readonly deaths: DeathDetector;
}

/**
 * The queue of those who wait for memory. A waiter draws a ticket into its slot's record; the lowest ticket is served
 * first. A thread that frees memory raises FREED_EVENT while any thread waits, and wakes all; only the first tries.
 * That no wake-up is lost rests on the order: a waiter is in the set before it looks for memory the last time, and the
 * event is read before that; a thread that frees looks at the set after it has freed. One that dies in between has told
 * nobody: a waiter looks again from time to time. Waiters that are gone are passed over, and taken out of the queue.
 */
export class Waiters {
  readonly #memory: LinearMemory;
  readonly #slots: SlotTable;
  readonly #beacon: LivenessBeacon;
  readonly #deaths: DeathDetector;
  readonly #ticketWord: number;
  readonly #slot: number;
  /** The slots that wait. */
  readonly #waiting: SlotSet;
  readonly #eventWord: number;
  readonly #nextWord: number;
  readonly #pressureWord: number;
  /** Sleepers of this thread that do not block it. */
  readonly #sleepers = new Set<() => void>();
  #isTrying = false;

  constructor(memory: LinearMemory, geometry: Geometry, own: WaitingThread) {
    const { slots, slot, beacon, deaths } = own;
    this.#memory = memory;
    this.#slots = slots;
    this.#beacon = beacon;
    this.#deaths = deaths;
    this.#slot = slot;
    this.#ticketWord = slots.word(slot, SlotRecord.TICKET);
    this.#waiting = new SlotSet(memory, headerWord(geometry, Header.WAITERS), slots.count);
    this.#eventWord = headerWord(geometry, Header.FREED_EVENT);
    this.#nextWord = headerWord(geometry, Header.NEXT_TICKET);
    this.#pressureWord = headerWord(geometry, Header.PRESSURE);
  }

  /** Whether anybody waits for memory. Plain loads: see {@link isUnderPressure}. */
  get hasWaiters(): boolean {
    return !this.#waiting.isEmpty;
  }

  /**
   * Whether memory is so short that what is freed goes back at once instead of into caches. Plain loads, which cost a
   * tenth of atomic ones, and may be a moment late: a waiter looks again from time to time for what went past it.
   */
  get isUnderPressure(): boolean {
    return (this.#memory.words[this.#pressureWord] & 1) !== 0 || !this.#waiting.isEmpty;
  }

  /** Whether it matters how many pages are free: only to threads that share them, and until the shortage is over. */
  get tracksWatermarks(): boolean {
    return this.#slots.isShared || (this.#memory.words[this.#pressureWord] & 1) !== 0;
  }

  /** Says whether pages are short; under the pages' lock, and where {@link tracksWatermarks}. */
  setShort(isShort: boolean): void {
    const { words } = this.#memory;
    const wasShort = (words[this.#pressureWord] & 1) !== 0;
    if (isShort !== wasShort) Atomics.add(words, this.#pressureWord, 1);
  }

  /** Changes whenever somebody comes to wait, or pages become short: then every slot gives back what it holds. */
  get pressureEpoch(): number {
    const { words } = this.#memory;
    return (Atomics.load(words, this.#nextWord) + Atomics.load(words, this.#pressureWord)) | 0;
  }

  /** Tells those who wait, if any do, that memory has become free. Call it after the lock is released. */
  freed(): void {
    if (!this.#isTrying && this.hasWaiters) this.#announce();
  }

  /** Tries to allocate as a waiter: what this thread gives back on the way is news to nobody. */
  try(attempt: () => number): number {
    if (ASSERTIONS) assert(!this.#isTrying, "no attempt of a waiter begins within another one");
    this.#isTrying = true;
    try {
      return attempt();
    } finally {
      this.#isTrying = false;
    }
  }

  /**
   * Queues this slot up; one that waits already keeps its place. A waiter does so again each time that it looks: it may
   * have been taken for the thread that had the slot before it, and taken out.
   */
  enter(): void {
    this.#beacon.renew();
    this.#waiting.add(this.#slot);
    if (Atomics.load(this.#memory.words, this.#ticketWord) === 0) this.#draw();
  }

  /** Ends a wait; the next in the queue gets its chance. A slot with other waits draws another ticket. */
  leave(waitsOn: boolean): void {
    if (waitsOn) this.#draw();
    else this.forget(this.#slot);
    this.freed();
  }

  /** Takes a slot out of the queue: this one, or one whose thread is gone. */
  forget(slot: number): void {
    Atomics.store(this.#memory.words, this.#slots.word(slot, SlotRecord.TICKET), 0);
    this.#waiting.remove(slot);
  }

  /**
   * Whether no other thread has waited longer that is still there. Differences of tickets survive their wrapping.
   * O(slots).
   */
  get isFirst(): boolean {
    const { words } = this.#memory;
    const mine = Atomics.load(words, this.#ticketWord);
    for (let slot = 0; slot < this.#slots.count; slot++) {
      if (slot === this.#slot) continue;
      const other = Atomics.load(words, this.#slots.word(slot, SlotRecord.TICKET));
      if (other !== 0 && ((other - mine) | 0) < 0 && !this.#passOver(slot, other)) return false;
    }
    return true;
  }

  /** Whether nobody is there that could free anything while this thread waits: others have left, or are gone. */
  get isAlone(): boolean {
    if (!this.#memory.isShared || this.#slots.heldCount <= 1) return true;
    return this.#deaths.isAlone(this.#slot);
  }

  /**
   * Takes all who are gone out of the queue. For threads that do not wait themselves: while anybody is in it, memory
   * counts as short. O(slots).
   */
  sweep(): void {
    for (let slot = 0; slot < this.#waiting.limit; slot++) {
      if (slot === this.#slot || !this.#waiting.has(slot)) continue;
      const isSlot = slot < this.#slots.count;
      this.#passOver(slot, isSlot ? Atomics.load(this.#memory.words, this.#slots.word(slot, SlotRecord.TICKET)) : 0);
    }
  }

  /**
   * Takes a slot with that ticket out of the queue if nobody waits through it; false where somebody does. Should the
   * slot be another thread's by now, which waits: it draws another ticket when it next looks.
   */
  #passOver(slot: number, ticket: number): boolean {
    // A ticket is drawn when the slot is in the set: one without is a stray word.
    if (this.#waiting.has(slot) && !this.#deaths.isDeserted(slot)) return false;
    if (ticket !== 0) Atomics.compareExchange(this.#memory.words, this.#slots.word(slot, SlotRecord.TICKET), ticket, 0);
    this.#waiting.remove(slot);
    return true;
  }

  /** The event as it is now, for the two that sleep. */
  get event(): number {
    return Atomics.load(this.#memory.words, this.#eventWord);
  }

  /**
   * Sleeps until the event is another one, or the time is over. Throws MUST_NOT_BLOCK where the thread may not sleep: a
   * browser's main thread.
   */
  sleep(event: number, timeoutMs: number): void {
    try {
      Atomics.wait(this.#memory.words, this.#eventWord, event, timeoutMs);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new KmemError("MUST_NOT_BLOCK", "this thread must not sleep until memory is free; use allocAsync", {});
    }
  }

  /** As {@link sleep}, without blocking the thread. */
  async sleepAsync(event: number, timeoutMs: number): Promise<void> {
    const { waitAsync } = Atomics as unknown as { waitAsync?: WaitAsync };
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        resolve();
      };
      // A timer of our own: Node ends when nothing but a waitAsync is pending, and engines of 2024 have none.
      // Where the event has come already, it gives the thread's other work a turn.
      const timer = setTimeout(wake, this.event === event ? timeoutMs : 0);
      this.#sleepers.add(wake);
      if (!this.#memory.isShared || waitAsync === undefined) return;
      const { async, value } = waitAsync(this.#memory.words, this.#eventWord, event, timeoutMs);
      if (async) void Promise.resolve(value).then(wake);
    });
  }

  /** 0 means no ticket, also when the numbers wrap. */
  #draw(): void {
    const { words } = this.#memory;
    let ticket = 0;
    while (ticket === 0) ticket = Atomics.add(words, this.#nextWord, 1) + 1;
    Atomics.store(words, this.#ticketWord, ticket | 0);
  }

  #announce(): void {
    const { words } = this.#memory;
    Atomics.add(words, this.#eventWord, 1);
    if (this.#memory.isShared) Atomics.notify(words, this.#eventWord);
    for (const wake of this.#sleepers) wake();
  }
}
