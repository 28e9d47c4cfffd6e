import { argv, stdout } from "node:process";
import { checkOps } from "./check-ops.ts";
import { fitOps } from "./fit-ops.ts";
import { accountOps } from "./footprint-of-ops.ts";
import type { AccountResult, CheckResult, FitJob, FitResult, Job, TimeResult } from "./jobs.ts";
import { openHeap } from "./open-heap.ts";
import type { CheckableHeap, HeapModule, ReplayHeap } from "./replay-heap.ts";
import { timeOps } from "./time-ops.ts";

// The process of a contender written in JavaScript. It is given the module that makes the heap and a job as JSON,
// writes the result as JSON, and ends: no contender runs on what another has left in the engine or in memory.

function isCheckable(heap: ReplayHeap | CheckableHeap): heap is CheckableHeap {
  return "check" in heap;
}

function perform(
  heap: ReplayHeap | CheckableHeap,
  job: Exclude<Job, FitJob>,
): TimeResult | AccountResult | CheckResult {
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

const [moduleUrl, jobText] = argv.slice(2) as [string, string];
const job = JSON.parse(jobText) as Job;
const module = (await import(moduleUrl)) as HeapModule;
const result: FitResult | ReturnType<typeof perform> =
  job.mode === "fit" ? fitOps(module, job) : perform(openHeap(module, job), job);
stdout.write(JSON.stringify(result));
