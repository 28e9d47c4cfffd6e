import { HandOver } from "../work/hand-over.ts";
import { breakSeal, nextStamp, seal } from "../work/seal.ts";
import { releaseList, type WorkThread } from "../work/work.ts";

const LEAST_BYTES = 16;
const MOST_BYTES = 1000;
const STEP_BYTES = 12;
const RUN_BLOCKS = 128;
const HALF_RUN: number = RUN_BLOCKS / 2;
const KEEP_ONE_IN = 8;
const KEPT_BLOCKS = 1024;

/** Allocates a run of blocks of one size. */
function fillRun({ alloc, words, work }: WorkThread, run: Int32Array, sizeBytes: number): void {
  let { stamp } = work;
  for (let index = 0; index < RUN_BLOCKS; index += 1) {
    const block = alloc(sizeBytes);
    seal(words, block, sizeBytes, stamp);
    stamp = nextStamp(stamp);
    run[index] = block;
  }
  work.stamp = stamp;
  work.allocatedCount += RUN_BLOCKS;
  work.requestedBytes = (work.requestedBytes + RUN_BLOCKS * sizeBytes) | 0;
}

/** Keeps every eighth block of a run in a ring, from which it drives out one of a run long ago. */
function keepSome(thread: WorkThread, run: Int32Array, kept: Int32Array, keptCount: number): number {
  for (let index = 0; index < RUN_BLOCKS; index += KEEP_ONE_IN) {
    const place = keptCount % KEPT_BLOCKS;
    releaseList(thread, kept, place, 1);
    kept[place] = run[index]!;
    run[index] = 0;
    keptCount += 1;
  }
  return keptCount;
}

/** Moves the first half of a run into a list of another place and answers how many blocks that are. */
function moveFirstHalf(run: Int32Array, list: Int32Array, start: number): number {
  let count = 0;
  for (let index = 0; index < HALF_RUN; index += 1) {
    const block = run[index]!;
    if (block === 0) continue;
    list[start + count] = block;
    count += 1;
  }
  return count;
}

/** Frees the second half of a run, the youngest block first. */
function releaseBackwards({ free, words, work }: WorkThread, run: Int32Array): void {
  for (let index = RUN_BLOCKS - 1; index >= HALF_RUN; index -= 1) {
    const block = run[index]!;
    if (block === 0) continue;
    work.faultCount += breakSeal(words, block);
    free(block);
    work.freedCount += 1;
  }
}

/** sh6: runs of blocks of growing sizes; half goes in the order in which it came, half in the opposite order. */
export function runSh6(thread: WorkThread, amount: number): void {
  const kept = new Int32Array(KEPT_BLOCKS);
  const run = new Int32Array(RUN_BLOCKS);
  let keptCount = 0;
  for (let round = 0; round < amount; round += 1) {
    for (let sizeBytes = LEAST_BYTES; sizeBytes <= MOST_BYTES; sizeBytes += STEP_BYTES) {
      fillRun(thread, run, sizeBytes);
      keptCount = keepSome(thread, run, kept, keptCount);
      releaseList(thread, run, 0, HALF_RUN);
      releaseBackwards(thread, run);
    }
  }
  releaseList(thread, kept, 0, KEPT_BLOCKS);
}

/** sh8: the same, but the half that goes in order is freed by the next thread. */
export function runSh8(thread: WorkThread, amount: number): void {
  const kept = new Int32Array(KEPT_BLOCKS);
  const run = new Int32Array(RUN_BLOCKS);
  const handOver = new HandOver(thread);
  let keptCount = 0;
  for (let round = 0; round < amount; round += 1) {
    for (let sizeBytes = LEAST_BYTES; sizeBytes <= MOST_BYTES; sizeBytes += STEP_BYTES) {
      const start = handOver.awaitRoom();
      fillRun(thread, run, sizeBytes);
      keptCount = keepSome(thread, run, kept, keptCount);
      const count = moveFirstHalf(run, thread.shared, start);
      releaseBackwards(thread, run);
      handOver.give(count);
      handOver.takeAll();
    }
  }
  handOver.end();
  releaseList(thread, kept, 0, KEPT_BLOCKS);
}
