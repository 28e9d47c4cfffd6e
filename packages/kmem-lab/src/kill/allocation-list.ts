import { ALLOCATION_WORDS, ALLOCATIONS_MAX, recordWord, type SharedWords, ThreadRecord } from "./shared-state.ts";

/** A block, or a run of pages. */
export interface Allocation {
  readonly address: number;
  /** 0 for a block. */
  readonly pageCount: number;
}

/**
 * The allocations that one thread holds, in shared memory, so that another one can read them when it has died. An
 * allocation that was in flight at its death, not yet added or just taken out, may be missing.
 */
export class AllocationList {
  readonly #shared: SharedWords;
  readonly #countWord: number;
  readonly #firstWord: number;

  constructor(shared: SharedWords, thread: number) {
    this.#shared = shared;
    this.#countWord = recordWord(thread, ThreadRecord.ALLOCATION_COUNT);
    this.#firstWord = recordWord(thread, ThreadRecord.ALLOCATIONS);
  }

  get count(): number {
    return Atomics.load(this.#shared, this.#countWord);
  }

  get isFull(): boolean {
    return this.count === ALLOCATIONS_MAX;
  }

  all(): Allocation[] {
    return Array.from({ length: this.count }, (_, index) => this.#allocation(index));
  }

  add({ address, pageCount }: Allocation): void {
    const { count } = this;
    this.#set(count, address, pageCount);
    Atomics.store(this.#shared, this.#countWord, count + 1);
  }

  /** Removes an allocation; the last one moves to its place. */
  take(index: number): Allocation {
    const allocation = this.#allocation(index);
    const last = this.#allocation(this.count - 1);
    this.#set(index, last.address, last.pageCount);
    Atomics.store(this.#shared, this.#countWord, this.count - 1);
    return allocation;
  }

  #allocation(index: number): Allocation {
    const word = this.#firstWord + index * ALLOCATION_WORDS;
    return { address: Atomics.load(this.#shared, word) >>> 0, pageCount: Atomics.load(this.#shared, word + 1) };
  }

  #set(index: number, address: number, pageCount: number): void {
    const word = this.#firstWord + index * ALLOCATION_WORDS;
    Atomics.store(this.#shared, word, address);
    Atomics.store(this.#shared, word + 1, pageCount);
  }
}
