/** Blocks that lie on the board at a time. Enough that threads seldom meet their own. */
const CELL_COUNT = 64;
const CELLS_INDEX = 16;

/**
 * Words that the threads of a test share beside the heap: a flag that ends their work, how far each has come, and
 * cells in which one thread leaves the address of a block for another to take.
 */
export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer((CELLS_INDEX + CELL_COUNT) * 4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  get cellCount(): number {
    return CELL_COUNT;
  }

  /** Leaves an address in a cell (0 for none) and gives the one that was there, or 0. */
  exchange(cell: number, address: number): number {
    return Atomics.exchange(this.#words, CELLS_INDEX + cell, address) >>> 0;
  }

  get isOver(): boolean {
    return Atomics.load(this.#words, 0) !== 0;
  }

  end(): void {
    Atomics.store(this.#words, 0, 1);
  }

  /** Says how many blocks of others the thread with this number (from 0 to 14) has freed so far. */
  report(thread: number, foreignFrees: number): void {
    Atomics.store(this.#words, 1 + thread, foreignFrees);
  }

  /** The fewest that one of the first `threadCount` threads has reported. */
  slowest(threadCount: number): number {
    return Math.min(...Array.from({ length: threadCount }, (_, thread) => Atomics.load(this.#words, 1 + thread)));
  }
}
