import type { ThreadFigures, ThreadRunReport, ThreadsReport } from "../../src/threads/report.ts";

/** Figures of which every round was as fast. */
function figures(opsPerSecond: number): ThreadFigures {
  return {
    operationCount: 1000,
    medianSeconds: 1000 / opsPerSecond,
    medianOpsPerSecond: opsPerSecond,
    minOpsPerSecond: opsPerSecond,
    maxOpsPerSecond: opsPerSecond,
    roundOpsPerSecond: [opsPerSecond],
  };
}

/** A run without a fault. */
export function runReport(allocator: string, threadCount: number, opsPerSecond: number): ThreadRunReport {
  const checks = { allocatedCount: 500, freedCount: 500, faultCount: 0, problems: [] };
  return { allocator, threadCount, figures: figures(opsPerSecond), checks };
}

/** kmem and glibc at two workloads; of the second glibc has failed with two threads. */
export function sampleReport(): ThreadsReport {
  const { figures: _, ...failed } = runReport("glibc", 2, 1);
  return {
    schema: "kmem-threads",
    version: 2,
    environment: { node: "26.0.0", platform: "linux", arch: "x64", cpuModel: "a model", cpuCount: 2 },
    settings: { threadCounts: [1, 2], roundCount: 3, workPercent: 100 },
    allocators: [
      { name: "kmem", version: "1", isNative: false },
      { name: "glibc", version: "2", isNative: true },
    ],
    absent: [{ name: "mimalloc", reason: "no libmimalloc is installed" }],
    workloads: [
      {
        name: "local",
        summary: "to oneself",
        results: [
          runReport("kmem", 1, 50e6),
          runReport("kmem", 2, 90e6),
          runReport("glibc", 1, 40e6),
          runReport("glibc", 2, 78.5e6),
        ],
      },
      {
        name: "xmalloc",
        summary: "to another",
        results: [
          runReport("kmem", 1, 20e6),
          runReport("kmem", 2, 30e6),
          runReport("glibc", 1, 10e6),
          { ...failed, error: "ended with exit code 1" },
        ],
      },
    ],
    goals: [
      { name: "local: 2 threads / 1 thread", goal: 1.9, ratio: 1.8 },
      { name: "xmalloc: 2 threads / 1 thread", goal: 1, ratio: 1.5 },
      { name: "xmalloc, 2 threads: kmem / glibc", goal: 1 },
    ],
  };
}
