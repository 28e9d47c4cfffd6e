import { ASSERTIONS, assert } from "../memory/assert.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { BEACON_ENDED, BEACON_WAITER_COUNT, SlotRecord } from "./layout.ts";
import type { SlotTable } from "./slot.ts";
import type { WaitAsync } from "./wait-async.ts";

/** By their own names, so that no test's virtual thread takes part: it ends with the thread that runs it. */
const { add, compareExchange, load, notify, store } = Atomics;
const { waitAsync } = Atomics as typeof Atomics & { waitAsync?: WaitAsync };

/** A thread is asked about again after so long at the earliest, and by this factor later for each waiter it lacks. */
const ASK_AGAIN_MS = 20;
const DELAY_FACTOR = 1.5;

/**
 * How threads find out that another one is gone, whatever its end was, without an event: each leaves waiters of
 * `Atomics.waitAsync` at a word of its slot's record, which the engine takes away when the thread's agent ends and not
 * before. Waking one of them says whether there was one. A thread renews its waiters whenever it takes a lock, so busy
 * ones have some as well; one that has none is never said to be gone. Engines without `waitAsync` have none ever.
 */
export class LivenessBeacon {
  readonly #memory: LinearMemory;
  readonly #slots: SlotTable;
  readonly #beaconWord: number;
  readonly #countWord: number;
  #hasBegun = false;
  /** When a slot may be asked about again: the fewer waiters it has, the later. */
  readonly #askAgainMs = new Map<number, number>();

  /** The beacon of the thread that holds `slot`, and what it knows of the others. */
  constructor(memory: LinearMemory, slots: SlotTable, slot: number) {
    this.#memory = memory;
    this.#slots = slots;
    this.#beaconWord = slots.word(slot, SlotRecord.BEACON);
    this.#countWord = slots.word(slot, SlotRecord.BEACON_WAITERS);
  }

  /** Leaves waiters; before this thread takes its first lock among others. */
  begin(): void {
    if (this.#hasBegun || !this.#memory.isShared || waitAsync === undefined) return;
    const { words } = this.#memory;
    notify(words, this.#beaconWord);
    store(words, this.#countWord, 0);
    this.#hasBegun = true;
    this.renew();
  }

  /** Leaves as many waiters as have been used up. */
  renew(): void {
    if (!this.#hasBegun) return;
    const { words } = this.#memory;
    const missing = BEACON_WAITER_COUNT - load(words, this.#countWord);
    if (missing <= 0) return;
    // They are counted when they are there: a thread that finds the count above 0 finds a waiter.
    for (let made = 0; made < missing; made++) waitAsync?.(words, this.#beaconWord, 0);
    add(words, this.#countWord, missing);
  }

  /** Takes the waiters away; after this thread's last lock, while it still has the slot. */
  end(): void {
    if (!this.#hasBegun) return;
    if (ASSERTIONS)
      assert(load(this.#memory.words, this.#beaconWord) === 0, "the word that waiters wait at is always 0");
    this.#hasBegun = false;
    store(this.#memory.words, this.#countWord, BEACON_ENDED);
    notify(this.#memory.words, this.#beaconWord);
  }

  /** Whether the thread that holds a slot is there, for certain; false too where this cannot be said now. */
  isAlive(slot: number): boolean {
    const { words } = this.#memory;
    const countWord = this.#slots.word(slot, SlotRecord.BEACON_WAITERS);
    for (let count = load(words, countWord); count > 0; count = load(words, countWord)) {
      // Where another thread takes a waiter at the same time, the next one is asked.
      if (compareExchange(words, countWord, count, count - 1) !== count) continue;
      return notify(words, this.#slots.word(slot, SlotRecord.BEACON), 1) > 0;
    }
    return false;
  }

  /** Whether the thread that holds a slot is gone, for certain; false too where this cannot be said now. */
  hasExited(slot: number): boolean {
    const nowMs = Date.now();
    if (nowMs < (this.#askAgainMs.get(slot) ?? 0)) return false;
    const { words } = this.#memory;
    const countWord = this.#slots.word(slot, SlotRecord.BEACON_WAITERS);
    const count = load(words, countWord);
    if (count <= 0 || compareExchange(words, countWord, count, count - 1) !== count) return false;
    this.#askAgainMs.set(slot, nowMs + ASK_AGAIN_MS * DELAY_FACTOR ** (BEACON_WAITER_COUNT - count));
    if (notify(words, this.#slots.word(slot, SlotRecord.BEACON), 1) > 0) return false;
    // The thread may have taken its waiters away itself just then.
    return load(words, countWord) === count - 1;
  }
}
