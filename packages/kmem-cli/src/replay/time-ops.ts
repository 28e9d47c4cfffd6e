import { OpReader } from "../trace/op-reader.ts";
import { WORDS_PER_OP } from "../trace/op-stream.ts";
import type { TimeJob, TimeResult } from "./jobs.ts";
import type { ReplayHeap } from "./replay-heap.ts";
import { OP_LOOPS, type OpLoop } from "./replay-ops.ts";
import { openTarget, type ReplayTarget } from "./replay-target.ts";
import { coverage, OPS_PER_LOOK, TimeLimit } from "./time-limit.ts";

const NS_PER_MS = 1e6;
/** A limited pass looks at the clock about so often: more would be timed with it. */
const LOOK_EVERY_MS = 1;

/**
 * Operations that a call of the loop makes. V8 optimises a function as a whole once it has been called often; one that
 * is called seldom and loops for long runs in code that was compiled to be entered in its middle, and that calls what
 * could have been part of it.
 */
const OPS_PER_CALL = 4096;

/** A short trace is warm after so many passes; what lies between them, untimed, would take ten times as long as they. */
const WARMUP_PASSES_MAX = 10_000;

/**
 * Times passes over a workload. Between them everything is freed, untimed. Where the job has a limit that runs out, the
 * whole passes count that there are; without any, the one that was cut, from its first operation on.
 */
export function timeOps(heap: ReplayHeap, job: TimeJob): TimeResult {
  const ops = new OpReader(job.opsPath);
  const closing = new OpReader(job.closingPath);
  const target = openTarget(heap, ops.header, ops.caches);
  const loop = OP_LOOPS[job.kind];
  const limit = new TimeLimit(job);
  const pass = (): Pass => {
    const done = replayFile(target, ops, loop, limit);
    if (limit.isOver) return done;
    replayFile(target, closing, loop, limit);
    heap.reset?.();
    return done;
  };
  let warmup = pass();
  let warmupMs = warmup.spentMs;
  for (let count = 1; count < WARMUP_PASSES_MAX && warmupMs < job.passes.warmupMs && !limit.isOver; count += 1) {
    const done = pass();
    warmupMs += done.spentMs;
    // One that was cut says less than a whole one.
    if (done.opCount >= warmup.opCount) warmup = done;
  }
  const passes: Pass[] = [];
  while (passes.length < job.passes.timedCount && !limit.isOver) {
    const done = pass();
    if (done.opCount === ops.header.opCount) passes.push(done);
  }
  ops.close();
  closing.close();
  const counted = passes.length === 0 ? [warmup] : passes;
  const { opCount, failureCount } = counted.at(-1)!;
  const passNs = counted.map(({ spentMs }) => spentMs * NS_PER_MS);
  return { opCount, passNs, failureCount, ...coverage(opCount, ops.header.opCount) };
}

interface Pass {
  opCount: number;
  spentMs: number;
  failureCount: number;
}

/** One pass over a file, or what there is time for. Only the loop over each chunk is timed, not the reading. */
function replayFile(target: ReplayTarget, reader: OpReader, loop: OpLoop, limit: TimeLimit): Pass {
  const pass: Pass = { opCount: 0, spentMs: 0, failureCount: 0 };
  reader.rewind();
  for (let opCount = reader.next(); opCount > 0; opCount = reader.next()) {
    let stepCount = limit.isSet ? OPS_PER_LOOK : opCount;
    for (let start = 0, end = 0; start < opCount; start = end) {
      if (limit.look()) return pass;
      end = Math.min(opCount, start + stepCount);
      const startMs = performance.now();
      pass.failureCount += inCalls(loop, target, reader.words, start, end);
      const stepMs = performance.now() - startMs;
      pass.spentMs += stepMs;
      pass.opCount += end - start;
      if (stepMs < LOOK_EVERY_MS) stepCount *= 2;
    }
  }
  return pass;
}

/** Applies the operations from `start` to `end`; answers how many allocations failed. */
function inCalls(loop: OpLoop, target: ReplayTarget, words: Uint32Array, start: number, end: number): number {
  let failureCount = 0;
  for (let from = start; from < end; from += OPS_PER_CALL) {
    failureCount += loop(target, words, from * WORDS_PER_OP, Math.min(end, from + OPS_PER_CALL) * WORDS_PER_OP);
  }
  return failureCount;
}
