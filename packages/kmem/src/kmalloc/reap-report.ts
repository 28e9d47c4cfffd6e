import type { PageRun } from "../pages/ownership.ts";
import type { BlockInfo } from "./describe.ts";
import type { SlotObjects } from "./slot-objects.ts";

/** What was found of a thread that is gone, and what was done. */
export interface ReapReport extends SlotObjects {
  /** The slot that was recovered. */
  readonly slot: number;
  /** Live blocks that it had allocated: kept, freed or given on. */
  readonly blocks: readonly BlockInfo[];
  /** The same for pages of `heap.pages`. */
  readonly pageRuns: readonly PageRun[];
  /** Free blocks that lay in its sheaves and remote sheaves; they are in their slabs again. */
  readonly returnedBlocks: number;
  /** Pages that it had for itself, or held in its hands. */
  readonly returnedPages: number;
  /** Locks that it held. */
  readonly takenOverLocks: number;
  /** Whether the slot can be taken again. */
  readonly isFreed: boolean;
  /** Why less was done than was asked for; only where that is so. */
  readonly problem?: string;
}

/** What a {@link DeathCleanup} has given back. */
export interface Released {
  /** Blocks that were no objects any more, or not yet. */
  readonly returnedBlocks: number;
  /** Live ones, which are listed as freed. */
  readonly freed: readonly BlockInfo[];
}

/** What a heap that has more around its blocks than the layers know does about those of a thread that is gone. */
export interface DeathCleanup {
  /**
   * Ends what the thread was at in blocks, and gives back those that only look as if they were live. Under the reap
   * lock, while the slot is dead still; what a thread that died in here has done is no harm.
   */
  release(slot: number, mode: "keep" | "free" | "give"): Released;
  /** What the report says of a block of the thread. */
  describe(block: BlockInfo): BlockInfo;
}

/** A report that lists nothing; what is left is the slot, and whether it is free. */
export const EMPTY_REPORT: Omit<ReapReport, "slot" | "isFreed"> = {
  blocks: [],
  pageRuns: [],
  areas: [],
  mempools: [],
  traceRings: [],
  returnedBlocks: 0,
  returnedPages: 0,
  takenOverLocks: 0,
};
