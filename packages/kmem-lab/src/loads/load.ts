import type { Workload, WorkloadKind } from "kmem-cli/internal/replay/workload";

/** A synthetic workload: its operations are made, not recorded, and the same each time. */
export interface Load {
  readonly name: string;
  /** What it does, for the table's reader. */
  readonly summary: string;
  readonly kind: WorkloadKind;
  /** Of random churn: how many blocks are live. */
  readonly liveBlockCount?: number;
  /** Writes the operation files into a folder. */
  make(folder: string): Workload;
}

/** Sizes of small blocks, evenly spread: what most programs ask for most of the time. */
export const SMALL_MIN_BYTES = 16;
export const SMALL_MAX_BYTES = 480;
