import { HELD_LIMIT, Line, lineWord, PIECE_WORDS, type SharedWords } from "./board.ts";

/** A block, or a run of pages. */
export interface Piece {
  readonly address: number;
  /** 0 for a block. */
  readonly pageCount: number;
}

/**
 * The pieces that one thread holds, on the board, so that another one can read them when it has died. What it was about
 * to add or had just taken out at its death may be missing.
 */
export class Ledger {
  readonly #board: SharedWords;
  readonly #countWord: number;
  readonly #firstWord: number;

  constructor(board: SharedWords, thread: number) {
    this.#board = board;
    this.#countWord = lineWord(thread, Line.HELD_COUNT);
    this.#firstWord = lineWord(thread, Line.HELD);
  }

  get count(): number {
    return Atomics.load(this.#board, this.#countWord);
  }

  get isFull(): boolean {
    return this.count === HELD_LIMIT;
  }

  pieces(): Piece[] {
    return Array.from({ length: this.count }, (_, index) => this.#piece(index));
  }

  add({ address, pageCount }: Piece): void {
    const { count } = this;
    this.#set(count, address, pageCount);
    Atomics.store(this.#board, this.#countWord, count + 1);
  }

  /** Takes a piece out; the last one comes to its place. */
  take(index: number): Piece {
    const piece = this.#piece(index);
    const last = this.#piece(this.count - 1);
    this.#set(index, last.address, last.pageCount);
    Atomics.store(this.#board, this.#countWord, this.count - 1);
    return piece;
  }

  #piece(index: number): Piece {
    const word = this.#firstWord + index * PIECE_WORDS;
    return { address: Atomics.load(this.#board, word) >>> 0, pageCount: Atomics.load(this.#board, word + 1) };
  }

  #set(index: number, address: number, pageCount: number): void {
    const word = this.#firstWord + index * PIECE_WORDS;
    Atomics.store(this.#board, word, address);
    Atomics.store(this.#board, word + 1, pageCount);
  }
}
