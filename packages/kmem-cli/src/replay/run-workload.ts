import { runProcess } from "../system/run-process.ts";
import { median } from "../text/statistics.ts";
import type { ReadyContender } from "./contender.ts";
import { type AccountResult, type CheckResult, type Job, planPasses, type TimeResult } from "./jobs.ts";
import type { AllocatorResult, MemoryFigures, TimeFigures } from "./report.ts";
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
}

/** How many processes a workload takes. */
export function countProcesses(contenders: readonly ReadyContender[], options: RunOptions): number {
  const checkable = options.checkEvery === undefined ? [] : contenders.filter(({ canCheck }) => canCheck);
  const accountCount = options.accounts === false ? 0 : 1;
  return contenders.length * (options.roundCount + accountCount) + checkable.length;
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
  const runs = contenders.map((contender) => new ContenderRun(contender, workload, onProcess));
  const { checkEvery, roundCount, accounts = true } = options;
  for (const run of runs) {
    if (checkEvery !== undefined && run.canCheck) await run.check(checkEvery);
    if (accounts) await run.account();
  }
  for (let round = 0; round < roundCount; round += 1) {
    for (const run of runs) await run.time();
  }
  return runs.map((run) => run.result());
}

/** One contender at one workload. After the first process that fails no other is started. */
class ContenderRun {
  readonly #contender: ReadyContender;
  readonly #workload: Workload;
  readonly #onProcess: () => void;
  readonly #roundNsPerOp: number[] = [];
  #coveredShare = 1;
  #memory: MemoryFigures | undefined;
  #check: CheckResult | undefined;
  #error: string | undefined;

  constructor(contender: ReadyContender, workload: Workload, onProcess: () => void) {
    this.#contender = contender;
    this.#workload = workload;
    this.#onProcess = onProcess;
  }

  get canCheck(): boolean {
    return this.#contender.canCheck;
  }

  async check(checkEvery: number): Promise<void> {
    const { kind, opsPath, closingPath } = this.#workload;
    this.#check = await this.#run<CheckResult>({ mode: "check", kind, opsPath, closingPath, checkEvery });
  }

  async account(): Promise<void> {
    const { kind, opsPath } = this.#workload;
    const result = await this.#run<AccountResult>({ mode: "account", kind, opsPath });
    if (result !== undefined) this.#memory = memoryFigures(result);
  }

  /** One round: the median of its passes. */
  async time(): Promise<void> {
    const { kind, opsPath, closingPath } = this.#workload;
    const passes = planPasses(this.#workload, this.#contender.isNative);
    const result = await this.#run<TimeResult>({ mode: "time", kind, opsPath, closingPath, passes });
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
      ...(this.#check === undefined ? {} : { check: this.#check }),
    };
  }

  async #run<Result>(job: Job): Promise<Result | undefined> {
    try {
      if (this.#error !== undefined) return undefined;
      return JSON.parse(await runProcess(this.#contender.command(job))) as Result;
    } catch (error) {
      this.#error = `${job.mode}: ${error instanceof Error ? error.message : String(error)}`;
      return undefined;
    } finally {
      this.#onProcess();
    }
  }
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
    ...(account.coveredShare === undefined ? {} : { coveredShare: account.coveredShare }),
    ...(account.ignoredFreeCount === undefined ? {} : { ignoredFreeCount: account.ignoredFreeCount }),
  };
}
