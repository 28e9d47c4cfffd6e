import type * as InspectModule from "../../../src/heap/inspect.ts";
import { blocksOf, heapStats, ownerOf } from "../../../src/index.ts";
import { call } from "../call.ts";
import type { Outcome, Scenario } from "../explore/scenario.ts";
import type { Realm } from "../library.ts";
import { Meeting } from "../meeting.ts";
import { heapProblems, stateProblems } from "./conservation.ts";
import { type Heap, type Heaps, type Kmem, memoriesOf } from "./kmem.ts";

/** The largest class: a sheaf holds 4 of its blocks, a slab one, so that few operations reach every layer. */
export const LARGE_BYTES = 32 * 1024;
/** Entries of its sheaf. */
const LARGE_CAPACITY = 4;

interface Prepared extends Heaps {
  /** Blocks that are live when the threads begin. */
  readonly blocks: readonly number[];
}

function prepared(kmem: Kmem, blockCount: number, options: { exactFrees?: boolean } = {}): Prepared {
  const world = kmem.heaps(2, options);
  const heap = world.heaps[0] as Heap;
  return { ...world, blocks: Array.from({ length: blockCount }, () => heap.alloc(LARGE_BYTES)) };
}

function heapOf({ heaps }: Heaps, thread: number): Heap {
  return heaps[thread] as Heap;
}

/** Both threads take a block out of nothing: sheaf, barn, slabs and pages, all at once. */
export function allocTogether(kmem: Kmem): Scenario<Prepared> {
  return {
    name: "two threads allocate from an empty cache",
    setUp: () => prepared(kmem, 0),
    memories: memoriesOf,
    threads: [0, 1].map((thread) => (world) => call(heapOf(world, thread), "alloc", LARGE_BYTES)),
    verdict: (world, outcome) => heapProblems(world, outcome, outcome.results as number[]),
  };
}

/** Each allocates and frees again. */
export function allocAndFree(kmem: Kmem): Scenario<Prepared> {
  return {
    name: "two threads allocate a block and free it",
    setUp: () => prepared(kmem, 0),
    memories: memoriesOf,
    threads: [0, 1].map(
      (thread) =>
        function* (world: Prepared) {
          const block = yield* call(heapOf(world, thread), "alloc", LARGE_BYTES);
          yield* call(heapOf(world, thread), "free", block);
        },
    ),
    verdict: (world, outcome) => heapProblems(world, outcome, []),
  };
}

/** One flushes a full sheaf into the barn while the other fills its empty one from there. */
export function barnExchange(kmem: Kmem): Scenario<Prepared> {
  return {
    name: "a sheaf is flushed while another is refilled",
    setUp: () => {
      const world = prepared(kmem, LARGE_CAPACITY + 1);
      for (const block of world.blocks.slice(1)) heapOf(world, 0).free(block);
      return world;
    },
    memories: memoriesOf,
    threads: [
      (world) => call(heapOf(world, 0), "free", world.blocks[0] as number),
      (world) => call(heapOf(world, 1), "alloc", LARGE_BYTES),
    ],
    verdict: (world, outcome) => heapProblems(world, outcome, [outcome.results[1] as number]),
  };
}

/** Both sheaves are full, and both are flushed into one barn. */
export function flushTogether(kmem: Kmem): Scenario<Prepared> {
  return {
    name: "two full sheaves are flushed",
    setUp: () => {
      const world = prepared(kmem, 2 * LARGE_CAPACITY + 2);
      for (const [number, block] of world.blocks.slice(2).entries()) heapOf(world, number % 2).free(block);
      return world;
    },
    memories: memoriesOf,
    threads: [0, 1].map((thread) => (world) => call(heapOf(world, thread), "free", world.blocks[thread] as number)),
    verdict: (world, outcome) => heapProblems(world, outcome, []),
  };
}

/** Both empty sheaves are refilled from one barn that cannot serve both. */
export function refillTogether(kmem: Kmem): Scenario<Prepared> {
  return {
    name: "two empty sheaves are refilled from one barn",
    setUp: () => {
      const world = prepared(kmem, LARGE_CAPACITY + 1);
      for (const block of world.blocks) heapOf(world, 0).free(block);
      for (let count = 0; count < LARGE_CAPACITY - 1; count++) heapOf(world, 0).alloc(LARGE_BYTES);
      return { ...world, blocks: [...blocksOf(heapOf(world, 0))].map(({ address }) => address) };
    },
    memories: memoriesOf,
    threads: [0, 1].map((thread) => (world) => call(heapOf(world, thread), "alloc", LARGE_BYTES)),
    verdict: (world, outcome) => heapProblems(world, outcome, [...world.blocks, ...(outcome.results as number[])]),
  };
}

/** Each makes a block, or a run of pages, of a third slot its own: whichever is the later one has it in the end. */
export function transferTogether(kmem: Kmem, kind: "block" | "large block" | "pages"): Scenario<Prepared> {
  return {
    name: `two threads make one ${kind} of a third's their own`,
    setUp: () => {
      const world = kmem.heaps(3);
      const third = heapOf(world, 2);
      const sizeBytes = kind === "block" ? LARGE_BYTES : 2 * LARGE_BYTES;
      return { ...world, blocks: [kind === "pages" ? third.pages.alloc(2) : third.alloc(sizeBytes)] };
    },
    memories: memoriesOf,
    threads: [0, 1].map((thread) => (world) => {
      const heap = heapOf(world, thread);
      const functions = (kmem.realms[thread] as Realm).module<typeof InspectModule>("heap/inspect.ts");
      return call(functions, "transferBlock", heap, world.blocks[0] as number, heap.slot);
    }),
    verdict: (world, outcome) => {
      const owner = ownerOf(heapOf(world, 0), world.blocks[0] as number);
      const owners = [0, 1].map((thread) => heapOf(world, thread).slot);
      const wrong = owner !== undefined && owners.includes(owner) ? [] : [`the owner is ${owner}, not ${owners}`];
      return [...wrong, ...heapProblems(world, outcome, kind === "pages" ? [] : world.blocks)];
    },
  };
}

/**
 * Two threads free the same block; when both have, each allocates so many. Not before: the second free would be a
 * proper one of whatever the first thread had got in between.
 */
export function sameFree(kmem: Kmem, exactFrees: boolean, allocations: number): Scenario<MeetingWorld> {
  return {
    name: `two threads free one block${exactFrees ? ", exactly" : ""}, then allocate ${allocations} each`,
    setUp: () => ({ ...prepared(kmem, 1, { exactFrees }), meeting: new Meeting(kmem.library.runtime, 2) }),
    memories: (world) => [...memoriesOf(world), world.meeting.memory],
    threads: [0, 1].map(
      (thread) =>
        function* (world: MeetingWorld) {
          const heap = heapOf(world, thread);
          let isRefused = false;
          try {
            yield* call(heap, "free", world.blocks[0] as number);
          } catch (error) {
            if ((error as { code?: string }).code !== "DOUBLE_FREE") throw error;
            isRefused = true;
          }
          yield* world.meeting.join(thread);
          const blocks: number[] = [];
          for (let count = 0; count < allocations; count++) blocks.push(yield* call(heap, "alloc", LARGE_BYTES));
          return { isRefused, blocks };
        },
    ),
    verdict: (world, outcome) => sameFreeProblems(world, outcome, exactFrees),
  };
}

interface MeetingWorld extends Prepared {
  readonly meeting: Meeting;
}

interface FreeResult {
  readonly isRefused: boolean;
  readonly blocks: readonly number[];
}

function sameFreeProblems(world: Prepared, outcome: Outcome, exactFrees: boolean): string[] {
  const results = outcome.results.filter((result) => result !== undefined) as FreeResult[];
  const blocks = results.flatMap((result) => result.blocks);
  const problems: string[] = [];
  if (new Set(blocks).size < blocks.length) problems.push(`a block was handed out twice: ${blocks.join()}`);
  const refusals = results.filter(({ isRefused }) => isRefused).length;
  // Two threads that free by plain stores may both succeed; the second entry is then found when it comes up.
  if (refusals > 1 || (exactFrees && refusals !== 1)) problems.push(`${refusals} of two frees were refused`);
  if (exactFrees) return [...problems, ...heapProblems(world, outcome, blocks)];
  const isExact = refusals === 1;
  const late = heapStats(heapOf(world, 0)).lateDoubleFrees;
  if (isExact && late > 0) problems.push(`${late} late double frees though one was refused at once`);
  return [...problems, ...(isExact ? heapProblems(world, outcome, blocks) : lateProblems(world, blocks))];
}

/** A stale entry may still be in a sheaf; once the sheaves are drained, nothing may be left of it. */
function lateProblems(world: Prepared, blocks: readonly number[]): string[] {
  for (const thread of [0, 1]) heapOf(world, thread).trim();
  const late = heapStats(heapOf(world, 0)).lateDoubleFrees;
  const counted = late === 1 ? [] : [`${late} late double frees were counted, not 1`];
  return [...counted, ...stateProblems(heapOf(world, 0), blocks)];
}
