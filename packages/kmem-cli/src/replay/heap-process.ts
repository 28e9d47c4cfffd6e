import { argv, stdout } from "node:process";
import { driftOps, driftPlan } from "../memory-bench/drift-ops.ts";
import { latencyOps } from "../memory-bench/latency-ops.ts";
import { isMeasureJob, type MeasureJob, type MemoryJob } from "../memory-bench/measure-jobs.ts";
import { memoryOps } from "../memory-bench/memory-ops.ts";
import { OpReader } from "../trace/op-reader.ts";
import { accountOps } from "./account-ops.ts";
import { checkOps } from "./check-ops.ts";
import { constructedHeap } from "./constructed-heap.ts";
import type { AccountResult, CheckResult, Job, TimeResult } from "./jobs.ts";
import type { CheckableHeap, HeapModule, HeapPlan, ReplayHeap } from "./replay-heap.ts";
import { timeOps } from "./time-ops.ts";

// The process of a contender written in JavaScript. It is given the module that makes the heap and a job as JSON,
// writes the result as JSON, and ends: no contender runs on what another has left in the engine or in memory.

type ReplayJob = Exclude<Job, MeasureJob>;

function readPlan(opsPath: string): HeapPlan {
  const reader = new OpReader(opsPath);
  reader.close();
  return reader.header;
}

/** The heap of a module as a kind of workload uses it. */
function heapFor(
  { kind, opsPath }: ReplayJob | MemoryJob,
  { createHeap, createAreas, runsConstructors }: HeapModule,
): ReplayHeap {
  const plan = readPlan(opsPath);
  if (kind === "areas" && createAreas !== undefined) return createAreas(plan);
  const heap = createHeap(plan);
  return kind === "constructed" ? constructedHeap(heap, runsConstructors === true) : heap;
}

function isCheckable(heap: ReplayHeap | CheckableHeap): heap is CheckableHeap {
  return "check" in heap;
}

function perform(heap: ReplayHeap | CheckableHeap, job: ReplayJob): TimeResult | AccountResult | CheckResult {
  switch (job.mode) {
    case "time":
      return timeOps(heap, job);
    case "account":
      return accountOps(heap, job);
    case "check":
      if (!isCheckable(heap)) throw new Error("this heap cannot check itself");
      return checkOps(heap, job);
  }
}

function measure(module: HeapModule, job: MeasureJob): Promise<object> | object {
  switch (job.mode) {
    case "drift":
      return driftOps(module.createHeap(driftPlan(job.opCount)), job);
    case "latency":
      return latencyOps(module.createHeap(readPlan(job.opsPath)), job);
    case "memory":
      return memoryOps(() => heapFor(job, module), job);
  }
}

const [moduleUrl, jobText] = argv.slice(2) as [string, string];
const job = JSON.parse(jobText) as Job;
const module = (await import(moduleUrl)) as HeapModule;
const result = isMeasureJob(job) ? await measure(module, job) : perform(heapFor(job, module), job);
stdout.write(JSON.stringify(result));
