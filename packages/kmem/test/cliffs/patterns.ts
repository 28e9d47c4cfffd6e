import type { Heap } from "../../src/index.ts";
import type { Random } from "../support/random.ts";

/** What a pattern works on. */
export interface PatternContext {
  readonly heap: Heap;
  /** Another slot of the heap. */
  readonly attach: () => Heap;
  readonly random: Random;
  readonly sizeBytes: number;
  readonly liveCount: number;
}

/** A way to use a heap. `start` allocates what is to be live, and returns a step: about one allocation and one free. */
export interface Pattern {
  readonly name: string;
  readonly start: (context: PatternContext) => () => void;
}

/** Replaces the oldest of the live blocks, of sizes that come in turn. */
function inTurn({ heap, liveCount }: PatternContext, sizeOf: (index: number) => number): () => void {
  let next = 0;
  const live = Array.from({ length: liveCount }, () => heap.alloc(sizeOf(next++)));
  return () => {
    const at = next % liveCount;
    heap.free(live[at] as number);
    live[at] = heap.alloc(sizeOf(next++));
  };
}

/** Sizes of so many classes from a size down. */
function classesDown(sizeBytes: number, count: number): (index: number) => number {
  return (index) => Math.max(1, Math.ceil(sizeBytes * (1 - (index % count) / (2 * count))));
}

export const PATTERNS: readonly Pattern[] = [
  { name: "oldest first", start: (context) => inTurn(context, () => context.sizeBytes) },
  {
    name: "a stack",
    start: ({ heap, liveCount, sizeBytes }) => {
      const stack: number[] = [];
      let isGrowing = true;
      return () => {
        if (isGrowing) stack.push(heap.alloc(sizeBytes));
        else heap.free(stack.pop() as number);
        if (stack.length === liveCount || stack.length === 0) isGrowing = stack.length === 0;
      };
    },
  },
  {
    name: "any of them",
    start: ({ heap, liveCount, sizeBytes, random }) => {
      const live = Array.from({ length: liveCount }, () => heap.alloc(sizeBytes));
      return () => {
        const at = random.below(liveCount);
        heap.free(live[at] as number);
        live[at] = heap.alloc(sizeBytes);
      };
    },
  },
  ...[6, 16].map((count) => ({
    name: `${count} sizes in turn`,
    start: (context: PatternContext) => inTurn(context, classesDown(context.sizeBytes, count)),
  })),
  {
    name: "any size up to it",
    start: (context) => inTurn(context, () => 1 + context.random.below(context.sizeBytes)),
  },
  {
    name: "made longer and shorter",
    start: ({ heap, liveCount, sizeBytes }) => {
      const live = Array.from({ length: liveCount }, () => heap.alloc(sizeBytes));
      let step = 0;
      return () => {
        const at = step++ % liveCount;
        const isLong = Math.floor(step / liveCount) % 2 === 0;
        live[at] = heap.realloc(live[at] as number, isLong ? sizeBytes + (sizeBytes >> 1) : sizeBytes);
      };
    },
  },
  {
    name: "aligned to a page",
    start: ({ heap, liveCount, sizeBytes }) => {
      const live = Array.from({ length: liveCount }, () => heap.alignedAlloc(4096, sizeBytes));
      let step = 0;
      return () => {
        const at = step++ % liveCount;
        heap.free(live[at] as number);
        live[at] = heap.alignedAlloc(4096, sizeBytes);
      };
    },
  },
  {
    name: "freed by another thread",
    start: ({ heap, attach, liveCount, sizeBytes }) => {
      const other = attach();
      const live = Array.from({ length: liveCount }, () => heap.alloc(sizeBytes));
      let step = 0;
      return () => {
        const at = step++ % liveCount;
        other.free(live[at] as number);
        live[at] = heap.alloc(sizeBytes);
      };
    },
  },
  {
    name: "runs of pages",
    start: ({ heap, liveCount, sizeBytes }) => {
      const pageCount = Math.ceil(sizeBytes / 4096);
      const live = Array.from({ length: liveCount }, () => heap.pages.alloc(pageCount));
      let step = 0;
      return () => {
        const at = step++ % liveCount;
        heap.pages.free(live[at] as number, pageCount);
        live[at] = heap.pages.alloc(pageCount);
      };
    },
  },
];
