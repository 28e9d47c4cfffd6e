import { breakSeal, nextStamp, seal } from "../work/seal.ts";
import { objectWord } from "../work/shared-state.ts";
import { releaseList, type WorkThread } from "../work/work.ts";

const BLOCK_BYTES = 8;
const WRITE_COUNT = 1000;
const WORD_SHIFT = 2;

/** Before each phase the main thread allocates a block for each of the others, side by side in one cache line. */
export function prepareCacheScratch({ alloc, words, shared, laneCount, work }: WorkThread): void {
  for (let lane = 0; lane < laneCount; lane += 1) {
    const block = alloc(BLOCK_BYTES);
    seal(words, block, BLOCK_BYTES, work.stamp);
    shared[objectWord(lane)] = block;
    work.stamp = nextStamp(work.stamp);
    work.allocatedCount += 1;
    work.requestedBytes += BLOCK_BYTES;
  }
}

/** cache-scratch: each thread frees the block that it was given, then writes many times to small blocks of its own. */
export function runCacheScratch(thread: WorkThread, amount: number): void {
  const { alloc, free, words, work } = thread;
  releaseList(thread, thread.shared, objectWord(thread.lane), 1);
  let { stamp, faultCount } = work;
  for (let round = 0; round < amount; round += 1) {
    const block = alloc(BLOCK_BYTES);
    seal(words, block, BLOCK_BYTES, stamp);
    const word = block >>> WORD_SHIFT;
    for (let count = 0; count < WRITE_COUNT; count += 1) words[word] = words[word]! + 1;
    words[word] = words[word]! - WRITE_COUNT;
    stamp = nextStamp(stamp);
    faultCount += breakSeal(words, block);
    free(block);
  }
  work.stamp = stamp;
  work.faultCount = faultCount;
  work.allocatedCount += amount;
  work.freedCount += amount;
  work.requestedBytes = (work.requestedBytes + Math.imul(amount, BLOCK_BYTES)) | 0;
}
