import { WORD_SHIFT } from "../../memory/layout.ts";
import type { LinearMemory } from "../../memory/memory.ts";
import type { Locks } from "../../sync/lock.ts";
import { type Kernel, NULL } from "./kernel.ts";
import {
  AnchorWord,
  POOL_DATA_BYTE,
  POOL_ELEMENT_BYTES,
  POOL_HEADER_BYTES,
  POOL_MAGIC,
  type PoolKindValue,
  PoolWord,
} from "./layout.ts";

/** How often a waiter looks whether the allocator has memory again, which wakes nobody here: Linux takes 5 s. */
const ROUND_MS = 20;

/** Bytes of a pool for so many elements. */
export function poolBytes(minimumCount: number): number {
  return POOL_HEADER_BYTES + minimumCount * POOL_ELEMENT_BYTES;
}

/**
 * The block of a mempool: a stack of elements under a lock of its own, under which nothing else is locked, and the
 * queue of those who wait for an element. It holds no state but in the buffer.
 */
export class PoolBlock {
  readonly #memory: LinearMemory;
  readonly #locks: Locks;
  readonly #address: number;

  constructor({ memory, layers }: Pick<Kernel, "memory" | "layers">, address: number) {
    this.#memory = memory;
    this.#locks = layers.sync.locks;
    this.#address = address;
    memory.waitForLength(address + POOL_HEADER_BYTES);
    if (this.isPool) memory.waitForLength(address + poolBytes(memory.words[this.#word(PoolWord.MIN_COUNT)]));
  }

  /** Makes an empty pool of a block that was just allocated. The magic goes last. */
  format({ anchorWord }: Kernel, minimumCount: number, kind: PoolKindValue, data: number): void {
    const { words, doubles } = this.#memory;
    words.fill(0, this.#word(0), this.#word(POOL_HEADER_BYTES >>> WORD_SHIFT));
    words[this.#word(PoolWord.MIN_COUNT)] = minimumCount;
    words[this.#word(PoolWord.KIND)] = kind;
    words[this.#word(PoolWord.SERIAL)] = Atomics.add(words, anchorWord + AnchorWord.POOL_SERIAL, 1) + 1;
    doubles[(this.#address + POOL_DATA_BYTE) / POOL_ELEMENT_BYTES] = data;
    Atomics.store(words, this.#word(PoolWord.MAGIC), POOL_MAGIC);
    this.#memory.waitForLength(this.#address + poolBytes(minimumCount));
  }

  get isPool(): boolean {
    return this.#memory.words[this.#word(PoolWord.MAGIC)] === POOL_MAGIC;
  }

  get serial(): number {
    return this.#memory.words[this.#word(PoolWord.SERIAL)];
  }

  get kind(): number {
    return this.#memory.words[this.#word(PoolWord.KIND)];
  }

  /** What the pool hands to its functions. */
  get data(): number {
    return this.#memory.doubles[(this.#address + POOL_DATA_BYTE) / POOL_ELEMENT_BYTES];
  }

  /** From here on the block is no pool. */
  end(): void {
    Atomics.store(this.#memory.words, this.#word(PoolWord.MAGIC), 0);
  }

  /** An element of the reserve, or NULL. */
  pop(): number {
    this.#lock();
    const { words, doubles } = this.#memory;
    const countWord = this.#word(PoolWord.COUNT);
    const count = words[countWord];
    const element = count === 0 ? NULL : doubles[this.#element(count - 1)];
    if (count !== 0) words[countWord] = count - 1;
    this.#unlock();
    return element;
  }

  /** Adds an element to the reserve and wakes those who wait for one; false where the reserve is full. */
  push(element: number): boolean {
    this.#lock();
    const { words, doubles } = this.#memory;
    const countWord = this.#word(PoolWord.COUNT);
    const count = words[countWord];
    const hasRoom = count < words[this.#word(PoolWord.MIN_COUNT)];
    if (hasRoom) {
      doubles[this.#element(count)] = element;
      words[countWord] = count + 1;
    }
    const eventWord = this.#word(PoolWord.EVENT);
    const isAwaited = hasRoom && words[this.#word(PoolWord.AWAITED)] !== 0;
    if (isAwaited) {
      words[this.#word(PoolWord.AWAITED)] = 0;
      Atomics.add(words, eventWord, 1);
    }
    this.#unlock();
    if (isAwaited) Atomics.notify(words, eventWord);
    return hasRoom;
  }

  /**
   * Sleeps until an element comes back, or for a round: a free of memory elsewhere wakes nobody here. At once where
   * there is an element. False where the thread may not sleep. Shared memory only.
   */
  await(): boolean {
    const { words } = this.#memory;
    this.#lock();
    const isEmpty = words[this.#word(PoolWord.COUNT)] === 0;
    const event = words[this.#word(PoolWord.EVENT)];
    if (isEmpty) words[this.#word(PoolWord.AWAITED)] = 1;
    this.#unlock();
    if (!isEmpty) return true;
    try {
      Atomics.wait(words, this.#word(PoolWord.EVENT), event, ROUND_MS);
      return true;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  }

  #word(field: number): number {
    return (this.#address >>> WORD_SHIFT) + field;
  }

  /** Index in `doubles`. */
  #element(index: number): number {
    return (this.#address + POOL_HEADER_BYTES) / POOL_ELEMENT_BYTES + index;
  }

  #lock(): void {
    this.#locks.acquire(this.#word(PoolWord.LOCK));
  }

  #unlock(): void {
    this.#locks.release(this.#word(PoolWord.LOCK));
  }
}
