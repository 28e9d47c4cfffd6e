import type * as HeapModule from "../../src/heap/heap.ts";
import type { CountedLibrary } from "../fast-paths/counted-library.ts";
import { Random } from "../support/random.ts";
import { PATTERNS, type Pattern } from "./patterns.ts";

/** What is varied: how the heap is used, the size of the blocks, and how many of them are live. */
export interface Cell {
  readonly pattern: string;
  readonly sizeBytes: number;
  readonly liveCount: number;
  /** Accesses, tests, calls and atomic operations of the library for each operation, in the mean. */
  readonly work: number;
}

/** How much is tried. */
export interface SearchOptions {
  readonly sizes: readonly number[];
  readonly liveCounts: readonly number[];
  /** Operations whose work is counted, after WARM_UP_OPERATIONS that are not. */
  readonly operations: number;
  readonly patterns?: readonly Pattern[];
}

const HEAP_BYTES = 64 * 2 ** 20;
/** More is not live at a time: a heap that is nearly full reclaims, and rightly. */
const LIVE_BYTES_MAX: number = HEAP_BYTES / 4;
const SEED = 20261130;
/** A heap that returns to its peak reclaims some times until it has learnt its level. */
const WARM_UP_OPERATIONS = 1200;

function workOf(
  library: CountedLibrary,
  pattern: Pattern,
  cell: Omit<Cell, "work" | "pattern">,
  count: number,
): number {
  const { runtime } = library;
  const { Heap } = library.realm().module<typeof HeapModule>("heap/heap.ts");
  const heap = Heap.create({ sizeBytes: HEAP_BYTES });
  const other = library.realm().module<typeof HeapModule>("heap/heap.ts").Heap;
  const attach = (): HeapModule.Heap => other.attach(heap.reserve());
  const step = pattern.start({ heap, attach, random: new Random(SEED), ...cell });
  for (let index = 0; index < WARM_UP_OPERATIONS; index++) step();
  const { reads, writes, atomics, tests, calls } = runtime.count(() => {
    for (let index = 0; index < count; index++) step();
  });
  return (reads + writes + atomics + tests + calls) / count;
}

/** Counts the work of every pattern with every size and number of live blocks that fit. */
export function* search(library: CountedLibrary, options: SearchOptions): Generator<Cell> {
  const { sizes, liveCounts, operations, patterns = PATTERNS } = options;
  for (const pattern of patterns) {
    for (const sizeBytes of sizes) {
      for (const liveCount of liveCounts) {
        if (sizeBytes * liveCount > LIVE_BYTES_MAX) continue;
        const work = workOf(library, pattern, { sizeBytes, liveCount }, operations);
        yield { pattern: pattern.name, sizeBytes, liveCount, work };
      }
    }
  }
}
