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

/** A thread that may wait for memory: its slot, and the means by which threads detect each other's death. */
export interface WaitingThread {
  readonly slots: SlotTable;
  readonly slot: number;
  readonly beacon: LivenessBeacon;
  readonly deaths: DeathDetector;
}

/**
 * The queue of threads that wait for memory. A waiter draws a ticket into its slot's record; the lowest ticket is
 * served first. A thread that frees memory increments FREED_EVENT if any thread waits, and wakes all waiters; only the
 * first one retries. No wake-up is lost, because of the order of steps: a waiter enters the set and reads the event
 * before its last attempt to allocate, and a thread that frees reads the set after freeing. A thread that dies between
 * these two steps wakes nobody, so waiters also retry periodically. Waiters that are dead are skipped and removed from
 * the queue.
 */
export class Waiters {
  readonly #memory: LinearMemory;
  readonly #slots: SlotTable;
  readonly #beacon: LivenessBeacon;
  readonly #deaths: DeathDetector;
  readonly #ticketWord: number;
  readonly #slot: number;
  /** The slots whose threads wait. */
  readonly #waiting: SlotSet;
  readonly #eventWord: number;
  readonly #nextWord: number;
  readonly #pressureWord: number;
  /** Wake-up functions of this thread's asynchronous waits, which do not block it. */
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

  /** Whether any thread waits for memory. Plain loads: see {@link isUnderPressure}. */
  get hasWaiters(): boolean {
    return !this.#waiting.isEmpty;
  }

  /**
   * Whether memory is so short that freed blocks bypass the caches. Plain loads, which cost a tenth of atomic ones, so
   * the answer may be slightly out of date: a waiter retries periodically in case a freed block went into a cache.
   */
  get isUnderPressure(): boolean {
    return (this.#memory.words[this.#pressureWord] & 1) !== 0 || !this.#waiting.isEmpty;
  }

  /** Whether the count of free pages matters: only while several slots are taken, or until a shortage has ended. */
  get tracksWatermarks(): boolean {
    return this.#slots.hasSeveral || (this.#memory.words[this.#pressureWord] & 1) !== 0;
  }

  /** Records whether pages are short. Under the pages' lock, and only while {@link tracksWatermarks} is true. */
  setPressure(isShort: boolean): void {
    const { words } = this.#memory;
    const wasShort = (words[this.#pressureWord] & 1) !== 0;
    if (isShort !== wasShort) Atomics.add(words, this.#pressureWord, 1);
  }

  /**
   * Changes when a thread begins to wait, and when a shortage of pages begins or ends. Each slot then reclaims once.
   */
  get pressureEpoch(): number {
    const { words } = this.#memory;
    return (Atomics.load(words, this.#nextWord) + Atomics.load(words, this.#pressureWord)) | 0;
  }

  /** Wakes the waiters, if there are any, after memory was freed. Call it after the lock is released. */
  noteFreed(): void {
    if (!this.#isTrying && this.hasWaiters) this.#announce();
  }

  /** Tries to allocate as a waiter. What this thread frees during the attempt wakes no other waiter. */
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
   * Enqueues this slot; a slot that waits already keeps its place. A waiter repeats this before each attempt: another
   * thread may have mistaken it for the slot's dead predecessor and removed it.
   */
  enter(): void {
    this.#beacon.renew();
    this.#waiting.add(this.#slot);
    if (Atomics.load(this.#memory.words, this.#ticketWord) === 0) this.#draw();
  }

  /** Ends a wait and wakes the next waiter. A slot that has further waits (`waitsOn`) draws a new ticket. */
  leave(waitsOn: boolean): void {
    if (waitsOn) this.#draw();
    else this.forget(this.#slot);
    this.noteFreed();
  }

  /** Removes a slot from the queue: this thread's, or that of a dead thread. */
  forget(slot: number): void {
    Atomics.store(this.#memory.words, this.#slots.word(slot, SlotRecord.TICKET), 0);
    this.#waiting.remove(slot);
  }

  /**
   * Whether no live thread has waited longer than this one. Tickets are compared by difference, so they may wrap.
   * O(slots).
   */
  get isFirst(): boolean {
    const { words } = this.#memory;
    const mine = Atomics.load(words, this.#ticketWord);
    for (let slot = 0; slot < this.#slots.count; slot++) {
      if (slot === this.#slot) continue;
      const other = Atomics.load(words, this.#slots.word(slot, SlotRecord.TICKET));
      if (other !== 0 && ((other - mine) | 0) < 0 && !this.#removeIfDead(slot, other)) return false;
    }
    return true;
  }

  /** Whether no other thread is left that could free memory: all others have detached or are dead. */
  get isAlone(): boolean {
    if (!this.#memory.isShared || this.#slots.takenCount <= 1) return true;
    return this.#deaths.isAlone(this.#slot);
  }

  /**
   * Removes all dead threads from the queue. For threads that do not wait themselves, since memory counts as short
   * while the queue is not empty. O(slots).
   */
  sweep(): void {
    for (let slot = 0; slot < this.#waiting.limit; slot++) {
      if (slot === this.#slot || !this.#waiting.has(slot)) continue;
      const isSlot = slot < this.#slots.count;
      this.#removeIfDead(
        slot,
        isSlot ? Atomics.load(this.#memory.words, this.#slots.word(slot, SlotRecord.TICKET)) : 0,
      );
    }
  }

  /**
   * Removes a slot with this ticket from the queue if its thread is dead; false if it is alive. If the slot belongs to
   * another waiting thread by now, that thread draws a new ticket before its next attempt.
   */
  #removeIfDead(slot: number, ticket: number): boolean {
    // A thread enters the set before it draws its ticket: a ticket of a slot outside of the set is a stray value.
    if (this.#waiting.has(slot) && !this.#deaths.isDeserted(slot)) return false;
    if (ticket !== 0) Atomics.compareExchange(this.#memory.words, this.#slots.word(slot, SlotRecord.TICKET), ticket, 0);
    this.#waiting.remove(slot);
    return true;
  }

  /** The current value of the event, which the two sleep functions take. */
  get event(): number {
    return Atomics.load(this.#memory.words, this.#eventWord);
  }

  /**
   * Sleeps until the event differs from `event` or the timeout expires. Throws MUST_NOT_BLOCK on a thread that must not
   * block, such as a browser's main thread.
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
      // An explicit timer, because Node exits while only a waitAsync is pending, and engines of 2024 have no waitAsync.
      // If the event has changed already, the timer only yields to the event loop.
      const timer = setTimeout(wake, this.event === event ? timeoutMs : 0);
      this.#sleepers.add(wake);
      if (!this.#memory.isShared || waitAsync === undefined) return;
      const { async, value } = waitAsync(this.#memory.words, this.#eventWord, event, timeoutMs);
      if (async) void Promise.resolve(value).then(wake);
    });
  }

  /** Draws a ticket. 0 means "no ticket", so it is skipped when the counter wraps. */
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
