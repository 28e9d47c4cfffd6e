import { type Cache, type Heap, KmemError, ownerOf, transferBlock } from "kmem";
import { below, nextRandom } from "../threads/work/random.ts";
import { isSealed, LEAST_BLOCK_BYTES, sealBlock } from "./block-seal.ts";
import { Board, EXCHANGE_COUNT, Line, lineWord, OPERATIONS, type OperationName, type SharedWords } from "./board.ts";
import { Ledger, type Piece } from "./ledger.ts";

const SMALL_BYTES = 2000;
const LARGE_BYTES = 50_000;
const ALIGNMENT_SHIFTS = 9;
const PAGES_MAX = 6;
/** One operation in so many is a trim, which takes long. */
const TRIM_SHARE = 500;
/** The cache made by hand that all threads use. */
export const CACHE_NAME = "objects of the killing";
export const CACHE_OBJECT_BYTES = 72;

type WorkName = Exclude<OperationName, "starting" | "attach" | "detach" | "detached">;

const PAGE_BYTES = 4096;
const FREQUENT: readonly WorkName[] = [
  "small alloc",
  "small alloc",
  "large alloc",
  "aligned alloc",
  "free",
  "free of another's",
  "realloc",
  "page alloc",
  "partial page free",
  "cache alloc and free",
  "transfer",
];

/** What a thread works with. */
export interface LabourSetting {
  readonly board: SharedWords;
  readonly thread: number;
  readonly seed: number;
  /** Pieces that it holds at the most. */
  readonly heldMax: number;
  /** Slots of survivors, to which blocks are transferred before others may take them. */
  readonly heirSlots: readonly number[];
  /** Threads that have lines on the board. */
  readonly threadCount: number;
  /** Name of the world, one of KILL_WORLDS. */
  readonly world: string;
  /** Whether it is a survivor: only those free gifts, since their ends are waited for before the giver is reaped. */
  readonly isSurvivor: boolean;
}

/**
 * The work of one thread: operations of all sorts at random, each noted on the board before it begins. What the thread
 * holds stands in its ledger, and blocks go to other threads through the exchange.
 */
export class Labour {
  readonly ledger: Ledger;
  readonly #heap: Heap;
  readonly #cache: Cache;
  readonly #setting: LabourSetting;
  readonly #board: SharedWords;
  #state: number;

  constructor(heap: Heap, setting: LabourSetting) {
    this.ledger = new Ledger(setting.board, setting.thread);
    this.#heap = heap;
    this.#cache = heap.openCache(CACHE_NAME);
    this.#setting = setting;
    this.#board = setting.board;
    this.#state = setting.seed | 1;
  }

  /** One operation, and as many frees as it takes to hold no more than the thread may. */
  workOnce(): void {
    if (this.#below(TRIM_SHARE) === 0) this.#attempt("trim");
    else this.#attempt(FREQUENT[this.#below(FREQUENT.length)]!);
    while (this.ledger.count > this.#setting.heldMax) this.#attempt("free");
  }

  freeAll(): void {
    const address = Atomics.exchange(this.#board, lineWord(this.#setting.thread, Line.GIFT), 0) >>> 0;
    if (address !== 0) this.ledger.add({ address, pageCount: 0 });
    while (this.ledger.count > 0) this.#attempt("free");
  }

  /** What this thread notes that it is at. */
  note(operation: OperationName): void {
    Atomics.store(this.#board, lineWord(this.#setting.thread, Line.OPERATION), OPERATIONS.indexOf(operation));
  }

  /** Throws when a block that this thread holds is not as it left it, or is not a live one any more. */
  verify(): void {
    for (const piece of this.ledger.pieces()) this.#requireWhole(piece);
  }

  #attempt(operation: WorkName): void {
    this.note(operation);
    try {
      this.#work[operation]();
    } catch (error) {
      if (!(error instanceof KmemError) || error.code !== "OUT_OF_MEMORY") throw error;
      this.#release(this.#draw());
    }
    Atomics.add(this.#board, lineWord(this.#setting.thread, Line.PROGRESS), 1);
  }

  readonly #work: Record<WorkName, () => void> = {
    "small alloc": () => this.#hold(this.#size(SMALL_BYTES), (sizeBytes) => this.#allocate(sizeBytes)),
    "large alloc": () => this.#hold(this.#size(LARGE_BYTES), (sizeBytes) => this.#heap.tryAlloc(sizeBytes)),
    "aligned alloc": () => {
      const alignmentBytes = 2 ** (4 + this.#below(ALIGNMENT_SHIFTS));
      this.#hold(this.#size(SMALL_BYTES), (sizeBytes) => this.#heap.alignedAlloc(alignmentBytes, sizeBytes));
    },
    free: () => this.#release(this.#draw()),
    "free of another's": () => {
      if (this.#setting.isSurvivor && this.#below(2) === 0) this.#takeGift();
      else this.#takeFromExchange(this.#exchangeWord());
    },
    realloc: () => {
      const piece = this.#draw();
      if (piece === undefined || piece.pageCount > 0) {
        this.#release(piece);
        return;
      }
      const sizeBytes = this.#size(LARGE_BYTES);
      const address = this.#reallocOrFree(piece.address, sizeBytes);
      if (address === 0) return;
      sealBlock(this.#words, address, sizeBytes);
      this.ledger.add({ address, pageCount: 0 });
    },
    "page alloc": () => {
      const pageCount = 1 + this.#below(PAGES_MAX);
      const address = this.#heap.pages.tryAlloc(pageCount);
      if (address !== 0) this.ledger.add({ address, pageCount });
    },
    "partial page free": () => {
      const piece = this.#draw();
      if (piece === undefined || piece.pageCount < 2) {
        this.#release(piece);
        return;
      }
      this.#heap.pages.free(piece.address, 1);
      this.ledger.add({ address: piece.address + PAGE_BYTES, pageCount: piece.pageCount - 1 });
    },
    "cache alloc and free": () => {
      const address = this.#cache.tryAlloc();
      if (address !== 0) this.#cache.free(address);
    },
    transfer: () => {
      if (this.#below(2) === 0) this.#offerGift();
      else this.#putIntoExchange();
    },
    trim: () => void this.#heap.trim(),
  };

  /** In either way: a sampled heap samples the first alone. */
  #allocate(sizeBytes: number): number {
    return this.#below(2) === 0 ? this.#heap.alloc(sizeBytes) : this.#heap.tryAlloc(sizeBytes);
  }

  #hold(sizeBytes: number, allocate: (sizeBytes: number) => number): void {
    if (this.ledger.isFull) return;
    const address = allocate(sizeBytes);
    if (address === 0) return;
    sealBlock(this.#words, address, sizeBytes);
    this.ledger.add({ address, pageCount: 0 });
  }

  /** A block that cannot be resized for want of memory is let go: out of memory is no reason to hold more. */
  #reallocOrFree(address: number, sizeBytes: number): number {
    try {
      return this.#heap.realloc(address, sizeBytes);
    } catch (error) {
      this.#heap.free(address);
      throw error;
    }
  }

  /** Takes a piece at random out of those that are held. */
  #draw(): Piece | undefined {
    const { count } = this.ledger;
    return count === 0 ? undefined : this.ledger.take(this.#below(count));
  }

  #release(piece: Piece | undefined): void {
    if (piece === undefined) return;
    this.#requireWhole(piece);
    if (piece.pageCount > 0) this.#heap.pages.free(piece.address, piece.pageCount);
    else this.#heap.free(piece.address);
  }

  /** Gives a new block to a survivor, and puts it where any thread can take it. */
  #putIntoExchange(): void {
    const word = this.#exchangeWord();
    if (Atomics.load(this.#board, word) !== 0) {
      this.#takeFromExchange(word);
      return;
    }
    const address = this.#sealed();
    if (address === 0) return;
    const { heirSlots, thread } = this.#setting;
    const hand = lineWord(thread, Line.HAND_OUT);
    Atomics.store(this.#board, hand, address);
    transferBlock(this.#heap, address, heirSlots[this.#below(heirSlots.length)]!);
    if (Atomics.compareExchange(this.#board, word, 0, address) !== 0) this.#heap.free(address);
    Atomics.store(this.#board, hand, 0);
  }

  #sealed(): number {
    const sizeBytes = this.#size(SMALL_BYTES);
    const address = this.#allocate(sizeBytes);
    if (address !== 0) sealBlock(this.#words, address, sizeBytes);
    return address;
  }

  /** Lets others free a block that stays this thread's until then: it may die with the block in their quarantine. */
  #offerGift(): void {
    const word = lineWord(this.#setting.thread, Line.GIFT);
    if (Atomics.load(this.#board, word) !== 0) return;
    const address = this.#sealed();
    if (address !== 0) Atomics.store(this.#board, word, address);
  }

  #takeGift(): void {
    this.#takeFromExchange(lineWord(this.#below(this.#setting.threadCount), Line.GIFT));
  }

  #takeFromExchange(word: number): void {
    const address = Atomics.load(this.#board, word) >>> 0;
    if (address === 0) return;
    const hand = lineWord(this.#setting.thread, Line.HAND_IN);
    Atomics.store(this.#board, hand, address);
    if (Atomics.compareExchange(this.#board, word, address | 0, 0) >>> 0 === address) {
      this.#release({ address, pageCount: 0 });
    }
    Atomics.store(this.#board, hand, 0);
  }

  #exchangeWord(): number {
    return Board.EXCHANGE + this.#below(EXCHANGE_COUNT);
  }

  #requireWhole({ address, pageCount }: Piece): void {
    const isWhole =
      ownerOf(this.#heap, address) !== undefined &&
      (pageCount > 0 || isSealed(this.#words, address, this.#heap.usableSize(address)));
    if (!isWhole) throw new Error(`the ${pageCount > 0 ? "page run" : "block"} at ${address} is not as it was left`);
  }

  get #words(): Int32Array {
    return new Int32Array(this.#heap.buffer);
  }

  #size(limit: number): number {
    return LEAST_BLOCK_BYTES + this.#below(limit);
  }

  #below(limit: number): number {
    this.#state = nextRandom(this.#state);
    return below(this.#state, limit);
  }
}
