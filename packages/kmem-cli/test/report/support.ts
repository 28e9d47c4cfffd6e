import type { AllocatorResult, TraceReport, WorkloadReport } from "../../src/replay/report.ts";
import { styleFor, type TextStyle } from "../../src/system/terminal.ts";

/** A style without colours. */
export const plain = (columns = 120): TextStyle => styleFor({ columns }, {});

const MIB = 2 ** 20;

/** What an allocator made of a workload, with a time in ns per operation. */
export function result(allocator: string, ns: number, change: Partial<AllocatorResult> = {}): AllocatorResult {
  return {
    allocator,
    time: { medianNsPerOp: ns, minNsPerOp: ns * 0.9, maxNsPerOp: ns * 1.2, roundNsPerOp: [ns] },
    memory: {
      requestedBytes: 9 * MIB,
      allocatedBytes: 10 * MIB,
      internalFragmentationPercent: 10,
      peakLiveBytes: 4 * MIB,
      peakFootprintBytes: 5 * MIB,
      overheadAtPeakPercent: 25,
      failureCount: 0,
      substituteCacheCount: 0,
    },
    ...change,
  };
}

/** A workload with these results. */
export function workload(results: readonly AllocatorResult[], change: Partial<WorkloadReport> = {}): WorkloadReport {
  const live = {
    requestedBytes: 9 * MIB,
    peakLiveBytes: 4 * MIB,
    peakLiveBlockCount: 0,
    liveBytesAtEnd: 0,
    liveBlockCountAtEnd: 0,
  };
  return { kind: "blocks", opCount: 123_456, live, results, ...change };
}

/** A trace with these workloads. */
export function trace(name: string, ...workloads: readonly WorkloadReport[]): TraceReport {
  return { path: `${name}.zst`, name, workloads };
}
