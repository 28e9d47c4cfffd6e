import { OpReader } from "../trace/op-reader.ts";
import { WORDS_PER_OP } from "../trace/op-stream.ts";
import type { TimeJob, TimeResult } from "./jobs.ts";
import type { ReplayHeap } from "./replay-heap.ts";
import { OP_LOOPS, type OpLoop } from "./replay-ops.ts";
import { openTarget, type ReplayTarget } from "./replay-target.ts";

const NS_PER_MS = 1e6;

/** Times passes over a workload. Between them everything is freed, untimed. */
export function timeOps(heap: ReplayHeap, job: TimeJob): TimeResult {
  const ops = new OpReader(job.opsPath);
  const closing = new OpReader(job.closingPath);
  const target = openTarget(heap, ops.header, ops.caches);
  const loop = OP_LOOPS[job.kind];
  const pass = (): Pass => {
    const done = replayFile(target, ops, loop);
    replayFile(target, closing, loop);
    heap.reset?.();
    return done;
  };
  let warmupMs = 0;
  do warmupMs += pass().spentMs;
  while (warmupMs < job.passes.warmupMs);
  const passes = Array.from({ length: job.passes.timedCount }, pass);
  ops.close();
  closing.close();
  return {
    opCount: ops.header.opCount,
    passNs: passes.map(({ spentMs }) => spentMs * NS_PER_MS),
    failureCount: passes.at(-1)!.failureCount,
  };
}

interface Pass {
  spentMs: number;
  failureCount: number;
}

/** One pass over a file. Only the loop over each chunk is timed, not the reading. */
function replayFile(target: ReplayTarget, reader: OpReader, loop: OpLoop): Pass {
  const pass: Pass = { spentMs: 0, failureCount: 0 };
  reader.rewind();
  for (let opCount = reader.next(); opCount > 0; opCount = reader.next()) {
    const startMs = performance.now();
    pass.failureCount += loop(target, reader.words, 0, opCount * WORDS_PER_OP);
    pass.spentMs += performance.now() - startMs;
  }
  return pass;
}
