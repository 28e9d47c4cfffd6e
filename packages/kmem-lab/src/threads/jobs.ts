/** One run of one workload in a process of a contender. */
export interface ThreadJob {
  readonly workload: string;
  /** Threads side by side. */
  readonly laneCount: number;
  /** How much each thread does while it is timed, in the workload's own measure. */
  readonly amount: number;
  /** How much it does at a time before, untimed, … */
  readonly warmupAmount: number;
  /** … until so much time has gone by. */
  readonly warmupMs: number;
}

/** What a run came to. */
export interface ThreadResult {
  /** From the start of the first thread to the end of the last. */
  readonly elapsedNs: number;
  readonly allocatedCount: number;
  readonly freedCount: number;
  /** Blocks that were not as they had been left when they were freed. */
  readonly faultCount: number;
  /** Sum of what was asked for: the same for all who do the same work. */
  readonly requestedBytesMod32: number;
  /** What else was wrong, in sentences. */
  readonly problems: readonly string[];
}
