import type { CompareReport, GroupRow } from "../../src/report/compare-report.ts";
import { result, trace, workload } from "./support.ts";

const group: GroupRow = {
  name: "<b>main & co</b>",
  frames: ["<b>main & co</b>", "start"],
  allocationCount: 12,
  requestedBytes: 3456,
  allocatedBytes: 4000,
  wastedBytes: 544,
  temporaryCount: 3,
  peakLiveBytes: 789,
  liveBytesAtEnd: 10,
};

/** A comparison with everything in it that a page shows. */
export function sampleReport(): CompareReport {
  const samples = { opsPerSample: 100, liveBytes: [10, 40, 20], footprintBytes: [100, 500, 200] };
  const own = result("kmem", 12.3456);
  const kmem = {
    ...own,
    memory: { ...own.memory!, samples },
    limited: { memoryBytes: 2 ** 20, failureCount: 7 },
    fit: { fitBytes: 409_600, grainBytes: 4096, trialCount: 9, unusable: { mean: [0, 0.255], worst: [0, 0.5] } },
  };
  const huge = {
    ...result("huge", 900),
    memory: { ...own.memory!, samples: { ...samples, footprintBytes: [9e6, 9e6] } },
  };
  const whole = trace(
    "a <script>",
    workload([kmem, huge, { allocator: "gone", error: "time: <it> broke" }], { opCount: 250 }),
  );
  const family = {
    kind: "objects",
    allocationCount: 1234,
    freeCount: 1200,
    temporaryCount: 99,
    sizes: [
      { from: 16, below: 32, count: 1000 },
      { from: 128, below: 256, count: 234 },
    ],
    lifetimes: [{ from: 1, below: 2, count: 1200 }],
    groupedBy: "site",
    groupCount: 2,
    byBytes: [group, { ...group, name: "other" }],
    byWaste: [group],
    byChurn: [group],
  } as const;
  return {
    schema: "kmem-compare",
    version: 1,
    environment: { node: "26", platform: "linux", arch: "x64", cpuModel: "a <CPU>", cpuCount: 2, loadAverage: 3.21 },
    settings: { roundCount: 5, budgetMs: 20_000 },
    allocators: ["kmem", "huge", "gone"].map((name) => ({ name, version: "1 & 2", isNative: false })),
    absent: [{ name: "lost", reason: "no <lost>" }],
    traces: [
      { ...whole, profile: { clock: "ns", families: [family] } },
      { path: "bad", name: "bad", error: "bad: it is <empty>", workloads: [] },
    ],
    means: [
      {
        kind: "blocks",
        workloadCount: 2,
        base: "kmem",
        allocators: [
          { allocator: "kmem", baseTimeRatio: 1 },
          { allocator: "huge", baseTimeRatio: 0.25, overheadAtPeakPercent: 33.3 },
        ],
      },
    ],
    warnings: [{ code: "LOADED", text: "the <machine> was busy" }],
  };
}
