import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ReplayHeap } from "kmem-cli/internal/replay/replay-heap";
import { OP_LOOPS, type OpLoop } from "kmem-cli/internal/replay/replay-ops";
import { openTarget, type ReplayTarget } from "kmem-cli/internal/replay/replay-target";
import { OpReader } from "kmem-cli/internal/trace/op-reader";
import { WORDS_PER_OP } from "kmem-cli/internal/trace/op-stream";
import { BUCKET_COUNT, bucketOf, durationCounts } from "./histogram.ts";
import type { LatencyJob, LatencyResult } from "./measure-jobs.ts";

// The clock is performance.now(): process.hrtime.bigint() makes an object at each reading, and garbage is collected at
// times that would then be the allocator's. What the clock itself takes, and how often it takes long, is measured by
// the same loop with no operation in it. Garbage is collected between chunks, where nothing is timed, and collections
// that happen all the same are counted.

const NS_PER_MS = 1e6;
const CALIBRATION_COUNT = 1_000_000;

interface Durations {
  readonly counts: Float64Array;
  maxNs: number;
}

/** Times each operation of passes over a workload; between them everything is freed, untimed. */
export async function latencyOps(heap: ReplayHeap, job: LatencyJob): Promise<LatencyResult> {
  const collections = new CollectionLog();
  const ops = new OpReader(job.opsPath);
  const closing = new OpReader(job.closingPath);
  const target = openTarget(heap, ops.header, ops.caches);
  const loop = OP_LOOPS[job.kind];
  const collect = garbageCollector();
  // The passes before those that count time each operation too, so that the compiler knows this loop.
  const warmup = emptyDurations();
  const operations = emptyDurations();
  const timer = emptyDurations();
  let failureCount = 0;
  for (let pass = 0; pass < job.warmupCount + job.passCount; pass += 1) {
    const isCounted = pass >= job.warmupCount;
    ops.rewind();
    for (let opCount = ops.next(); opCount > 0; opCount = ops.next()) {
      collect();
      const startMs = performance.now();
      const failures = timeEach(target, loop, ops.words, opCount, WORDS_PER_OP, isCounted ? operations : warmup);
      if (!isCounted) continue;
      failureCount += failures;
      collections.watch(startMs, performance.now());
    }
    closing.rewind();
    for (let opCount = closing.next(); opCount > 0; opCount = closing.next()) {
      loop(target, closing.words, 0, opCount * WORDS_PER_OP);
    }
    heap.reset?.();
  }
  const chunkOps = ops.words.length / WORDS_PER_OP;
  for (let done = 0; chunkOps > 0 && done < CALIBRATION_COUNT; done += chunkOps) {
    collect();
    timeEach(target, loop, ops.words, chunkOps, 0, timer);
  }
  ops.close();
  closing.close();
  return {
    opCount: ops.header.opCount * job.passCount,
    failureCount,
    gcCount: await collections.count(),
    timer: durationCounts(timer.counts, timer.maxNs),
    operations: durationCounts(operations.counts, operations.maxNs),
  };
}

/** The loop: with no words for each operation, it measures the clock alone. Allocates nothing. */
function timeEach(
  target: ReplayTarget,
  loop: OpLoop,
  words: Uint32Array,
  opCount: number,
  wordsPerOp: number,
  durations: Durations,
): number {
  const { counts } = durations;
  let maxNs = durations.maxNs;
  let failureCount = 0;
  for (let op = 0; op < opCount; op += 1) {
    const at = op * wordsPerOp;
    const startMs = performance.now();
    failureCount += loop(target, words, at, at + wordsPerOp);
    const ns = Math.round((performance.now() - startMs) * NS_PER_MS);
    counts[bucketOf(ns)]! += 1;
    if (ns > maxNs) maxNs = ns;
  }
  durations.maxNs = maxNs;
  return failureCount;
}

function emptyDurations(): Durations {
  return { counts: new Float64Array(BUCKET_COUNT), maxNs: 0 };
}

/** Collects what is young: cheap, and what the clock leaves behind is young. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: { readonly type: "minor" }) => void;
  return () => gc({ type: "minor" });
}

/** Knows which garbage collections fell into the spans of time that count. */
class CollectionLog {
  readonly #spans: { readonly startMs: number; readonly endMs: number }[] = [];
  readonly #times: number[] = [];
  readonly #observer: PerformanceObserver;

  constructor() {
    this.#observer = new PerformanceObserver((list) => {
      for (const { startTime } of list.getEntries()) this.#times.push(startTime);
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  watch(startMs: number, endMs: number): void {
    this.#spans.push({ startMs, endMs });
  }

  async count(): Promise<number> {
    // Collections are told of when the loop of events goes on.
    await setImmediate();
    await setImmediate();
    this.#observer.disconnect();
    const isCounted = (timeMs: number) => this.#spans.some(({ startMs, endMs }) => timeMs >= startMs && timeMs < endMs);
    return this.#times.filter(isCounted).length;
  }
}
