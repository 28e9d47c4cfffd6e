import {
  awaitFree,
  awaitFull,
  giveList,
  LIST_CAPACITY,
  listStart,
  nextToGive,
  nextToTake,
  releasePlace,
} from "../work/list-ring.ts";
import { nextStamp, seal } from "../work/seal.ts";
import { ringStart } from "../work/shared-state.ts";
import type { WorkThread } from "../work/work.ts";

const BLOCK_BYTES = 64;

/** Allocates the blocks of a batch. */
function fillBatch({ alloc, words, shared, work }: WorkThread, start: number): void {
  let { stamp } = work;
  for (let index = start; index < start + LIST_CAPACITY; index += 1) {
    const block = alloc(BLOCK_BYTES);
    seal(words, block, BLOCK_BYTES, stamp);
    stamp = nextStamp(stamp);
    shared[index] = block;
  }
  work.stamp = stamp;
  work.allocatedCount += LIST_CAPACITY;
  work.requestedBytes = (work.requestedBytes + LIST_CAPACITY * BLOCK_BYTES) | 0;
}

/**
 * xmalloc: threads with even numbers allocate batches and give them into one bounded queue, the others take and free
 * them. A thread alone does both in turns. `amount` is in batches for each thread, whichever side it is on.
 */
export function runXmalloc(thread: WorkThread, amount: number): void {
  const { shared, lane, laneCount } = thread;
  const ring = ringStart(0);
  const batchCount = amount * laneCount;
  let produces = lane % 2 === 0;
  let consumes = lane % 2 === 1 || laneCount === 1;
  while (produces || consumes) {
    if (produces) {
      const ticket = nextToGive(shared, ring);
      produces = ticket < batchCount;
      if (produces) {
        awaitFree(shared, ring, ticket);
        fillBatch(thread, listStart(ring, ticket));
        giveList(shared, ring, ticket, LIST_CAPACITY);
      }
    }
    if (consumes) {
      const ticket = nextToTake(shared, ring);
      consumes = ticket < batchCount;
      if (consumes) {
        awaitFull(shared, ring, ticket);
        releasePlace(thread, ring, ticket);
      }
    }
  }
}
