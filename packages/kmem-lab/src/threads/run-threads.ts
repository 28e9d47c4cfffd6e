import { extname } from "node:path";
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import type { ThreadJob, ThreadResult } from "./jobs.ts";
import type { OwnedHeap, ThreadHeapModule } from "./thread-heap.ts";
import type { WorkerReport, WorkerSetting } from "./thread-worker.ts";
import { setValue } from "./work/list-ring.ts";
import { AMOUNT, createShared, IS_LAST, PHASE, resetShared } from "./work/shared-state.ts";
import { Work, type WorkThread } from "./work/work.ts";
import { findWorkload, type ThreadWorkload } from "./workloads.ts";

/** Threads that wait for ever are found out by then. */
const TIME_LIMIT_MS = 300_000;

const WORKER_URL = new URL(`./thread-worker${extname(import.meta.url)}`, import.meta.url);

/** What went wrong in a thread, or between threads; it ends the run, but not the report of it. */
class ThreadProblem extends Error {
  override readonly name = "ThreadProblem";
}

/** The threads of a run, from their start to their end. */
class Team {
  readonly #workers: readonly Worker[];
  readonly #exits: Promise<unknown>;
  readonly #failure: Promise<never>;
  #reports: WorkerReport[] = [];
  #onReport: () => void = () => {};

  constructor(settings: readonly WorkerSetting[]) {
    this.#workers = settings.map((workerData) => new Worker(WORKER_URL, { workerData }));
    const failures = this.#workers.map(
      (worker) =>
        new Promise<never>((_, reject) => {
          worker.on("error", (error) => reject(new ThreadProblem(`a thread ended: ${describe(error)}`)));
        }),
    );
    this.#failure = Promise.race([...failures, timeLimit()]);
    // Every wait races against this, and reports the failure.
    this.#failure.catch(() => {});
    this.#exits = Promise.all(this.#workers.map((worker) => new Promise((resolve) => worker.on("exit", resolve))));
    for (const worker of this.#workers) {
      worker.on("message", (report: WorkerReport) => {
        this.#reports.push(report);
        if (this.#reports.length === this.#workers.length) this.#onReport();
      });
    }
  }

  /** One report of each thread. */
  async reports(): Promise<readonly WorkerReport[]> {
    const all = new Promise<void>((resolve) => {
      this.#onReport = resolve;
      if (this.#reports.length === this.#workers.length) resolve();
    });
    await Promise.race([all, this.#failure]);
    const reports = this.#reports;
    this.#reports = [];
    return reports;
  }

  async ended(): Promise<void> {
    await Promise.race([this.#exits, this.#failure]);
  }
}

function timeLimit(): Promise<never> {
  return new Promise((_, reject) => {
    const limit = setTimeout(
      () => reject(new ThreadProblem(`the threads have not come to an end within ${TIME_LIMIT_MS / 1000} s`)),
      TIME_LIMIT_MS,
    );
    limit.unref();
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** A run as its main thread sees it. */
class Run {
  readonly #job: ThreadJob;
  readonly #workload: ThreadWorkload;
  readonly #shared: Int32Array<SharedArrayBuffer>;
  readonly #main: WorkThread;
  readonly #team: Team;
  readonly #threadCount: number;

  constructor(moduleUrl: string, heap: OwnedHeap, job: ThreadJob) {
    const { laneCount, workload } = job;
    this.#job = job;
    this.#workload = findWorkload(workload);
    const { generationCount } = this.#workload;
    this.#threadCount = laneCount * generationCount;
    const shared = createShared(laneCount);
    this.#shared = shared;
    const { alloc, free, buffer, handle } = heap;
    const words = new Int32Array(buffer);
    const [lane, generation] = [laneCount, generationCount];
    this.#main = { alloc, free, words, shared, lane, laneCount, generation, generationCount, work: new Work() };
    this.#team = new Team(
      Array.from({ length: this.#threadCount }, (_, number) => {
        return { moduleUrl, handle, shared, workload, laneCount, number };
      }),
    );
  }

  /** Untimed phases, the timed one, and the end of all threads. */
  async toEnd(): Promise<ThreadResult> {
    const { amount, warmupAmount, warmupMs } = this.#job;
    await this.#team.reports();
    const startMs = performance.now();
    do await this.#phase(warmupAmount, false);
    while (performance.now() - startMs < warmupMs);
    const reports = await this.#phase(amount, true);
    await this.#team.ended();
    const sum = (field: "allocatedCount" | "freedCount" | "faultCount" | "requestedBytes"): number =>
      reports.reduce((total, { work }) => total + work[field], this.#main.work[field]);
    return {
      elapsedNs: Math.max(...reports.map(({ endNs }) => endNs)) - Math.min(...reports.map(({ startNs }) => startNs)),
      allocatedCount: sum("allocatedCount"),
      freedCount: sum("freedCount"),
      faultCount: sum("faultCount"),
      requestedBytesMod32: sum("requestedBytes") >>> 0,
      problems: [],
    };
  }

  async #phase(amount: number, isLast: boolean): Promise<readonly WorkerReport[]> {
    const shared = this.#shared;
    resetShared(shared);
    this.#main.work.start(this.#threadCount);
    this.#workload.prepare?.(this.#main);
    shared[AMOUNT] = amount;
    shared[IS_LAST] = isLast ? 1 : 0;
    setValue(shared, PHASE, Atomics.load(shared, PHASE) + 1);
    return this.#team.reports();
  }
}

/**
 * Runs one workload on a heap in this process, with a thread for each lane and generation. What the heap does wrong is
 * in the result. Threads may be left behind when something is.
 *
 * @param moduleUrl where `module` comes from: the threads load it themselves.
 */
export async function runThreads(moduleUrl: string, module: ThreadHeapModule, job: ThreadJob): Promise<ThreadResult> {
  const { laneCount } = job;
  const heap = module.createHeap({ laneCount, threadCount: laneCount * findWorkload(job.workload).generationCount });
  try {
    const result = await new Run(moduleUrl, heap, job).toEnd();
    return { ...result, problems: heap.problemsAtEnd() };
  } catch (error) {
    const none = { elapsedNs: 0, allocatedCount: 0, freedCount: 0, faultCount: 0, requestedBytesMod32: 0 };
    return { ...none, problems: [describe(error)] };
  }
}
