import { geometricMean } from "../system/statistics.ts";
import type { AllocatorResult, MeanFigures, MeanReport, WorkloadReport } from "./report.ts";
import type { WorkloadKind } from "./workload.ts";

const KINDS: readonly WorkloadKind[] = ["blocks", "objects", "pages"];
const PERCENT = 100;

/** Geometric means over all workloads of each kind; what could not be measured is left out of them. */
export function meansOf(workloads: readonly WorkloadReport[], allocators: readonly string[]): MeanReport[] {
  const [base] = allocators;
  if (base === undefined) return [];
  return KINDS.flatMap((kind) => {
    const ofKind = workloads.filter((workload) => workload.kind === kind);
    if (ofKind.length === 0) return [];
    const figures = allocators.map((name) => meanFigures(ofKind, base, name));
    return [{ kind, workloadCount: ofKind.length, base, allocators: figures }];
  });
}

function meanFigures(workloads: readonly WorkloadReport[], base: string, allocator: string): MeanFigures {
  const ratios: number[] = [];
  const footprintRatios: number[] = [];
  for (const { results } of workloads) {
    const own = resultOf(results, allocator);
    const baseTime = resultOf(results, base)?.time;
    if (own?.time !== undefined && baseTime !== undefined) {
      ratios.push(baseTime.medianNsPerOp / own.time.medianNsPerOp);
    }
    const { peakFootprintBytes = 0, peakLiveBytes = 0 } = own?.memory ?? {};
    if (peakFootprintBytes > 0 && peakLiveBytes > 0) footprintRatios.push(peakFootprintBytes / peakLiveBytes);
  }
  const baseTimeRatio = geometricMean(ratios);
  const footprintRatio = geometricMean(footprintRatios);
  return {
    allocator,
    ...(baseTimeRatio === undefined ? {} : { baseTimeRatio }),
    ...(footprintRatio === undefined ? {} : { overheadAtPeakPercent: (footprintRatio - 1) * PERCENT }),
  };
}

function resultOf(results: readonly AllocatorResult[], allocator: string): AllocatorResult | undefined {
  return results.find((result) => result.allocator === allocator);
}
