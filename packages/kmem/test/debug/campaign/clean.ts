import { type BugReport, type DebugCache, DebugHeap } from "../../../src/debug/index.ts";
import { checkHeap } from "../../../src/index.ts";
import { MIB } from "../../support/memories.ts";
import { Random } from "../../support/random.ts";

/** A block of a program that makes no mistakes. */
interface Held {
  address: number;
  sizeBytes: number;
  readonly cache: DebugCache | undefined;
}

const HELD_MAX = 400;
const SMALL_MAX = 2000;
const LARGE_MAX = 100_000;
/** One in so many blocks is above the size classes. */
const LARGE_ONE_IN = 50;
const CHECK_EVERY = 20_000;
const TRIM_EVERY = 5000;

/** What a program without mistakes heard of its heap. */
export interface CleanResult {
  readonly operations: number;
  readonly reports: readonly string[];
  readonly findings: readonly unknown[];
}

/** Random operations, each of them right, every byte of every block written; a debugged heap must find nothing. */
export class CleanProgram {
  readonly heap: DebugHeap;
  readonly #random: Random;
  readonly #caches: readonly DebugCache[];
  readonly #held: Held[] = [];
  readonly #reports: string[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
    const report = (bug: BugReport): void => void this.#reports.push(bug.text());
    this.heap = DebugHeap.create({ sizeBytes: 32 * MIB, stackDepth: 2, report, randomReuse: seed % 2 === 0 });
    const sizes = [8, 24, 100, 3000];
    const plain = sizes.map((sizeBytes) => this.heap.createCache({ name: `objects-${sizeBytes}`, sizeBytes }));
    const construct = (address: number): void => void new Uint8Array(this.heap.buffer).fill(1, address, address + 40);
    this.#caches = [...plain, this.heap.createCache({ name: "constructed", sizeBytes: 40, construct })];
  }

  run(operations: number): CleanResult {
    const findings: unknown[] = [];
    for (let step = 1; step <= operations; step++) {
      this.#step();
      if (step % TRIM_EVERY === 0) this.heap.trim();
      if (step % CHECK_EVERY === 0) findings.push(...checkHeap(this.heap).findings);
    }
    for (const held of this.#held.splice(0)) this.#free(held);
    this.heap.trim();
    findings.push(...checkHeap(this.heap).findings);
    return { operations, reports: this.#reports, findings };
  }

  #step(): void {
    const random = this.#random;
    const isFull = this.#held.length >= HELD_MAX || random.below(2) === 0;
    if (isFull && this.#held.length > 0) {
      const index = random.below(this.#held.length);
      const held = this.#held[index] as Held;
      if (held.cache === undefined && random.below(4) === 0) {
        held.sizeBytes = this.#size();
        held.address = this.heap.realloc(held.address, held.sizeBytes);
        this.#fill(held);
        return;
      }
      this.#held[index] = this.#held.at(-1) as Held;
      this.#held.pop();
      this.#free(held);
      return;
    }
    const held = this.#take();
    this.#fill(held);
    this.#held.push(held);
  }

  #take(): Held {
    const { heap } = this;
    const random = this.#random;
    const sizeBytes = this.#size();
    switch (random.below(6)) {
      case 0:
        return { address: heap.alignedAlloc(2 ** random.below(13), sizeBytes), sizeBytes, cache: undefined };
      case 1:
        return { address: heap.calloc(sizeBytes, 1), sizeBytes, cache: undefined };
      case 2: {
        const cache = random.pick(this.#caches);
        return { address: cache.alloc(), sizeBytes: cache.sizeBytes, cache };
      }
      case 3:
        return { address: heap.tryAlloc(sizeBytes), sizeBytes, cache: undefined };
      default:
        return { address: heap.alloc(sizeBytes), sizeBytes, cache: undefined };
    }
  }

  #free({ address, cache }: Held): void {
    if (cache === undefined) this.heap.free(address);
    else cache.free(address);
  }

  #size(): number {
    return this.#random.below(LARGE_ONE_IN) === 0 ? this.#random.size(LARGE_MAX) : this.#random.size(SMALL_MAX);
  }

  #fill({ address, sizeBytes }: Held): void {
    new Uint8Array(this.heap.buffer).fill(this.#random.below(256), address, address + sizeBytes);
  }
}
