import { argv, stdout } from "node:process";
import { openHeap, readPlan } from "kmem-cli/internal/replay/open-heap";
import type { HeapModule } from "kmem-cli/internal/replay/replay-heap";
import { driftOps, driftPlan } from "./drift-ops.ts";
import { latencyOps } from "./latency-ops.ts";
import type { MeasureJob } from "./measure-jobs.ts";
import { memoryOps } from "./memory-ops.ts";

// The process of a contender written in JavaScript, as the command's replay/heap-process.ts: it is given the module
// that makes the heap and a job as JSON, writes the result as JSON, and ends.

function measure(module: HeapModule, job: MeasureJob): Promise<object> | object {
  switch (job.mode) {
    case "drift":
      return driftOps(module.createHeap(driftPlan(job.opCount)), job);
    case "latency":
      return latencyOps(module.createHeap(readPlan(job.opsPath)), job);
    case "memory":
      return memoryOps(() => openHeap(module, job), job);
  }
}

const [moduleUrl, jobText] = argv.slice(2) as [string, string];
const module = (await import(moduleUrl)) as HeapModule;
stdout.write(JSON.stringify(await measure(module, JSON.parse(jobText) as MeasureJob)));
