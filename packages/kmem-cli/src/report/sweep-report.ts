import type { WorkloadKind } from "../replay/workload.ts";

/** One dimension of a sweep: an option of kmem's heap, and the values that it takes. */
export interface SweepDimension {
  readonly name: string;
  readonly values: readonly number[];
}

/** What a sweep found out. No times are in it: its processes run beside each other. */
export interface SweepReport {
  readonly dimensions: readonly SweepDimension[];
  /** Points in the order of the grid, the last dimension going fastest; for each the workloads in their order. */
  readonly points: readonly SweepPoint[];
}

/** One point of the grid at one workload. */
export interface SweepPoint {
  /** By dimension. */
  readonly values: readonly number[];
  readonly trace: string;
  readonly kind: WorkloadKind;
  readonly error?: string;
  readonly peakFootprintBytes?: number;
  readonly overheadAtPeakPercent?: number;
  readonly internalFragmentationPercent?: number;
  readonly failureCount?: number;
  /** The smallest memory that will do, where none is given. */
  readonly fitBytes?: number;
}
