import { bindFastPath, type FastPath, type FastPathContext, type SlowPath } from "../slab/fast-path.ts";
import { bindFastVariants, type FastVariants } from "../slab/fast-variants.ts";
import { bindGrowingPath, type GrowingPath } from "../slab/growing-path.ts";
import type { BlockCalls } from "./block-calls.ts";

/** Where a heap's calls turn when their fast path cannot go on. */
export interface SlowCalls extends SlowPath {
  /** Answers with 0 where there is no memory. */
  readonly tryAlloc: (sizeBytes: number) => number;
}

/** The fast path of a heap, bound to its memory as it is. */
export interface BoundPath {
  readonly fast: FastPath;
  /** calloc, realloc and alignedAlloc on the sheaves. */
  readonly variants: FastVariants;
  readonly calls: BlockCalls;
  /** The path itself where it stays the same when the memory grows. */
  readonly growing: GrowingPath | undefined;
}

/**
 * Binds the fast path of a heap, or binds the one that it has to memory that has grown. Memory whose growth detaches
 * views gets the path that stays the same with its first growth: until then the other one is faster.
 */
export function bindPath(context: FastPathContext, slow: SlowCalls, former?: BoundPath): BoundPath {
  const variants = bindFastVariants(context);
  if (former?.growing !== undefined) {
    former.growing.rebind(context);
    return { ...former, variants };
  }
  const hasGrown = former !== undefined && context.memory.detachesViews && !context.hasExactFrees;
  const growing = hasGrown ? bindGrowingPath(context, slow) : undefined;
  const fast = growing ?? bindFastPath(context, slow);
  const { alloc, free, take } = fast;
  const tryAlloc = (sizeBytes: number): number => {
    const address = take(sizeBytes);
    return address !== 0 ? address : slow.tryAlloc(sizeBytes);
  };
  return { fast, variants, calls: { alloc, free, tryAlloc }, growing };
}
