import { extname } from "node:path";
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { type Heap, type ReapReport, watchWorker } from "kmem";
import { type Allocation, AllocationList } from "./allocation-list.ts";
import type { OnBug } from "./heap-configs.ts";
import { type KillPlan, pause } from "./kill-plan.ts";
import type { WorkerOptions } from "./kill-worker.ts";
import { listFaults } from "./reaped-allocations.ts";
import { clearRecord, OPERATIONS, type OperationName, recordWord, startThread, ThreadRecord } from "./shared-state.ts";
import { withdrawOffer } from "./withdraw-offer.ts";
import type { WorkloadSettings } from "./workload.ts";

const WORKER_URL = new URL(`./kill-worker${extname(import.meta.url)}`, import.meta.url);

/** A victim that has not begun to work so long after it was told to is killed all the same. */
const BEGIN_MS = 1000;

/** Starts a thread of a campaign: a victim or a survivor. */
export function startWorker(options: WorkerOptions, onBug: OnBug): Worker {
  const worker = new Worker(WORKER_URL, { workerData: options });
  worker.on("message", ({ bug }: { readonly bug: string }) => onBug(bug));
  return worker;
}

/** How a victim died and was recovered from. */
export interface Death {
  readonly operation: OperationName;
  /** Absent where the thread had no slot any more, or none yet. */
  readonly report?: ReapReport;
  readonly recoveryMs: number;
  readonly reapMs: number;
  readonly problems: readonly string[];
}

/** A thread that is started early, begins when it is told to, and is terminated soon after. */
export class Victim {
  readonly thread: number;
  readonly #shared: WorkloadSettings["shared"];
  readonly #worker: Worker;
  readonly #allocations: AllocationList;
  readonly #exited: Promise<void>;
  /** The block that it had offered, unless another thread had taken it when it died. */
  #withdrawn: readonly number[] = [];
  #exitedAtMs = 0;
  #reapedAtMs = 0;
  #report: ReapReport | undefined;
  #error: Error | undefined;
  #hasEnded = false;

  constructor(heap: Heap, workload: WorkloadSettings, plan: KillPlan, survivorCount: number, onBug: OnBug) {
    const { shared, thread } = workload;
    clearRecord(shared, thread);
    this.thread = thread;
    this.#shared = shared;
    this.#allocations = new AllocationList(shared, thread);
    const handle = heap.reserve();
    this.#worker = startWorker({ ...workload, isSurvivor: false, handle, detachAfter: plan.detachAfter }, onBug);
    this.#worker.on("error", (error: Error) => {
      this.#error = error;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#exitedAtMs = performance.now();
        this.#hasEnded = true;
        // Before the watch reaps: what a survivor has taken by then, it frees by then.
        this.#withdrawn = withdrawOffer(shared, thread, survivorCount);
        // The watch, which was registered after this, has reaped by then.
        setImmediate(resolve);
      });
    });
    watchWorker(heap, this.#worker, handle, {
      blocks: plan.blocks,
      onReaped: (report) => {
        this.#reapedAtMs = performance.now();
        this.#report = report;
      },
    });
  }

  get isReady(): boolean {
    return Atomics.load(this.#shared, recordWord(this.thread, ThreadRecord.READY)) === 1;
  }

  /** Blocks that it had in flight when it died. */
  get inFlight(): number[] {
    const words = [ThreadRecord.PUTTING, ThreadRecord.TAKING].map((word) => recordWord(this.thread, word));
    return words.map((word) => Atomics.load(this.#shared, word) >>> 0).filter((address) => address !== 0);
  }

  /** The operation that it is in, or was in when it died. */
  get operation(): OperationName {
    return OPERATIONS[Atomics.load(this.#shared, recordWord(this.thread, ThreadRecord.OPERATION))]!;
  }

  #isBefore(point: KillPlan["waitFor"]): boolean {
    if (point === "start") return false;
    return this.operation === "starting" || (point === "work" && this.operation === "attach");
  }

  #withdrawnAllocations(): Allocation[] {
    return this.#withdrawn.map((address) => ({ address, pageCount: 0 }));
  }

  /** Starts it, and terminates it a little later. */
  async kill({ waitFor, delayMs }: KillPlan): Promise<Death> {
    startThread(this.#shared, this.thread);
    const untilMs = performance.now() + BEGIN_MS;
    // Where memory is short it may find none to attach with for long, and is killed at that.
    while (this.#isBefore(waitFor) && !this.#hasEnded && performance.now() < untilMs) await pause(0);
    await pause(delayMs);
    const calledAtMs = performance.now();
    void this.#worker.terminate();
    await this.#exited;
    const operation = this.operation;
    const report = this.#report;
    const problems =
      report === undefined ? [] : listFaults(report, [...this.#allocations.all(), ...this.#withdrawnAllocations()]);
    if (this.#error !== undefined) problems.push(`a victim failed: ${this.#error.message}`);
    if (report === undefined && operation !== "detach" && operation !== "detached") {
      problems.push(`a victim that died in "${operation}" was not reaped`);
    }
    const recoveredAtMs = report === undefined ? this.#exitedAtMs : this.#reapedAtMs;
    return {
      operation,
      ...(report === undefined ? {} : { report }),
      recoveryMs: recoveredAtMs - calledAtMs,
      reapMs: recoveredAtMs - this.#exitedAtMs,
      problems,
    };
  }

  /** Ends a thread that never began. */
  async end(): Promise<void> {
    void this.#worker.terminate();
    await this.#exited;
  }
}
