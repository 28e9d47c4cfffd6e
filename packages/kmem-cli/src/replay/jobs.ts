import type { Workload, WorkloadKind } from "./workload.ts";

/** How often a process replays a workload: untimed first, until compilers and caches have settled, then timed. */
export interface PassPlan {
  /** Untimed passes are made until the loop has run for so long; one at least. */
  readonly warmupMs: number;
  readonly timedCount: number;
}

/** One thing that a process of a contender does with one workload. */
export type Job = TimeJob | AccountJob | CheckJob | FitJob;

interface CommonJob {
  readonly kind: WorkloadKind;
  readonly opsPath: string;
  /** The bytes of the heap's memory. Default: far more than it needs. Of contenders that can be limited only. */
  readonly memoryBytes?: number;
}

interface LimitedJob extends CommonJob {
  /** The process stops about so long after it began, with what it has done by then. Processes in JavaScript only. */
  readonly limitMs?: number;
  /** The same in the processor's time. */
  readonly cpuLimitMs?: number;
}

/** Times passes; between them everything is freed. */
export interface TimeJob extends LimitedJob {
  readonly mode: "time";
  readonly closingPath: string;
  readonly passes: PassPlan;
}

/** Replays once, untimed, and looks at the memory after each operation. */
export interface AccountJob extends LimitedJob {
  readonly mode: "account";
  /** How many parts of the workload have figures of their own. Default: none. */
  readonly sampleCount?: number;
}

/** Looks for the smallest memory in which nothing is refused. */
export interface FitJob extends LimitedJob {
  readonly mode: "fit";
}

/** Replays once, untimed, and verifies the blocks and the heap. */
export interface CheckJob extends CommonJob {
  readonly mode: "check";
  readonly closingPath: string;
  /** Operations between two checks of the whole heap. */
  readonly checkEvery: number;
}

/** What a process answers that may have run out of time. */
interface LimitedResult {
  /** Operations of a pass; of a cut one, those that were done. */
  readonly opCount: number;
  /** Of a cut pass: the share of the operations that was done, the first ones; absent when all were. */
  readonly coveredShare?: number;
}

/** What a process answers to `time`. */
export interface TimeResult extends LimitedResult {
  /** Nanoseconds in the replay loop, by timed pass. */
  readonly passNs: readonly number[];
  /** Allocations that failed in the last pass. */
  readonly failureCount: number;
}

/** What a process answers to `account`. */
export interface AccountResult extends LimitedResult {
  readonly failureCount: number;
  /** Sum of what was asked for by the calls that succeeded. */
  readonly requestedBytes: number;
  /** Sum of what the blocks could hold that came of it. */
  readonly allocatedBytes: number;
  /** As requested. */
  readonly peakLiveBytes: number;
  readonly peakFootprintBytes: number;
  /** Slab caches that the contender could not make, so that its general allocator served them. */
  readonly substituteCacheCount?: number;
  /** Of a contender that cannot free: the frees that did nothing. */
  readonly ignoredFreeCount?: number;
  /** Where the job asks for them. */
  readonly samples?: MemorySamples;
}

/** How the memory went, part by part of the workload, all parts of the same number of operations but the last. */
export interface MemorySamples {
  /** Operations in a part. */
  readonly opsPerSample: number;
  /** The most that was live in each part, as requested, and the most memory that was in use. */
  readonly liveBytes: readonly number[];
  readonly footprintBytes: readonly number[];
  /** Of an allocator that has blocks of pages by order: at the end of each part, see `unusableIndexes`. */
  readonly unusableIndexes?: readonly (readonly number[])[];
}

/** What a process answers to `fit`. */
export interface FitResult {
  /** The smallest memory in which the whole workload goes through; absent where `problem` says why. */
  readonly fitBytes?: number;
  /** Memories differ by this: a page, or what the contender takes memory by. */
  readonly grainBytes: number;
  /** Memories that were tried. */
  readonly trialCount: number;
  readonly problem?: string;
}

/** Something wrong that `--check` found. */
export interface Fault {
  /** The operation after which it showed; the first one is 1. Those that free what is left at the end count on. */
  readonly operation: number;
  readonly problem: string;
}

/** What a process answers to `check`. */
export interface CheckResult {
  readonly opCount: number;
  readonly failureCount: number;
  /** How often the whole heap was checked. */
  readonly heapCheckCount: number;
  readonly faultCount: number;
  /** The first of them. */
  readonly faults: readonly Fault[];
}

/** By then V8 has compiled what it is going to compile; C needs no more than to have touched its memory once. */
const WARMUP_MS = { javascript: 400, native: 20 } as const;
const TIMED_OPS = 2_000_000;
const TIMED_MIN = 3;
const TIMED_MAX = 15;
/** Of workloads longer than this one pass says as much as three of the others. */
const LONG_OPS = 10_000_000;

/** Few passes over long workloads, more over short ones; an odd number, so that the median is one of them. */
export function planPasses({ opCount }: Pick<Workload, "opCount">, isNative: boolean): PassPlan {
  const timed = Math.min(TIMED_MAX, Math.max(TIMED_MIN, Math.ceil(TIMED_OPS / Math.max(opCount, 1))));
  if (opCount > LONG_OPS) return { warmupMs: 0, timedCount: 1 };
  return { warmupMs: isNative ? WARMUP_MS.native : WARMUP_MS.javascript, timedCount: timed + 1 - (timed % 2) };
}
