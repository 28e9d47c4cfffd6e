import { call } from "../call.ts";
import type { Scenario } from "../explore/scenario.ts";
import { heapProblems, stateProblems } from "./conservation.ts";
import { type Heap, type Heaps, type Kmem, memoriesOf } from "./kmem.ts";

interface WithRun extends Heaps {
  readonly run: number;
}

const RUN_PAGES = 3;

function pagesOf({ heaps }: Heaps, thread: number): Heap["pages"] {
  return (heaps[thread] as Heap).pages;
}

/** Both free one run; exactly one may succeed. `count` says whether runs of that length go through pcp lists. */
export function sameRunFreed(kmem: Kmem, count: number): Scenario<WithRun> {
  return {
    name: `two threads free one run of ${count} pages`,
    setUp: () => {
      const world = kmem.heaps(2);
      return { ...world, run: pagesOf(world, 0).alloc(count) };
    },
    memories: memoriesOf,
    threads: [0, 1].map(
      (thread) =>
        function* (world: WithRun) {
          try {
            yield* call(pagesOf(world, thread), "free", world.run, count);
            return "freed";
          } catch (error) {
            return (error as { code?: string }).code;
          }
        },
    ),
    verdict: (world, outcome) => {
      const results = [...outcome.results].sort().join();
      const problems = results === "INVALID_FREE,freed" ? [] : [`the two frees ended: ${results}`];
      return [...problems, ...heapProblems(world, outcome, [])];
    },
  };
}

/** Pcp lists are refilled and drained at once. */
export function pcpLists(kmem: Kmem, counts: readonly number[]): Scenario<Heaps> {
  return {
    name: `two threads take and give back runs of ${counts.join(" and ")} pages`,
    setUp: () => kmem.heaps(2),
    memories: memoriesOf,
    threads: [0, 1].map(
      (thread) =>
        function* (world: Heaps) {
          const pages = pagesOf(world, thread);
          const count = counts[thread] ?? 1;
          const run = yield* call(pages, "alloc", count);
          yield* call(pages, "free", run, count);
          return run;
        },
    ),
    verdict: (world, outcome) => {
      const problems = outcome.results.includes(0) ? ["a run was refused though there is memory"] : [];
      return [...problems, ...heapProblems(world, outcome, [])];
    },
  };
}

/** Each frees a part of one run while the other does. */
export function partsFreed(kmem: Kmem): Scenario<WithRun> {
  return {
    name: "two threads free the two ends of one run",
    setUp: () => {
      const world = kmem.heaps(2);
      return { ...world, run: pagesOf(world, 0).alloc(RUN_PAGES) };
    },
    memories: memoriesOf,
    threads: [
      (world) => call(pagesOf(world, 0), "free", world.run, 1),
      (world) => call(pagesOf(world, 1), "free", world.run + 8192, 1),
    ],
    verdict: (world, outcome) => {
      const problems = heapProblems(world, outcome, []);
      pagesOf(world, 0).free(world.run + 4096, 1);
      return [...problems, ...stateProblems(world.heaps[0] as Heap, [])];
    },
  };
}
