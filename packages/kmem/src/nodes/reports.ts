import type { HeapStats } from "../kmalloc/stats.ts";
import type { Finding } from "../memory/finding.ts";
import type { NumaCounts } from "./node-area.ts";

/** One node's figures. */
export interface NodeStats extends NumaCounts {
  /** Number of the node. */
  readonly node: number;
  /** The figures of its heap. */
  readonly heap: HeapStats;
}

/** A finding of a check, and the node it is of. */
export interface NodeFinding {
  /** Number of the node. */
  readonly node: number;
  /** The layer that it was found in. */
  readonly layer: Finding["layer"] | "node";
  /** Byte of the node's memory. */
  readonly address: number;
  /** What is wrong, in a sentence. */
  readonly problem: string;
}
