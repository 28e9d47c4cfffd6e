import { randomSeed } from "./random.ts";
import { breakSeal, firstStamp } from "./seal.ts";

/** What a thread has done in a phase, and goes on from. Loops copy what they change into variables of their own. */
export class Work {
  random = 0;
  stamp = 0;
  allocatedCount = 0;
  freedCount = 0;
  /** Blocks that were not as they had been left when they were to be freed. */
  faultCount = 0;
  /** Sum of the sizes of all blocks, modulo 2^32. */
  requestedBytes = 0;

  /** Makes a thread ready for a phase: each phase draws the same numbers. */
  start(threadNumber: number): void {
    this.random = randomSeed(threadNumber);
    this.stamp = firstStamp(threadNumber);
    this.allocatedCount = 0;
    this.freedCount = 0;
    this.faultCount = 0;
    this.requestedBytes = 0;
  }

  /** Writes back what a loop has changed. */
  save(random: number, stamp: number, freedCount: number, faultCount: number, requestedBytes: number): void {
    this.random = random;
    this.stamp = stamp;
    this.freedCount = freedCount;
    this.faultCount = faultCount;
    this.requestedBytes = requestedBytes;
  }
}

/** A thread as a workload sees it. */
export interface WorkThread {
  readonly alloc: (sizeBytes: number) => number;
  readonly free: (address: number) => void;
  /** The memory that the blocks lie in. */
  readonly words: Int32Array;
  /** What the threads hand each other blocks through. */
  readonly shared: Int32Array;
  /** Which of the threads that run side by side this is, from 0. */
  readonly lane: number;
  readonly laneCount: number;
  /** How many threads of this lane have been at work before in each phase. */
  readonly generation: number;
  readonly generationCount: number;
  readonly work: Work;
}

/** Frees the blocks in a part of a list; 0 stands for none. */
export function releaseList(thread: WorkThread, list: Int32Array, start: number, count: number): void {
  const { free, words, work } = thread;
  let faultCount = 0;
  let freedCount = 0;
  for (let index = start; index < start + count; index += 1) {
    const block = list[index]!;
    if (block === 0) continue;
    list[index] = 0;
    faultCount += breakSeal(words, block);
    free(block);
    freedCount += 1;
  }
  work.faultCount += faultCount;
  work.freedCount += freedCount;
}
