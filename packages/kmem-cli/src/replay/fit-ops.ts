import { OpReader } from "../trace/op-reader.ts";
import { PAGE_BYTES, WORDS_PER_OP } from "../trace/op-stream.ts";
import type { FitJob, FitResult } from "./jobs.ts";
import { openHeap } from "./open-heap.ts";
import type { CheckableHeap, HeapModule, ReplayHeap } from "./replay-heap.ts";
import { OP_LOOPS } from "./replay-ops.ts";
import { openTarget } from "./replay-target.ts";
import { OPS_PER_LOOK, TimeLimit } from "./time-limit.ts";

/** The largest memory that is tried: all that addresses reach. */
const MEMORY_MAX_BYTES = 2 ** 32;
/** A memory that is too small is followed by one that is larger by an eighth, until one is large enough. */
const GROWTH_DIVISOR = 8;

/** What came of one memory. */
type Trial = "fits" | "too small" | "out of time";

/**
 * Finds the smallest memory in which a workload goes through with nothing refused, by bisection: it does in the answer,
 * and does not in a memory that is smaller by the grain. Where that is so of several sizes the answer is one of them.
 */
export function fitOps(module: HeapModule, job: FitJob): FitResult {
  const grainBytes = module.memoryGrainBytes ?? PAGE_BYTES;
  const limit = new TimeLimit(job);
  const reader = new OpReader(job.opsPath);
  let trialCount = 0;
  const tryGrains = (count: number): Trial => {
    trialCount += 1;
    return tryMemory(module, { ...job, memoryBytes: count * grainBytes }, reader, limit);
  };
  try {
    const found = bisect(Math.ceil(reader.header.peakLiveBytes / grainBytes), MEMORY_MAX_BYTES / grainBytes, tryGrains);
    const result = { grainBytes, trialCount };
    return typeof found === "number" ? { ...result, fitBytes: found * grainBytes } : { ...result, problem: found };
  } finally {
    reader.close();
  }
}

/**
 * The smallest of the counts from 1 to `most` at which a trial fits, where all from some count on fit; or a sentence
 * that says why there is none. Begins at a guess.
 */
export function bisect(guess: number, most: number, trial: (count: number) => Trial): number | string {
  const outOfTime = "it ran out of time";
  let low = 0;
  let high = Math.min(most, Math.max(1, guess));
  for (let result = trial(high); result !== "fits"; result = trial(high)) {
    if (result === "out of time") return outOfTime;
    if (high === most) return "the largest memory that there can be is too small";
    low = high;
    high = Math.min(most, high + Math.ceil(high / GROWTH_DIVISOR));
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const result = trial(middle);
    if (result === "out of time") return outOfTime;
    if (result === "fits") high = middle;
    else low = middle;
  }
  return high;
}

function tryMemory(
  module: HeapModule,
  job: FitJob & { readonly memoryBytes: number },
  reader: OpReader,
  limit: TimeLimit,
): Trial {
  const heap = openSmall(module, job);
  if (heap === undefined) return "too small";
  const target = openTarget(heap, reader.header, reader.caches);
  if (target.substituteCacheCount > 0 && hasLessCaches(module, job, target.substituteCacheCount, reader)) {
    return "too small";
  }
  const loop = OP_LOOPS[job.kind];
  reader.rewind();
  for (let opCount = reader.next(); opCount > 0; opCount = reader.next()) {
    for (let start = 0; start < opCount; start += OPS_PER_LOOK) {
      if (limit.look()) return "out of time";
      const end = Math.min(opCount, start + OPS_PER_LOOK);
      if (loop(target, reader.words, start * WORDS_PER_OP, end * WORDS_PER_OP) > 0) return "too small";
    }
  }
  return "fits";
}

/** A heap in a memory of so many bytes; undefined where it says that this is too little. */
function openSmall(
  module: HeapModule,
  job: FitJob & { readonly memoryBytes: number },
): ReplayHeap | CheckableHeap | undefined {
  let heap: ReplayHeap | CheckableHeap;
  try {
    heap = openHeap(module, job);
  } catch (error) {
    // Whatever a heap throws of a memory that is too small to begin in; what is wrong otherwise shows in a large one.
    if (job.memoryBytes < MEMORY_MAX_BYTES) return undefined;
    throw error;
  }
  const bytes = heap.buffer?.byteLength ?? 0;
  if (bytes > job.memoryBytes) throw new Error(`asked for ${job.memoryBytes} bytes of memory, it took ${bytes}`);
  return heap;
}

/** Whether a memory is too small for caches that a heap with room to spare can make. */
function hasLessCaches(module: HeapModule, { kind, opsPath }: FitJob, count: number, reader: OpReader): boolean {
  return openTarget(openHeap(module, { kind, opsPath }), reader.header, reader.caches).substituteCacheCount < count;
}
