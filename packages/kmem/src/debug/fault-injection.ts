import {
  badArgument,
  type Checks,
  readOptions,
  requireAmount,
  requireCount,
  requireWhole,
} from "../memory/arguments.ts";

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

const FAULT_CHECKS: Checks<FaultOptions> = {
  probability: (name, value) => {
    if (!(typeof value === "number" && value >= 0 && value <= 1))
      throw badArgument(name, "a number from 0 to 1", value);
  },
  interval: (name, value) => requireWhole(name, value, 1, Number.MAX_SAFE_INTEGER),
  space: requireCount,
  times: requireAmount,
  caches: (name, value) => {
    if (!isListOfTexts(value)) throw badArgument(name, "a list of names", value);
  },
  sizeMin: requireAmount,
  sizeMax: requireAmount,
  seed: requireCount,
};

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && Array.from(value as unknown[]).every((text) => typeof text === "string");
}

/** The faults that are wished for, read once. Throws BAD_ARGUMENT for those that cannot be. */
function readFaults(faults: FaultOptions): FaultOptions {
  const read = readOptions("faults", faults, FAULT_CHECKS);
  return read.caches === undefined ? read : { ...read, caches: [...read.caches] };
}

/** Throws BAD_ARGUMENT for faults that cannot be. */
export function requireFaults(_name: string, faults: unknown): void {
  readFaults(faults as FaultOptions);
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
    this.#options = readFaults(options);
    const { seed = 1 } = this.#options;
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
