import { type Cache, type Heap, KmemError, ownerOf, transferBlock } from "kmem";
import { below, nextRandom } from "../threads/work/random.ts";
import { type Allocation, AllocationList } from "./allocation-list.ts";
import { isSealed, LEAST_BLOCK_BYTES, sealBlock } from "./block-seal.ts";
import {
  EXCHANGE_COUNT,
  OPERATIONS,
  type OperationName,
  recordWord,
  SharedState,
  type SharedWords,
  ThreadRecord,
} from "./shared-state.ts";

const SMALL_BYTES = 2000;
const LARGE_BYTES = 50_000;
const ALIGNMENT_SHIFTS = 9;
const PAGES_MAX = 6;
/** One operation in so many is a trim, which takes long. */
const TRIM_SHARE = 500;
/** The named cache that all threads use. */
export const CACHE_NAME = "objects of the campaign";
export const CACHE_OBJECT_BYTES = 72;

type WorkloadOperation = Exclude<OperationName, "starting" | "attach" | "detach" | "detached">;

const PAGE_BYTES = 4096;
const FREQUENT: readonly WorkloadOperation[] = [
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
export interface WorkloadSettings {
  readonly shared: SharedWords;
  readonly thread: number;
  readonly seed: number;
  /** Allocations that it holds at the most. */
  readonly heldMax: number;
  /** Slots of survivors, to which blocks are transferred before others may take them. */
  readonly survivorSlots: readonly number[];
  /** Threads that have records in the shared state. */
  readonly threadCount: number;
  /** Name of the heap's configuration, one of HEAP_CONFIGS. */
  readonly config: string;
  /** Whether it is a survivor: only those free offered blocks, and are waited for before the owner is reaped. */
  readonly isSurvivor: boolean;
}

/**
 * The work of one thread: random operations of every sort, each noted in the shared state before it begins. What the
 * thread holds is in its allocation list, and blocks go to other threads through the exchange.
 */
export class Workload {
  readonly allocations: AllocationList;
  readonly #heap: Heap;
  readonly #cache: Cache;
  readonly #settings: WorkloadSettings;
  readonly #shared: SharedWords;
  #state: number;

  constructor(heap: Heap, settings: WorkloadSettings) {
    this.allocations = new AllocationList(settings.shared, settings.thread);
    this.#heap = heap;
    this.#cache = heap.openCache(CACHE_NAME);
    this.#settings = settings;
    this.#shared = settings.shared;
    this.#state = settings.seed | 1;
  }

  /** One operation, and as many frees as it takes to hold no more than the thread may. */
  runOne(): void {
    if (this.#below(TRIM_SHARE) === 0) this.#attempt("trim");
    else this.#attempt(FREQUENT[this.#below(FREQUENT.length)]!);
    while (this.allocations.count > this.#settings.heldMax) this.#attempt("free");
  }

  freeAll(): void {
    const address = Atomics.exchange(this.#shared, recordWord(this.#settings.thread, ThreadRecord.OFFERED), 0) >>> 0;
    if (address !== 0) this.allocations.add({ address, pageCount: 0 });
    while (this.allocations.count > 0) this.#attempt("free");
  }

  /** Notes the operation that this thread is in. */
  note(operation: OperationName): void {
    Atomics.store(
      this.#shared,
      recordWord(this.#settings.thread, ThreadRecord.OPERATION),
      OPERATIONS.indexOf(operation),
    );
  }

  /** Throws when a block that this thread holds is not as it left it, or is not a live one any more. */
  verify(): void {
    for (const allocation of this.allocations.all()) this.#requireIntact(allocation);
  }

  #attempt(operation: WorkloadOperation): void {
    this.note(operation);
    try {
      this.#work[operation]();
    } catch (error) {
      if (!(error instanceof KmemError) || error.code !== "OUT_OF_MEMORY") throw error;
      this.#release(this.#draw());
    }
    Atomics.add(this.#shared, recordWord(this.#settings.thread, ThreadRecord.PROGRESS), 1);
  }

  readonly #work: Record<WorkloadOperation, () => void> = {
    "small alloc": () => this.#hold(this.#size(SMALL_BYTES), (sizeBytes) => this.#allocate(sizeBytes)),
    "large alloc": () => this.#hold(this.#size(LARGE_BYTES), (sizeBytes) => this.#heap.tryAlloc(sizeBytes)),
    "aligned alloc": () => {
      const alignmentBytes = 2 ** (4 + this.#below(ALIGNMENT_SHIFTS));
      this.#hold(this.#size(SMALL_BYTES), (sizeBytes) => this.#heap.alignedAlloc(alignmentBytes, sizeBytes));
    },
    free: () => this.#release(this.#draw()),
    "free of another's": () => {
      if (this.#settings.isSurvivor && this.#below(2) === 0) this.#takeOffered();
      else this.#takeFromExchange(this.#exchangeWord());
    },
    realloc: () => {
      const allocation = this.#draw();
      if (allocation === undefined || allocation.pageCount > 0) {
        this.#release(allocation);
        return;
      }
      const sizeBytes = this.#size(LARGE_BYTES);
      const address = this.#reallocOrFree(allocation.address, sizeBytes);
      if (address === 0) return;
      sealBlock(this.#words, address, sizeBytes);
      this.allocations.add({ address, pageCount: 0 });
    },
    "page alloc": () => {
      const pageCount = 1 + this.#below(PAGES_MAX);
      const address = this.#heap.pages.alloc(pageCount);
      if (address !== 0) this.allocations.add({ address, pageCount });
    },
    "partial page free": () => {
      const allocation = this.#draw();
      if (allocation === undefined || allocation.pageCount < 2) {
        this.#release(allocation);
        return;
      }
      this.#heap.pages.free(allocation.address, 1);
      this.allocations.add({ address: allocation.address + PAGE_BYTES, pageCount: allocation.pageCount - 1 });
    },
    "cache alloc and free": () => {
      const address = this.#cache.tryAlloc();
      if (address !== 0) this.#cache.free(address);
    },
    transfer: () => {
      if (this.#below(2) === 0) this.#offerBlock();
      else this.#putIntoExchange();
    },
    trim: () => void this.#heap.trim(),
  };

  /** In either way: a sampled heap samples the first alone. */
  #allocate(sizeBytes: number): number {
    return this.#below(2) === 0 ? this.#heap.alloc(sizeBytes) : this.#heap.tryAlloc(sizeBytes);
  }

  #hold(sizeBytes: number, allocate: (sizeBytes: number) => number): void {
    if (this.allocations.isFull) return;
    const address = allocate(sizeBytes);
    if (address === 0) return;
    sealBlock(this.#words, address, sizeBytes);
    this.allocations.add({ address, pageCount: 0 });
  }

  /** A block that cannot be resized for want of memory is freed: out of memory is no reason to hold more. */
  #reallocOrFree(address: number, sizeBytes: number): number {
    try {
      return this.#heap.realloc(address, sizeBytes);
    } catch (error) {
      this.#heap.free(address);
      throw error;
    }
  }

  /** Takes an allocation at random out of those that are held. */
  #draw(): Allocation | undefined {
    const { count } = this.allocations;
    return count === 0 ? undefined : this.allocations.take(this.#below(count));
  }

  #release(allocation: Allocation | undefined): void {
    if (allocation === undefined) return;
    this.#requireIntact(allocation);
    if (allocation.pageCount > 0) this.#heap.pages.free(allocation.address, allocation.pageCount);
    else this.#heap.free(allocation.address);
  }

  /** Gives a new block to a survivor, and puts it where any thread can take it. */
  #putIntoExchange(): void {
    const word = this.#exchangeWord();
    if (Atomics.load(this.#shared, word) !== 0) {
      this.#takeFromExchange(word);
      return;
    }
    const address = this.#sealed();
    if (address === 0) return;
    const { survivorSlots, thread } = this.#settings;
    const inFlight = recordWord(thread, ThreadRecord.PUTTING);
    Atomics.store(this.#shared, inFlight, address);
    transferBlock(this.#heap, address, survivorSlots[this.#below(survivorSlots.length)]!);
    if (Atomics.compareExchange(this.#shared, word, 0, address) !== 0) this.#heap.free(address);
    Atomics.store(this.#shared, inFlight, 0);
  }

  #sealed(): number {
    const sizeBytes = this.#size(SMALL_BYTES);
    const address = this.#allocate(sizeBytes);
    if (address !== 0) sealBlock(this.#words, address, sizeBytes);
    return address;
  }

  /** Lets others free a block that stays this thread's until then: it may die with the block in their quarantine. */
  #offerBlock(): void {
    const word = recordWord(this.#settings.thread, ThreadRecord.OFFERED);
    if (Atomics.load(this.#shared, word) !== 0) return;
    const address = this.#sealed();
    if (address !== 0) Atomics.store(this.#shared, word, address);
  }

  #takeOffered(): void {
    this.#takeFromExchange(recordWord(this.#below(this.#settings.threadCount), ThreadRecord.OFFERED));
  }

  #takeFromExchange(word: number): void {
    const address = Atomics.load(this.#shared, word) >>> 0;
    if (address === 0) return;
    const inFlight = recordWord(this.#settings.thread, ThreadRecord.TAKING);
    Atomics.store(this.#shared, inFlight, address);
    if (Atomics.compareExchange(this.#shared, word, address | 0, 0) >>> 0 === address) {
      this.#release({ address, pageCount: 0 });
    }
    Atomics.store(this.#shared, inFlight, 0);
  }

  #exchangeWord(): number {
    return SharedState.EXCHANGE + this.#below(EXCHANGE_COUNT);
  }

  #requireIntact({ address, pageCount }: Allocation): void {
    const isIntact =
      ownerOf(this.#heap, address) !== undefined &&
      (pageCount > 0 || isSealed(this.#words, address, this.#heap.usableSize(address)));
    if (!isIntact) throw new Error(`the ${pageCount > 0 ? "page run" : "block"} at ${address} is not as it was left`);
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
