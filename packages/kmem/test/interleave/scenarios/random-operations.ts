import { Random } from "../../support/random.ts";
import { call } from "../call.ts";
import type { Scenario } from "../explore/scenario.ts";
import { heapProblems } from "./conservation.ts";
import type { Heap, Heaps, Kmem } from "./kmem.ts";

const HEAP_BYTES = 1024 * 1024;
const OPERATIONS_MIN = 4;
const OPERATIONS_MAX = 24;
/** Blocks that each thread is to free besides its own; another thread has allocated them. */
const FOREIGN_BLOCKS = 3;
/** Sizes whose sheaves hold 4 to 8 blocks, and runs of pages. */
const SIZES_BYTES = [2048, 4096, 8192, 16384, 32768, 40000];
const RUN_PAGES_MAX = 4;

interface Operation {
  readonly kind: "alloc" | "free" | "foreign" | "pages" | "trim";
  readonly sizeBytes: number;
  readonly pick: number;
}

interface Shared extends Heaps {
  /** For each thread, blocks that another one has allocated. */
  readonly foreign: readonly (readonly number[])[];
}

/** Two to four threads with lists of operations of their own; all of it follows from the seed. */
export function randomOperations(kmem: Kmem, seed: number): Scenario<Shared> {
  const random = new Random(seed);
  const threadCount = 2 + random.below(3);
  const isExact = random.below(2) === 0;
  const sizeCount = 1 + random.below(SIZES_BYTES.length);
  const sizes = random.shuffled(SIZES_BYTES).slice(0, sizeCount);
  const lists = Array.from({ length: threadCount }, () => operations(random, sizes));
  return {
    name: "random operations of random threads",
    setUp: () => {
      const world = kmem.heaps(threadCount, { exactFrees: isExact, sizeBytes: HEAP_BYTES });
      const foreign = world.heaps.map((_, thread) => {
        const owner = world.heaps[(thread + 1) % threadCount] as Heap;
        return Array.from({ length: FOREIGN_BLOCKS }, (__, number) => owner.alloc(sizes[number % sizeCount] as number));
      });
      return { ...world, foreign };
    },
    threads: lists.map((list, thread) => (world) => obey(world, thread, list)),
    verdict: (world, outcome) =>
      heapProblems(
        world,
        outcome,
        outcome.results.flatMap((live) => (live ?? []) as number[]),
      ),
  };
}

function operations(random: Random, sizes: readonly number[]): Operation[] {
  const count = OPERATIONS_MIN + random.below(OPERATIONS_MAX - OPERATIONS_MIN);
  const kinds = ["alloc", "alloc", "alloc", "free", "free", "free", "foreign", "pages", "trim"] as const;
  return Array.from({ length: count }, () => ({
    kind: random.pick(kinds),
    sizeBytes: random.pick(sizes),
    pick: random.below(1 << 16),
  }));
}

/** Returns the blocks that are live because of this thread, at the end. */
function* obey({ heaps, foreign }: Shared, thread: number, list: readonly Operation[]): Generator<unknown, number[]> {
  const heap = heaps[thread] as Heap;
  const live: number[] = [];
  const toFree = [...(foreign[thread] as readonly number[])];
  for (const { kind, sizeBytes, pick } of list) {
    if (kind === "alloc") {
      const block = yield* call(heap, "tryAlloc", sizeBytes);
      if (block !== 0) live.push(block);
    } else if (kind === "pages") {
      const count = 1 + (pick % RUN_PAGES_MAX);
      const run = yield* call(heap.pages, "tryAlloc", count);
      if (run !== 0) yield* call(heap.pages, "free", run, count);
    } else if (kind === "trim") {
      yield* call(heap, "trim");
    } else {
      const blocks = kind === "free" ? live : toFree;
      const [block] = blocks.splice(pick % Math.max(1, blocks.length), 1);
      if (block !== undefined) yield* call(heap, "free", block);
    }
  }
  return [...live, ...toFree];
}
