import { KmemError } from "../memory/errors.ts";

/** Which allocations are to fail, after Linux's failslab. All conditions that are given must hold. */
export interface FaultOptions {
  /** Share of the allocations that fail, from 0 to 1. Default 1. */
  readonly probability?: number;
  /** Every nth of those that may fail does. Default 1. */
  readonly interval?: number;
  /** So many that may fail pass before the first does. Default 0. */
  readonly space?: number;
  /** No more than so many fail. Default: no limit. */
  readonly times?: number;
  /** Only caches of these names; `kmalloc-64` is one. Default: all whose letters have an A, or all where none has. */
  readonly caches?: readonly string[];
  /** Only sizes from this one on. */
  readonly sizeMin?: number;
  /** Only sizes up to this one. */
  readonly sizeMax?: number;
  /** Makes the random numbers the same each time. Default 1. */
  readonly seed?: number;
}

/** An allocation that may fail. */
export interface FaultCandidate {
  readonly cache: string;
  readonly sizeBytes: number;
  /** Whether the letters of the cache have an A. */
  readonly isMarked: boolean;
}

const RANDOM_RANGE = 2 ** 32;

/** Throws BAD_ARGUMENT for faults that cannot be. */
export function requireFaults({ probability = 1, interval = 1 }: FaultOptions): void {
  if (probability >= 0 && probability <= 1 && Number.isInteger(interval) && interval >= 1) return;
  throw new KmemError("BAD_ARGUMENT", "faults have a probability from 0 to 1 and a whole interval from 1", {});
}

/** Decides which allocations of one thread fail. */
export class FaultInjection {
  readonly #options: FaultOptions;
  readonly #onlyMarked: () => boolean;
  #state: number;
  #candidates = 0;
  #failed = 0;

  /** `onlyMarked` says whether some caches have the letter A: then the others never fail unless they are named. */
  constructor(options: FaultOptions, onlyMarked: () => boolean) {
    const { seed = 1 } = options;
    requireFaults(options);
    this.#options = options;
    this.#onlyMarked = onlyMarked;
    this.#state = seed | 1;
  }

  /** Allocations that have been made to fail. */
  get failedCount(): number {
    return this.#failed;
  }

  /** Whether this allocation is to fail. */
  fails({ cache, sizeBytes, isMarked }: FaultCandidate): boolean {
    const { caches, sizeMin = 0, sizeMax = Number.POSITIVE_INFINITY } = this.#options;
    const isChosen = caches === undefined ? isMarked || !this.#onlyMarked() : caches.includes(cache);
    if (!isChosen || sizeBytes < sizeMin || sizeBytes > sizeMax) return false;
    const { space = 0, interval = 1, times = Number.POSITIVE_INFINITY, probability = 1 } = this.#options;
    const number = this.#candidates++ - space;
    if (number < 0 || this.#failed >= times || (number + 1) % interval !== 0) return false;
    if (probability < 1 && this.#random() >= probability) return false;
    this.#failed++;
    return true;
  }

  /** Xorshift. */
  #random(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) / RANDOM_RANGE;
  }
}
