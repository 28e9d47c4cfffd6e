import type { EngineContext } from "../pages/engine-lock.ts";
import { NO_FRAME, OwnerMark } from "../pages/layout.ts";
import { Buckets } from "./bucket.ts";
import { BucketWord, LISTS_PER_POOL, POOL_COUNT, StateWord } from "./layout.ts";
import { findState, markedRuns, stateWord } from "./runs.ts";
import { bucketShapes } from "./shape.ts";

/** What is counted while buckets are gone through. */
interface Counts {
  buckets: number;
  liveBlocks: number;
}

/**
 * Makes the buckets of a heap whole after a thread has died under their lock, which the caller holds: free lists, lists
 * of buckets and counts are rebuilt from marks, shapes and bitmaps, and a bucket without a live block goes back. A
 * thread that dies on the way leaves what the next call repairs. O(frames + blocks).
 */
export function repairBuckets(context: EngineContext): void {
  const { memory, pages } = context;
  const { words } = memory;
  const stateFrame = findState(context);
  if (stateFrame === NO_FRAME) return;
  const state = stateWord(stateFrame);
  const heads = state + StateWord.HEADS;
  words.fill(NO_FRAME, heads, heads + POOL_COUNT * LISTS_PER_POOL);
  const buckets = new Buckets(memory, bucketShapes());
  const counts: Counts = { buckets: 0, liveBlocks: 0 };
  for (const frame of markedRuns(context, OwnerMark.BUCKET)) repairBucket(context, buckets, frame, heads, counts);
  words[state + StateWord.BUCKETS] = counts.buckets;
  words[state + StateWord.LIVE_BLOCKS] = counts.liveBlocks;
  const dmaRuns = [...markedRuns(context, OwnerMark.DMA_BUFFER)];
  words[state + StateWord.DMA_BUFFERS] = dmaRuns.length;
  words[state + StateWord.DMA_PAGES] = dmaRuns.reduce((sum, frame) => sum + pages.frames.count(frame), 0);
}

function repairBucket(
  { memory, pages }: EngineContext,
  buckets: Buckets,
  frame: number,
  heads: number,
  counts: Counts,
): void {
  const shape = buckets.shape(frame);
  const pool = buckets.pool(frame);
  // One whose metadata somebody has overwritten stays as it is; nothing can be told of its blocks.
  if (shape?.pageCount !== pages.frames.count(frame) || pool >= POOL_COUNT) return;
  const liveCount = buckets.recount(frame);
  if (liveCount === 0) {
    pages.freeExclusive(frame, shape.pageCount);
    return;
  }
  counts.buckets++;
  counts.liveBlocks += liveCount;
  buckets.relink(frame);
  if (liveCount === shape.blockCount) return;
  const { words } = memory;
  const head = heads + pool * LISTS_PER_POOL + shape.shift;
  const next = words[head];
  buckets.set(frame, BucketWord.NEXT, next);
  buckets.set(frame, BucketWord.PREV, NO_FRAME);
  if (next !== NO_FRAME) buckets.set(next, BucketWord.PREV, frame);
  words[head] = frame;
}
