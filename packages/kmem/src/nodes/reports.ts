import type { HeapStats } from "../kmalloc/stats.ts";
import type { Finding } from "../memory/finding.ts";
import type { NumaCounts } from "./node-area.ts";

/** One node's figures. */
export interface NodeStats extends NumaCounts {
  readonly node: number;
  readonly heap: HeapStats;
}

/** A finding of a check, and the node it is of. */
export interface NodeFinding {
  readonly node: number;
  readonly layer: Finding["layer"] | "node";
  /** Byte of the node's memory. */
  readonly address: number;
  readonly problem: string;
}
