import { below, nextRandom } from "../work/random.ts";
import { breakSeal, nextStamp, seal } from "../work/seal.ts";
import { EXCHANGE, EXCHANGE_SLOTS, FINISHED } from "../work/shared-state.ts";
import { releaseList, type WorkThread } from "../work/work.ts";

const STEPS_PER_ROUND = 1000;
const RETAIN_ONE_IN = 4;
const KEEP_ONE_IN = 3;
const EXCHANGE_ONE_IN = 4;
const LEAST_BYTES = 8;
const SPAN_BYTES = 505;
/** One block in so many is larger by this factor. */
const LARGE_MASK = 127;
const LARGE_FACTOR = 64;

function blockBytes(random: number): number {
  const sizeBytes = LEAST_BYTES + below(random, SPAN_BYTES);
  return (random & LARGE_MASK) === 0 ? sizeBytes * LARGE_FACTOR : sizeBytes;
}

/** One round: blocks come, one in four to stay; most of the others are freed at random places or swapped. */
function runRound(
  { alloc, free, words, shared, work }: WorkThread,
  data: Int32Array,
  retained: Int32Array,
): { readonly dataCount: number; readonly retainedCount: number } {
  let { random, stamp, freedCount, faultCount, requestedBytes } = work;
  let dataCount = 0;
  let retainedCount = 0;
  for (let step = 0; step < STEPS_PER_ROUND; step += 1) {
    random = nextRandom(random);
    const retains = below(random, RETAIN_ONE_IN) === 0;
    random = nextRandom(random);
    const sizeBytes = blockBytes(random);
    const block = alloc(sizeBytes);
    seal(words, block, sizeBytes, stamp);
    stamp = nextStamp(stamp);
    requestedBytes = (requestedBytes + sizeBytes) | 0;
    if (retains) retained[retainedCount++] = block;
    else data[dataCount++] = block;
    if (dataCount === 0) continue;
    random = nextRandom(random);
    if (below(random, KEEP_ONE_IN) !== 0) {
      random = nextRandom(random);
      const index = below(random, dataCount);
      const old = data[index]!;
      if (old !== 0) {
        faultCount += breakSeal(words, old);
        free(old);
        freedCount += 1;
      }
      data[index] = 0;
    }
    random = nextRandom(random);
    if (below(random, EXCHANGE_ONE_IN) === 0) {
      random = nextRandom(random);
      const index = below(random, dataCount);
      random = nextRandom(random);
      const slot = EXCHANGE + below(random, EXCHANGE_SLOTS);
      data[index] = Atomics.exchange(shared, slot, data[index]!);
    }
  }
  work.save(random, stamp, freedCount, faultCount, requestedBytes);
  work.allocatedCount += STEPS_PER_ROUND;
  return { dataCount, retainedCount };
}

/** mstress: threads allocate, free at random, and swap blocks through an exchange that all share. */
export function runMstress(thread: WorkThread, amount: number): void {
  const { shared, laneCount, generationCount } = thread;
  const data = new Int32Array(STEPS_PER_ROUND);
  const retained = new Int32Array(STEPS_PER_ROUND);
  for (let round = 0; round < amount; round += 1) {
    const { dataCount, retainedCount } = runRound(thread, data, retained);
    releaseList(thread, data, 0, dataCount);
    releaseList(thread, retained, 0, retainedCount);
  }
  const isLastThread = Atomics.add(shared, FINISHED, 1) + 1 === laneCount * generationCount;
  if (isLastThread) releaseList(thread, shared, EXCHANGE, EXCHANGE_SLOTS);
}
