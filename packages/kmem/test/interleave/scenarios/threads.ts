import type { Cache } from "../../../src/heap/cache.ts";
import { heapStats } from "../../../src/index.ts";
import { call } from "../call.ts";
import { type Outcome, type Scenario, unexpectedEnds } from "../explore/scenario.ts";
import { LARGE_BYTES } from "./blocks.ts";
import { heapProblems, stateProblems } from "./conservation.ts";
import type { Heap, Heaps, Kmem } from "./kmem.ts";

/** A block that is a run of pages, of a length that no slot caches. */
const RUN_BYTES = 48 * 1024;
const SIZE_BYTES = 256 * 1024;
const MAXIMUM_BYTES = 768 * 1024;

function heapOf({ heaps }: Heaps, thread: number): Heap {
  return heaps[thread] as Heap;
}

/** Both find the memory full and grow it. */
export function growTogether(kmem: Kmem): Scenario<Heaps> {
  return {
    name: "two threads grow one WebAssembly.Memory",
    setUp: () => {
      const world = kmem.heaps(2, { sizeBytes: SIZE_BYTES, maximumBytes: MAXIMUM_BYTES });
      const heap = heapOf(world, 0);
      while (heapStats(heap).bytes.freePageBytes > 0) heap.pages.tryAlloc(1);
      return world;
    },
    threads: [0, 1].map((thread) => (world) => call(heapOf(world, thread), "alloc", LARGE_BYTES)),
    verdict: (world, outcome) => heapProblems(world, outcome, outcome.results as number[]),
  };
}

/** One thread leaves while another comes, and the barns with it. */
export function comeAndGo(kmem: Kmem): Scenario<Heaps> {
  return {
    name: "a thread detaches while another attaches",
    setUp: () => kmem.heaps(2),
    threads: [
      (world) => call(heapOf(world, 1), "detach"),
      function* (world) {
        const heap = yield* call(kmem.heapClass(2), "attach", heapOf(world, 0).handle);
        return heap.slot;
      },
    ],
    verdict: (world, outcome) => heapProblems(world, outcome, []),
  };
}

/** The thread that stays allocates while the other leaves. */
export function leaveWhileUsed(kmem: Kmem): Scenario<Heaps> {
  return {
    name: "a thread detaches while the other allocates and frees",
    setUp: () => {
      const world = kmem.heaps(2);
      heapOf(world, 1).free(heapOf(world, 1).alloc(LARGE_BYTES));
      return world;
    },
    threads: [
      (world) => call(heapOf(world, 1), "detach"),
      function* (world) {
        const block = yield* call(heapOf(world, 0), "alloc", LARGE_BYTES);
        yield* call(heapOf(world, 0), "free", block);
      },
    ],
    verdict: (world, outcome) => heapProblems(world, outcome, []),
  };
}

/** Two threads come at once. */
export function attachTogether(kmem: Kmem): Scenario<Heaps> {
  return {
    name: "two threads attach",
    setUp: () => kmem.heaps(1),
    threads: [1, 2].map(
      (thread) =>
        function* (world: Heaps) {
          const heap = yield* call(kmem.heapClass(thread), "attach", heapOf(world, 0).handle);
          return heap.slot;
        },
    ),
    verdict: (world, outcome) => {
      const slots = [...outcome.results].sort().join();
      const problems = slots === "1,2" ? [] : [`the two threads got the slots ${slots}`];
      return [...problems, ...heapProblems(world, outcome, [])];
    },
  };
}

/**
 * One looks through all caches while another ends one of them: the lock must be the same before and after, and the free
 * object, in a sheaf or in a slab that the other one releases, be taken for no live one.
 */
export function trimWhileDestroyed(kmem: Kmem, place: "sheaf" | "slab"): Scenario<Heaps & { readonly cache: Cache }> {
  return {
    name: `a thread trims while another destroys a cache with a free object in a ${place}`,
    setUp: () => {
      const world = kmem.heaps(2);
      const cache = heapOf(world, 1).createCache({ name: "objects", sizeBytes: LARGE_BYTES });
      cache.free(cache.alloc());
      if (place === "slab") cache.shrink(0);
      return { ...world, cache };
    },
    threads: [(world) => call(heapOf(world, 0), "trim"), ({ cache }) => call(cache, "destroy")],
    verdict: (world, outcome) => heapProblems(world, outcome, []),
  };
}

interface Full extends Heaps {
  /** The only live block that is to be freed. */
  readonly block: number;
  readonly others: readonly number[];
}

/** A heap without memory for one block more. */
function fullHeap(kmem: Kmem, sizeBytes: number): Full {
  const world = kmem.heaps(2);
  const heap = heapOf(world, 0);
  const block = heap.alloc(sizeBytes);
  const others: number[] = [];
  for (let next = heap.tryAlloc(LARGE_BYTES); next !== 0; next = heap.tryAlloc(LARGE_BYTES)) others.push(next);
  while (heap.pages.tryAlloc(1, { reserve: true }) !== 0);
  return { ...world, block, others };
}

/** What is asked when a waiter should have got a block, of the heap that is attached still. */
function waiterProblems({ heaps, others }: Full, outcome: Outcome): string[] {
  const got = outcome.results[1];
  if (typeof got !== "number") return [`the waiter ended with ${got}`, ...unexpectedEnds(outcome)];
  return [...unexpectedEnds(outcome), ...stateProblems(heaps[1] as Heap, [...others, got])];
}

/** One waits for memory, the other frees a run of pages, which goes back at once. */
export function waitForRun(kmem: Kmem): Scenario<Full> {
  return {
    name: "a thread waits for memory while another frees a run of pages",
    setUp: () => fullHeap(kmem, RUN_BYTES),
    threads: [
      (world) => call(heapOf(world, 0), "free", world.block),
      (world) => call(heapOf(world, 1), "allocWait", RUN_BYTES),
    ],
    verdict: waiterProblems,
  };
}

/** One waits for memory, the other frees a block, which may stay in its sheaf, and leaves. */
export function waitForLeaver(kmem: Kmem): Scenario<Full> {
  return {
    name: "a thread waits for memory while another frees a block and detaches",
    setUp: () => fullHeap(kmem, LARGE_BYTES),
    threads: [
      function* (world) {
        yield* call(heapOf(world, 0), "free", world.block);
        yield* call(heapOf(world, 0), "detach");
      },
      (world) => call(heapOf(world, 1), "allocWait", LARGE_BYTES),
    ],
    verdict: waiterProblems,
  };
}

/** A waiter calls back the sheaf that its owner is just then working with. */
export function closeWhileUsed(kmem: Kmem): Scenario<Full> {
  return {
    name: "a sheaf is closed while its owner allocates and frees",
    setUp: () => {
      const world = fullHeap(kmem, LARGE_BYTES);
      heapOf(world, 0).free(world.block);
      return world;
    },
    threads: [
      function* (world) {
        const block = yield* call(heapOf(world, 0), "tryAlloc", LARGE_BYTES);
        if (block !== 0) yield* call(heapOf(world, 0), "free", block);
        yield* call(heapOf(world, 0), "detach");
      },
      (world) => call(heapOf(world, 1), "allocWait", LARGE_BYTES),
    ],
    verdict: waiterProblems,
  };
}
