import { HandOver } from "../work/hand-over.ts";
import { below, nextRandom } from "../work/random.ts";
import { breakSeal, nextStamp, seal } from "../work/seal.ts";
import { releaseList, type WorkThread } from "../work/work.ts";

const BLOCK_COUNT = 1000;
const STRIDE = 7;
const REPLACED_PER_ROUND = 100;
const HAND_OVER_EVERY = 2;
const LEAST_BYTES = 8;
const SPAN_BYTES = 15_993;
/** Instead of the start of a list: blocks are freed at once. */
const NO_LIST = -1;

/** Replaces a part of the blocks; the old ones go into a list in the shared words, whose length is the answer. */
function replaceSome({ alloc, free, words, shared, work }: WorkThread, blocks: Int32Array, listStart: number): number {
  let { random, stamp, freedCount, faultCount, requestedBytes } = work;
  let listCount = 0;
  random = nextRandom(random);
  let index = below(random, BLOCK_COUNT);
  for (let count = 0; count < REPLACED_PER_ROUND; count += 1) {
    index = (index + STRIDE) % BLOCK_COUNT;
    const old = blocks[index]!;
    if (old !== 0) {
      if (listStart !== NO_LIST) {
        shared[listStart + listCount] = old;
        listCount += 1;
      } else {
        faultCount += breakSeal(words, old);
        free(old);
        freedCount += 1;
      }
    }
    random = nextRandom(random);
    const one = below(random, SPAN_BYTES);
    random = nextRandom(random);
    const other = below(random, SPAN_BYTES);
    // The smaller of two: small blocks are the more frequent, in a straight line down to none of the largest.
    const sizeBytes = LEAST_BYTES + (one < other ? one : other);
    const block = alloc(sizeBytes);
    seal(words, block, sizeBytes, stamp);
    stamp = nextStamp(stamp);
    blocks[index] = block;
    requestedBytes = (requestedBytes + sizeBytes) | 0;
  }
  work.save(random, stamp, freedCount, faultCount, requestedBytes);
  work.allocatedCount += REPLACED_PER_ROUND;
  return listCount;
}

/** rptest: blocks of many sizes are replaced a part at a time; every other part is freed by the next thread. */
export function runRptest(thread: WorkThread, amount: number): void {
  const blocks = new Int32Array(BLOCK_COUNT);
  const handOver = new HandOver(thread);
  for (let round = 0; round < amount; round += 1) {
    if (round % HAND_OVER_EVERY !== 0) {
      replaceSome(thread, blocks, NO_LIST);
      continue;
    }
    handOver.give(replaceSome(thread, blocks, handOver.awaitRoom()));
    handOver.takeAll();
  }
  handOver.end();
  releaseList(thread, blocks, 0, BLOCK_COUNT);
}
