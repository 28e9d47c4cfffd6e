import { KmemError, MAX_CLASS_BYTES, OutOfMemoryError, PAGE_SIZE } from "../../src/index.ts";
import type { Random } from "../support/random.ts";
import { type Control, ThreadState } from "./control.ts";
import { type Holder, requireSound } from "./holder.ts";

/** Duels that two threads fight at one rest. */
const SMALL_DUELS = 60;
const LARGE_DUELS = 10;
/** A host that has no memory for a block says so with this. */
const NO_BLOCK = 0;
const LARGE_BYTES: number = 4 * MAX_CLASS_BYTES;
const LARGE_PAGES = 5;

/** Looks at the other thread's word before a thread falls asleep, and how long it then sleeps at a time. */
const SPIN_LIMIT = 20_000;
const BEAT_MS = 10;

type Free = (address: number) => void;

/**
 * Two threads free the same piece of memory at the same time; exactly one of them may succeed, and the other one must
 * be told, unless frees are not exact. The party that hosts the duels gets the pieces, its guest learns the addresses.
 */
export class Duel {
  readonly #holder: Holder;
  readonly #control: Control;
  readonly #host: number;
  /** Times that the two have met so far. */
  #meetings = 0;

  constructor(holder: Holder, control: Control, host: number) {
    this.#holder = holder;
    this.#control = control;
    this.#host = host;
  }

  get #isHost(): boolean {
    return this.#holder.party === this.#host;
  }

  /**
   * Blocks from sheaves: the piece stays with the winner, so any number of pairs may fight at a time. Where frees are
   * not exact both may win, and the heap finds the second entry later.
   */
  fightForSmall(random: Random, isExact: boolean): void {
    const { heap, caches } = this.#holder;
    for (let round = 0; round < SMALL_DUELS; round++) {
      // Both draw the same way; only the host's size counts.
      const cache = caches[round % (2 * caches.length)];
      const get = (): number => (cache === undefined ? heap.alloc(random.below(MAX_CLASS_BYTES)) : cache.alloc());
      const free = (address: number): void => (cache === undefined ? heap.free(address) : cache.free(address));
      this.#fight(get, free, isExact ? 1 : 2);
    }
    // An entry that outlives its slab can be taken for a block of its old size: see docs/architecture.md.
    if (!isExact) heap.trim();
  }

  /** Blocks that are runs of pages: those are free pages at once, so all other threads have to rest. */
  fightForLarge(): void {
    const { heap } = this.#holder;
    for (let round = 0; round < LARGE_DUELS; round++) {
      this.#fight(
        () => heap.alloc(LARGE_BYTES),
        (address) => heap.free(address),
      );
    }
  }

  /** Runs of pages, likewise. */
  fightForPages(): void {
    const { pages } = this.#holder.heap;
    for (let round = 0; round < LARGE_DUELS; round++) {
      this.#fight(
        () => pages.tryAlloc(LARGE_PAGES),
        (address) => pages.free(address, LARGE_PAGES),
      );
    }
  }

  #fight(get: () => number, free: Free, winnersMax = 1): void {
    const { words } = this.#control;
    const { address: addressWord, won } = this.#control.duelWords(this.#host);
    if (this.#isHost) {
      Atomics.store(words, won, 0);
      Atomics.store(words, addressWord, getOrNothing(get));
    }
    this.#meet();
    const address = Atomics.load(words, addressWord) >>> 0;
    if (address !== NO_BLOCK && this.#hasFreed(() => free(address))) Atomics.add(words, won, 1);
    this.#meet();
    const winners = Atomics.load(words, won);
    requireSound(
      address === NO_BLOCK ? winners === 0 : winners >= 1 && winners <= winnersMax,
      () => `${winners} of two threads that freed ${address} (page ${address / PAGE_SIZE}) at the same time succeeded`,
    );
    if (this.#isHost && address !== NO_BLOCK) {
      this.#holder.count("duels");
      this.#holder.count("lateDoubleFrees", winners - 1);
    }
    this.#meet();
  }

  #hasFreed(free: () => void): boolean {
    try {
      free();
      return true;
    } catch (error) {
      if (error instanceof KmemError && (error.code === "DOUBLE_FREE" || error.code === "INVALID_FREE")) return false;
      throw error;
    }
  }

  /** Both spin, so that they go on as closely together as two threads can; one that comes much too early sleeps. */
  #meet(): void {
    const { words } = this.#control;
    const { ready } = this.#control.duelWords(this.#host);
    this.#control.setState(this.#holder.party, ThreadState.DUELLING);
    this.#meetings++;
    const wanted = 2 * this.#meetings;
    if (Atomics.add(words, ready, 1) + 1 >= wanted) Atomics.notify(words, ready);
    for (let spin = 0; Atomics.load(words, ready) < wanted; spin++) {
      if (spin < SPIN_LIMIT) continue;
      Atomics.wait(words, ready, wanted - 1, BEAT_MS);
      this.#control.requireGoingOn();
    }
  }

  /** Makes the words good for the next duels; for the host, before the two come to rest again. */
  end(): void {
    if (this.#isHost) Atomics.store(this.#control.words, this.#control.duelWords(this.#host).ready, 0);
  }
}

function getOrNothing(get: () => number): number {
  try {
    return get();
  } catch (error) {
    if (error instanceof OutOfMemoryError) return NO_BLOCK;
    throw error;
  }
}
