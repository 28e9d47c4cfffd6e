import type { Report } from "../memory/finding.ts";
import { PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { NO_FRAME, OwnerMark } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import type { Buckets } from "./bucket.ts";
import {
  BITMAP_WORD_SHIFT,
  BUCKET_MIN_SHIFT,
  BucketWord,
  LISTS_PER_POOL,
  POOL_COUNT,
  STATE_MAGIC,
  StateWord,
} from "./layout.ts";
import { type BucketShape, bitmapWords } from "./shape.ts";

/** One broken invariant of the buckets. */
export interface BucketFinding {
  /** The layer that it was found in. */
  readonly layer: "bucket";
  /** The bucket, block or page that it is about. */
  readonly address: number;
  /** What is wrong, in a sentence. */
  readonly problem: string;
}

/** What the check reads. */
export interface BucketCheckContext {
  readonly memory: LinearMemory;
  readonly pages: PageAllocator;
  readonly buckets: Buckets;
  readonly shapes: readonly BucketShape[];
  readonly stateFrame: number;
  /** First frames of the runs with a mark. */
  readonly runs: (mark: number) => Iterable<number>;
}

/** Counts that the engine's page must agree with, and the buckets that its lists must hold. */
interface Tally {
  buckets: number;
  liveBlocks: number;
  /** Buckets with free blocks, and the index of the list that each belongs in. */
  readonly listed: Map<number, number>;
}

/**
 * Verifies bitmaps, counts, free lists, lists of buckets and the engine's page against each other and the frame table.
 * Reads only; ends on any bytes.
 */
export function checkBuckets(context: BucketCheckContext): BucketFinding[] {
  const findings: BucketFinding[] = [];
  const report: Report = (address, problem) => findings.push({ layer: "bucket", address, problem });
  const tally: Tally = { buckets: 0, liveBlocks: 0, listed: new Map() };
  for (const frame of context.runs(OwnerMark.BUCKET)) checkBucket(context, frame, tally, report);
  checkState(context, tally, report);
  checkLists(context, tally.listed, report);
  for (const frame of tally.listed.keys()) report(frame * PAGE_SIZE, "a bucket with free blocks is in no list");
  return findings;
}

function checkBucket(context: BucketCheckContext, frame: number, tally: Tally, report: Report): void {
  const { buckets, pages } = context;
  const address = frame * PAGE_SIZE;
  const shape = buckets.shape(frame);
  const pool = buckets.pool(frame);
  if (shape === undefined || shape.pageCount !== pages.frames.count(frame) || pool >= POOL_COUNT) {
    report(address, "the shape of a bucket is damaged");
    return;
  }
  let live = 0;
  const bitCount = bitmapWords(shape.blockCount) << BITMAP_WORD_SHIFT;
  for (let index = 0; index < bitCount; index++) {
    if (!buckets.isLive(frame, index)) continue;
    if (index < shape.blockCount) live++;
    else report(address, `the bitmap of a bucket names block ${index} of ${shape.blockCount}`);
  }
  if (live !== buckets.liveCount(frame)) {
    report(address, `a bucket has ${live} live blocks, its count says ${buckets.liveCount(frame)}`);
  }
  if (live === 0) report(address, "a bucket without a live block was not released");
  checkFreeList(context, frame, shape, shape.blockCount - live, report);
  tally.buckets++;
  tally.liveBlocks += live;
  if (live < shape.blockCount) tally.listed.set(frame, pool * LISTS_PER_POOL + shape.shift);
}

function checkFreeList(
  { memory, buckets }: BucketCheckContext,
  frame: number,
  shape: BucketShape,
  freeCount: number,
  report: Report,
): void {
  const seen = new Set<number>();
  let address = buckets.get(frame, BucketWord.FREE_HEAD) >>> 0;
  while (address !== 0) {
    const index = buckets.indexOf(frame, shape, address);
    if (index < 0 || buckets.isLive(frame, index) || seen.has(index)) {
      report(address, "a free list holds what is no free block of its bucket, or holds it twice");
      return;
    }
    seen.add(index);
    address = memory.words[address >>> WORD_SHIFT] >>> 0;
  }
  if (seen.size !== freeCount) {
    report(frame * PAGE_SIZE, `a bucket has ${freeCount} free blocks, its free list holds ${seen.size}`);
  }
}

function checkState(context: BucketCheckContext, tally: Tally, report: Report): void {
  const { memory, pages, stateFrame } = context;
  const address = stateFrame * PAGE_SIZE;
  const word = (field: number): number => memory.words[(stateFrame << (PAGE_SHIFT - WORD_SHIFT)) + field];
  const compare = (what: string, field: number, counted: number): void => {
    if (word(field) !== counted) report(address, `${counted} ${what}, the count says ${word(field)}`);
  };
  if (word(StateWord.MAGIC) !== STATE_MAGIC) report(address, "the page of the buckets has lost its magic");
  const states = [...context.runs(OwnerMark.BUCKET_STATE)];
  if (states.length !== 1 || states[0] !== stateFrame) report(address, "there is not exactly one page of the buckets");
  const dmaFrames = [...context.runs(OwnerMark.DMA_BUFFER)];
  compare("buckets", StateWord.BUCKETS, tally.buckets);
  compare("live blocks", StateWord.LIVE_BLOCKS, tally.liveBlocks);
  compare("buffers for DMA", StateWord.DMA_BUFFERS, dmaFrames.length);
  const dmaPages = dmaFrames.reduce((sum, frame) => sum + pages.frames.count(frame), 0);
  compare("pages for DMA", StateWord.DMA_PAGES, dmaPages);
}

function checkLists(context: BucketCheckContext, listed: Map<number, number>, report: Report): void {
  const { memory, buckets, stateFrame } = context;
  const heads = (stateFrame << (PAGE_SHIFT - WORD_SHIFT)) + StateWord.HEADS;
  for (let list = 0; list < POOL_COUNT * LISTS_PER_POOL; list++) {
    let previous: number = NO_FRAME;
    let frame = memory.words[heads + list];
    if (list % LISTS_PER_POOL < BUCKET_MIN_SHIFT && frame !== NO_FRAME) {
      report(stateFrame * PAGE_SIZE, `the list of blocks of ${2 ** (list % LISTS_PER_POOL)} bytes is not empty`);
    }
    while (frame !== NO_FRAME) {
      if (listed.get(frame) !== list) {
        report(frame * PAGE_SIZE, "a list holds what is no bucket of its size with free blocks, or holds it twice");
        break;
      }
      listed.delete(frame);
      if (buckets.get(frame, BucketWord.PREV) !== previous) report(frame * PAGE_SIZE, "a link back is wrong");
      previous = frame;
      frame = buckets.get(frame, BucketWord.NEXT);
    }
  }
}
