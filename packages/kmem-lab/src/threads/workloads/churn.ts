import { below, nextRandom } from "../work/random.ts";
import { breakSeal, nextStamp, seal } from "../work/seal.ts";
import { arrayStart, LARSON_BLOCKS } from "../work/shared-state.ts";
import { releaseList, type WorkThread } from "../work/work.ts";

const LOCAL_BLOCKS = 1000;
const LOCAL_LEAST_BYTES = 16;
const LOCAL_MOST_BYTES = 1024;
const LARSON_LEAST_BYTES = 8;
const LARSON_MOST_BYTES = 1000;

/**
 * Rounds that a call makes. A call enters the optimised code of the loop; a loop that runs once and for long is entered
 * in its middle, and what is compiled for that is slower by a fourth.
 */
const ROUNDS_PER_CALL = 20_000;

/** Frees and replaces randomly chosen blocks of an array. */
function churn(thread: WorkThread, blocks: Int32Array, leastBytes: number, mostBytes: number, amount: number): void {
  for (let done = 0; done < amount; done += ROUNDS_PER_CALL) {
    replaceSome(thread, blocks, leastBytes, mostBytes, Math.min(ROUNDS_PER_CALL, amount - done));
  }
}

function replaceSome(
  { alloc, free, words, work }: WorkThread,
  blocks: Int32Array,
  leastBytes: number,
  mostBytes: number,
  amount: number,
): void {
  const blockCount = blocks.length;
  const spanBytes = mostBytes - leastBytes + 1;
  let { random, stamp, freedCount, faultCount, requestedBytes } = work;
  for (let round = 0; round < amount; round += 1) {
    random = nextRandom(random);
    const index = below(random, blockCount);
    const old = blocks[index]!;
    if (old !== 0) {
      faultCount += breakSeal(words, old);
      free(old);
      freedCount += 1;
    }
    random = nextRandom(random);
    const sizeBytes = leastBytes + below(random, spanBytes);
    const block = alloc(sizeBytes);
    seal(words, block, sizeBytes, stamp);
    blocks[index] = block;
    stamp = nextStamp(stamp);
    requestedBytes = (requestedBytes + sizeBytes) | 0;
  }
  work.save(random, stamp, freedCount, faultCount, requestedBytes);
  work.allocatedCount += amount;
}

/** Local churn: each thread frees what it allocated itself, and nothing else. */
export function runLocal(thread: WorkThread, amount: number): void {
  const blocks = new Int32Array(LOCAL_BLOCKS);
  churn(thread, blocks, LOCAL_LEAST_BYTES, LOCAL_MOST_BYTES, amount);
  releaseList(thread, blocks, 0, LOCAL_BLOCKS);
}

/** larson: the same, but each thread leaves its blocks to a successor, and the last one frees them all. */
export function runLarson(thread: WorkThread, amount: number): void {
  const start = arrayStart(thread.lane);
  const blocks = thread.shared.subarray(start, start + LARSON_BLOCKS);
  churn(thread, blocks, LARSON_LEAST_BYTES, LARSON_MOST_BYTES, amount);
  if (thread.generation + 1 === thread.generationCount) releaseList(thread, blocks, 0, LARSON_BLOCKS);
}
