import type { WorkloadKind } from "kmem-cli/internal/replay/workload";
import type { DurationCounts } from "./histogram.ts";

/** What the processes of `kmem-lab memory`, `latency` and `drift` are asked. */
export type MeasureJob = MemoryJob | LatencyJob | DriftJob;

/** Replays once with every page of every block touched, frees all, has the allocator give back, and reads memory. */
export interface MemoryJob {
  readonly mode: "memory";
  readonly kind: WorkloadKind;
  readonly opsPath: string;
  readonly closingPath: string;
  /** The process stops replaying about so long after it began. Processes in JavaScript only. */
  readonly limitMs?: number;
}

/** Times each operation by itself. */
export interface LatencyJob {
  readonly mode: "latency";
  readonly kind: WorkloadKind;
  readonly opsPath: string;
  readonly closingPath: string;
  /** Untimed passes first: compilers and memory must be warm. */
  readonly warmupCount: number;
  readonly passCount: number;
}

/** Does operations of a changing mix that are made as it goes. */
export interface DriftJob {
  readonly mode: "drift";
  readonly opCount: number;
}

/**
 * Of what resident memory was read: of the mapping that holds the contender's buffer, or of the whole process, with
 * all garbage collected before each reading.
 */
export type ResidentScope = "buffer" | "process";

/** What a process answers to `memory`. Bytes of resident memory are above those before the first operation. */
export interface MemoryResult {
  /** Operations that were done. */
  readonly opCount: number;
  /** Where the time was up: the share of the operations that was done, the first ones; absent when all were. */
  readonly coveredShare?: number;
  readonly failureCount: number;
  readonly requestedBytes: number;
  readonly peakLiveBytes: number;
  /** Absent where resident memory cannot be read. */
  readonly resident?: ResidentFigures;
  /** The contender's own accounting; native ones have none. */
  readonly own?: OwnFigures;
}

export interface ResidentFigures {
  readonly scope: ResidentScope;
  readonly peakBytes: number;
  /** After everything was freed; absent where the time was up before. */
  readonly freedBytes?: number;
  /** After the allocator was asked to give back what it keeps; absent where the time was up before. */
  readonly trimmedBytes?: number;
  /** The function that asked it. */
  readonly trimmedBy: string;
}

/** All of these but `usableAtPeakBytes` and `parts` are whole footprints, tables included. */
export interface OwnFigures {
  readonly initialBytes: number;
  readonly peakBytes: number;
  /** What the blocks could hold that were live when the footprint was first at its peak. */
  readonly usableAtPeakBytes: number;
  /** These two are absent where the time was up before everything could be freed. */
  readonly freedBytes?: number;
  readonly trimmedBytes?: number;
  /** Where every byte was when the footprint was first at its peak, by the names of the heap's `stats().bytes`. */
  readonly parts?: Readonly<Record<string, number>>;
}

/** What a process answers to `latency`. */
export interface LatencyResult {
  readonly opCount: number;
  readonly failureCount: number;
  /** Garbage collections while operations were timed: more than none spoil the figures of the worst ones. */
  readonly gcCount: number;
  /** Two readings of the clock with no operation between them. */
  readonly timer: DurationCounts;
  readonly operations: DurationCounts;
}

/** Memory at the end of one segment of a drift. */
export interface DriftSegment {
  readonly liveBytes: number;
  readonly liveBlockCount: number;
  /** Above that before the first operation; absent where it cannot be read. */
  readonly residentBytes?: number;
  /** The contender's own accounting; native ones have none. */
  readonly footprintBytes?: number;
}

/** What a process answers to `drift`. */
export interface DriftResult {
  readonly opCount: number;
  readonly segments: readonly DriftSegment[];
  /** The contender's own accounting at the end, after it gave back what it keeps for later; absent if it cannot. */
  readonly trimmedFootprintBytes?: number;
  /** Of the generator, at the end: contenders that did the same have the same. */
  readonly randomState: number;
}
