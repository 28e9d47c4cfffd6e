import type * as stream from "../trace/op-stream.ts";
import { isOutOfMemory } from "./replay-heap.ts";
import type { ReplayTarget } from "./replay-target.ts";
import type { WorkloadKind } from "./workload.ts";

// The format of an operation once more, as numbers of this module, which the compiler compares with the originals: V8
// loads an imported constant again at each use, and that would add a fifth to the time of the loops below.
const CODE: typeof stream.OPERATION.CODE = 0;
const SLOT: typeof stream.OPERATION.SLOT = 1;
const SIZE: typeof stream.OPERATION.SIZE = 2;
const AUX: typeof stream.OPERATION.AUX = 3;
const WORDS_PER_OP: typeof stream.WORDS_PER_OP = 4;
const CODE_MASK: typeof stream.OP_CODE_MASK = 0xff;
const LOG2_ALIGN_SHIFT: typeof stream.LOG2_ALIGN_SHIFT = 8;
const PAGE_BYTES: typeof stream.PAGE_BYTES = 4096;
const MALLOC: typeof stream.OP.MALLOC = 0;
const FREE: typeof stream.OP.FREE = 1;
const CALLOC: typeof stream.OP.CALLOC = 2;
const REALLOC: typeof stream.OP.REALLOC = 3;
const ALIGNED: typeof stream.OP.ALIGNED = 4;
const CACHE_ALLOC: typeof stream.OP.CACHE_ALLOC = 5;
const CACHE_FREE: typeof stream.OP.CACHE_FREE = 6;
const PAGE_ALLOC: typeof stream.OP.PAGE_ALLOC = 7;
const PAGE_RUN: typeof stream.OP.PAGE_RUN = 9;
const CACHE_BUILD: typeof stream.OP.CACHE_BUILD = 10;

/**
 * Applies the operations in `words` from `startWord` to `endWord`. Answers how many allocations failed for want of
 * memory; other errors of the heap are thrown.
 */
export type OpLoop = (target: ReplayTarget, words: Uint32Array, startWord: number, endWord: number) => number;

/**
 * The loops that are timed, of which `native/replay.c` has the mirror image. They touch no contents of blocks. A
 * process replays workloads of one kind on one kind of heap, so that every call in them has one target; and there is
 * one loop for each kind of workload, because the engine inlines the allocator into a short loop only.
 */
export const OP_LOOPS: Readonly<Record<WorkloadKind, OpLoop>> = {
  blocks: replayBlocks,
  objects: replayObjects,
  pages: replayPages,
  runs: replayRuns,
  areas: replayBlocks,
  constructed: replayConstructed,
};

function replayBlocks(target: ReplayTarget, words: Uint32Array, startWord: number, endWord: number): number {
  const { heap, addresses } = target;
  let failureCount = 0;
  let at = startWord;
  while (at < endWord) {
    try {
      for (; at < endWord; at += WORDS_PER_OP) {
        const word = words[at + CODE]!;
        const slot = words[at + SLOT]!;
        switch (word & CODE_MASK) {
          case MALLOC:
            addresses[slot] = heap.alloc(words[at + SIZE]!);
            break;
          case FREE:
            heap.free(addresses[slot]!);
            break;
          case CALLOC:
            addresses[slot] = heap.calloc(1, words[at + SIZE]!);
            break;
          case REALLOC:
            addresses[slot] = heap.realloc(addresses[slot]!, words[at + SIZE]!);
            break;
          case ALIGNED:
            addresses[slot] = heap.alignedAlloc((1 << (word >>> LOG2_ALIGN_SHIFT)) >>> 0, words[at + SIZE]!);
            break;
        }
      }
    } catch (error) {
      noteFailure(target, words, at, error);
      failureCount += 1;
      at += WORDS_PER_OP;
    }
  }
  return failureCount;
}

function replayObjects(target: ReplayTarget, words: Uint32Array, startWord: number, endWord: number): number {
  const { heap, caches, addresses } = target;
  let failureCount = 0;
  let at = startWord;
  while (at < endWord) {
    try {
      for (; at < endWord; at += WORDS_PER_OP) {
        const slot = words[at + SLOT]!;
        switch (words[at + CODE]! & CODE_MASK) {
          case MALLOC:
            addresses[slot] = heap.alloc(words[at + SIZE]!);
            break;
          case FREE:
            heap.free(addresses[slot]!);
            break;
          case CACHE_ALLOC:
            addresses[slot] = caches[words[at + AUX]!]!.alloc();
            break;
          case CACHE_FREE:
            caches[words[at + AUX]!]!.free(addresses[slot]!);
            break;
        }
      }
    } catch (error) {
      noteFailure(target, words, at, error);
      failureCount += 1;
      at += WORDS_PER_OP;
    }
  }
  return failureCount;
}

function replayPages(target: ReplayTarget, words: Uint32Array, startWord: number, endWord: number): number {
  const { pages } = target.heap;
  const { addresses } = target;
  let failureCount = 0;
  for (let at = startWord; at < endWord; at += WORDS_PER_OP) {
    const slot = words[at + SLOT]!;
    const size = words[at + SIZE]!;
    if ((words[at + CODE]! & CODE_MASK) === PAGE_ALLOC) {
      const address = pages.tryAlloc(1 << size);
      addresses[slot] = address;
      if (address === 0) failureCount += 1;
    } else {
      const address = addresses[slot]!;
      if (address !== 0) pages.free(address + words[at + AUX]! * PAGE_BYTES, size);
    }
  }
  return failureCount;
}

/** Runs of pages: a run goes back whole. */
function replayRuns(target: ReplayTarget, words: Uint32Array, startWord: number, endWord: number): number {
  const { pages } = target.heap;
  const { addresses } = target;
  let failureCount = 0;
  for (let at = startWord; at < endWord; at += WORDS_PER_OP) {
    const slot = words[at + SLOT]!;
    const pageCount = words[at + SIZE]!;
    if ((words[at + CODE]! & CODE_MASK) === PAGE_RUN) {
      const address = pages.tryAlloc(pageCount);
      addresses[slot] = address;
      if (address === 0) failureCount += 1;
    } else {
      const address = addresses[slot]!;
      if (address !== 0) pages.free(address, pageCount);
    }
  }
  return failureCount;
}

function replayConstructed(target: ReplayTarget, words: Uint32Array, startWord: number, endWord: number): number {
  const { caches, addresses } = target;
  let failureCount = 0;
  let at = startWord;
  while (at < endWord) {
    try {
      for (; at < endWord; at += WORDS_PER_OP) {
        const slot = words[at + SLOT]!;
        const cache = caches[words[at + AUX]!]!;
        if ((words[at + CODE]! & CODE_MASK) === CACHE_BUILD) addresses[slot] = cache.alloc();
        else cache.free(addresses[slot]!);
      }
    } catch (error) {
      noteFailure(target, words, at, error);
      failureCount += 1;
      at += WORDS_PER_OP;
    }
  }
  return failureCount;
}

/** Throws what is no want of memory. */
function noteFailure(target: ReplayTarget, words: Uint32Array, at: number, error: unknown): void {
  if (!isOutOfMemory(error)) throw error;
  // What the slot still holds is another block's address by now; but realloc leaves its block as it was.
  if ((words[at + CODE]! & CODE_MASK) !== REALLOC) target.addresses[words[at + SLOT]!] = 0;
}
