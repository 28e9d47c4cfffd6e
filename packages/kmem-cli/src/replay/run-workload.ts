import { runProcess } from "../system/run-process.ts";
import { median } from "../system/statistics.ts";
import type { ReadyContender } from "./contender.ts";
import {
  type AccountResult,
  type CheckResult,
  type FitResult,
  type Job,
  type MemorySamples,
  planPasses,
  type TimeResult,
} from "./jobs.ts";
import type {
  AllocatorResult,
  FitFigures,
  LimitFigures,
  MemoryFigures,
  TimeFigures,
  UnusableFigures,
} from "./report.ts";
import type { TimeBudget } from "./time-budget.ts";
import type { Workload } from "./workload.ts";

const PERCENT = 100;

/** How a workload is replayed. */
export interface RunOptions {
  /** Processes of each contender that time it; with 0 it is not timed. */
  readonly roundCount: number;
  /** Operations between two checks of the heap; undefined: no contender is checked. */
  readonly checkEvery: number | undefined;
  /** Whether the memory is looked at, in a process of its own. Default true. */
  readonly accounts?: boolean;
  /** How long the workload may take: rounds are left out then, and slow processes cut. Default: as long as it takes. */
  readonly budget?: TimeBudget;
  /** Parts of the workload of which the account has figures of their own. Default: none. */
  readonly sampleCount?: number;
  /** Whether the smallest memory is looked for in which the workload goes through. Default false. */
  readonly fits?: boolean;
  /** Bytes of the memory that the account is in. Default: far more than it needs. */
  readonly accountMemoryBytes?: number;
  /** Bytes of a memory of which is asked what is refused in it. Default: none. */
  readonly memoryBytes?: number;
}

/** How many processes a workload takes. */
export function countProcesses(contenders: readonly ReadyContender[], options: RunOptions): number {
  const checkable = options.checkEvery === undefined ? [] : contenders.filter(({ canCheck }) => canCheck);
  const accountCount = options.accounts === false ? 0 : 1;
  const limitable = contenders.filter(({ canLimit }) => canLimit === true);
  // A fit that is found is followed by an account in that memory.
  const limitedCount = (options.fits === true ? 2 : 0) + (options.memoryBytes === undefined ? 0 : 1);
  const wholeCount = contenders.length * (options.roundCount + accountCount) + checkable.length;
  return wholeCount + limitable.length * limitedCount;
}

/**
 * Replays one workload on every contender, each time in a process of its own. Those that are timed take turns, so that
 * whatever slows the machine for a while slows them all.
 *
 * @param onProcess is called when a process ends, or need not be started any more.
 */
export async function runWorkload(
  workload: Workload,
  contenders: readonly ReadyContender[],
  options: RunOptions,
  onProcess: () => void,
): Promise<AllocatorResult[]> {
  const runs = contenders.map((contender) => new ContenderRun(contender, workload, options, onProcess));
  const { checkEvery, roundCount, accounts = true, budget } = options;
  const processCount = countProcesses(contenders, { ...options, roundCount: Math.min(1, roundCount) });
  const cpuLimitMs = budget?.processLimitMs(processCount);
  for (const run of runs) {
    run.cpuLimitMs = cpuLimitMs;
    if (checkEvery !== undefined && run.canCheck) await run.check(checkEvery);
    if (accounts) await run.account();
    if (run.canLimit) await run.limit();
  }
  let costsMs = runs.map(() => 0);
  for (let round = 0; round < roundCount; round += 1) {
    const taking = round === 0 ? undefined : budget?.affordable(costsMs);
    const costs: number[] = [];
    for (const [index, run] of runs.entries()) {
      if (taking?.has(index) === false) run.skip();
      else await run.time();
      costs.push(run.lastMs);
    }
    costsMs = costs;
  }
  return runs.map((run) => run.result());
}

/** One contender at one workload. After the first process that fails no other is started. */
class ContenderRun {
  readonly #contender: ReadyContender;
  readonly #workload: Workload;
  readonly #options: RunOptions;
  readonly #onProcess: () => void;
  readonly #roundNsPerOp: number[] = [];
  /** How long its processes may go on, in the processor's time, where there is a limit. */
  cpuLimitMs: number | undefined;
  /** How long the last of its processes took. */
  lastMs = 0;
  #fit: FitFigures | undefined;
  #limited: LimitFigures | undefined;
  #coveredShare = 1;
  #memory: MemoryFigures | undefined;
  #check: CheckResult | undefined;
  #error: string | undefined;

  constructor(contender: ReadyContender, workload: Workload, options: RunOptions, onProcess: () => void) {
    this.#contender = contender;
    this.#workload = workload;
    this.#options = options;
    this.#onProcess = onProcess;
  }

  get canCheck(): boolean {
    return this.#contender.canCheck;
  }

  get canLimit(): boolean {
    return this.#contender.canLimit === true;
  }

  async check(checkEvery: number): Promise<void> {
    const { kind, opsPath, closingPath } = this.#workload;
    this.#check = await this.#run<CheckResult>({ mode: "check", kind, opsPath, closingPath, checkEvery });
  }

  async account(): Promise<void> {
    const { accountMemoryBytes } = this.#options;
    const result = await this.#run<AccountResult>(
      this.#accountJob(accountMemoryBytes === undefined ? {} : { memoryBytes: accountMemoryBytes }),
    );
    if (result !== undefined) this.#memory = memoryFigures(result);
  }

  /** What becomes of the workload in memories of given sizes. */
  async limit(): Promise<void> {
    const { fits, memoryBytes } = this.#options;
    const { kind, opsPath } = this.#workload;
    if (memoryBytes !== undefined) {
      const result = await this.#run<AccountResult>(this.#accountJob({ memoryBytes }));
      if (result !== undefined)
        this.#limited = { memoryBytes, failureCount: result.failureCount, ...coverageOf(result) };
    }
    if (fits !== true) return;
    const found = await this.#run<FitResult>({ mode: "fit", kind, opsPath, ...this.#limits });
    if (found?.fitBytes === undefined) {
      this.#onProcess();
      this.#fit = found;
      return;
    }
    const inFit = await this.#run<AccountResult>(this.#accountJob({ memoryBytes: found.fitBytes }));
    const indexes = inFit?.samples?.unusableIndexes ?? [];
    this.#fit = { ...found, ...(indexes.length === 0 ? {} : { unusable: unusableFigures(indexes) }) };
  }

  #accountJob(memory: { readonly memoryBytes?: number }): Job {
    const { kind, opsPath } = this.#workload;
    const { sampleCount } = this.#options;
    return {
      mode: "account",
      kind,
      opsPath,
      ...memory,
      ...(sampleCount === undefined ? {} : { sampleCount }),
      ...this.#limits,
    };
  }

  get #limits(): { readonly cpuLimitMs?: number } {
    return this.cpuLimitMs === undefined ? {} : { cpuLimitMs: this.cpuLimitMs };
  }

  /** Leaves a round out. */
  skip(): void {
    this.#onProcess();
  }

  /** One round: the median of its passes. */
  async time(): Promise<void> {
    const { kind, opsPath, closingPath } = this.#workload;
    const plan = planPasses(this.#workload, this.#contender.isNative);
    // Half of what there is should be left for passes that are timed.
    const warmupMs = Math.min(plan.warmupMs, (this.cpuLimitMs ?? Number.POSITIVE_INFINITY) / 2);
    const passes = { ...plan, warmupMs };
    const result = await this.#run<TimeResult>({ mode: "time", kind, opsPath, closingPath, passes, ...this.#limits });
    if (result === undefined || result.opCount === 0) return;
    this.#roundNsPerOp.push(median(result.passNs) / result.opCount);
    this.#coveredShare = Math.min(this.#coveredShare, result.coveredShare ?? 1);
  }

  result(): AllocatorResult {
    return {
      allocator: this.#contender.name,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#roundNsPerOp.length === 0 ? {} : { time: timeFigures(this.#roundNsPerOp, this.#coveredShare) }),
      ...(this.#memory === undefined ? {} : { memory: this.#memory }),
      ...(this.#limited === undefined ? {} : { limited: this.#limited }),
      ...(this.#fit === undefined ? {} : { fit: this.#fit }),
      ...(this.#check === undefined ? {} : { check: this.#check }),
    };
  }

  async #run<Result>(job: Job): Promise<Result | undefined> {
    const startMs = performance.now();
    try {
      if (this.#error !== undefined) return undefined;
      return JSON.parse(await runProcess(this.#contender.command(job))) as Result;
    } catch (error) {
      this.#error = `${job.mode}: ${error instanceof Error ? error.message : String(error)}`;
      return undefined;
    } finally {
      this.lastMs = performance.now() - startMs;
      this.#onProcess();
    }
  }
}

function coverageOf({ coveredShare }: AccountResult): { readonly coveredShare?: number } {
  return coveredShare === undefined ? {} : { coveredShare };
}

function timeFigures(roundNsPerOp: readonly number[], coveredShare: number): TimeFigures {
  return {
    medianNsPerOp: median(roundNsPerOp),
    minNsPerOp: Math.min(...roundNsPerOp),
    maxNsPerOp: Math.max(...roundNsPerOp),
    roundNsPerOp,
    ...(coveredShare < 1 ? { coveredShare } : {}),
  };
}

function memoryFigures(account: AccountResult): MemoryFigures {
  const { requestedBytes, allocatedBytes, peakLiveBytes, peakFootprintBytes } = account;
  const shareOf = (part: number, whole: number): number => (whole === 0 ? 0 : (part * PERCENT) / whole);
  return {
    requestedBytes,
    allocatedBytes,
    internalFragmentationPercent: shareOf(allocatedBytes - requestedBytes, allocatedBytes),
    peakLiveBytes,
    peakFootprintBytes,
    overheadAtPeakPercent: shareOf(peakFootprintBytes - peakLiveBytes, peakLiveBytes),
    failureCount: account.failureCount,
    substituteCacheCount: account.substituteCacheCount ?? 0,
    ...coverageOf(account),
    ...(account.ignoredFreeCount === undefined ? {} : { ignoredFreeCount: account.ignoredFreeCount }),
    ...(account.samples === undefined ? {} : { samples: withoutIndexes(account.samples) }),
  };
}

function unusableFigures(indexes: readonly (readonly number[])[]): UnusableFigures {
  const orders = Array.from(indexes[0]!, (_, order) => indexes.map((byOrder) => byOrder[order]!));
  return {
    mean: orders.map((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
    worst: orders.map((values) => Math.max(...values)),
  };
}

/** Fragmentation is worth a look where memory is short only. */
function withoutIndexes({ opsPerSample, liveBytes, footprintBytes }: MemorySamples): MemorySamples {
  return { opsPerSample, liveBytes, footprintBytes };
}
