import { performance } from "node:perf_hooks";
import type { Worker } from "node:worker_threads";
import { type ByteStats, type Heap, heapStats, ownerOf, reapSlot } from "kmem";
import type { Allocation } from "./allocation-list.ts";
import { audit } from "./audit.ts";
import { type HeapConfig, type OnBug, stackBytes } from "./heap-configs.ts";
import { type KillPlan, KillPlanner } from "./kill-plan.ts";
import { allocationsOf } from "./reaped-allocations.ts";
import type { KillFigures } from "./report.ts";
import {
  createSharedState,
  exchangedBlocks,
  OPERATIONS,
  type OperationName,
  recordWord,
  SharedState,
  type SharedWords,
  startThread,
  ThreadRecord,
} from "./shared-state.ts";
import { startWorker, Victim } from "./victim.ts";
import { CACHE_NAME, CACHE_OBJECT_BYTES, type WorkloadSettings } from "./workload.ts";

/** A thread that makes no progress for so long is stalled, on a machine however busy. */
const HANG_MS = 120_000;
const POLL_MS = 1;
/** Victims that are started ahead of time: starting a thread takes longer than killing it. */
const POOL_SIZE = 5;
/** Victims that die at the same time, at the most. */
const GROUP_MAX = 3;
const VICTIM_HELD = 60;
const SURVIVOR_HELD = 150;
const SURVIVOR_SHORT_HELD = 40;
const PAGE_BYTES = 4096;
/** Problems that are reported; the figures count them all. */
const PROBLEM_LIMIT = 20;
/** Bytes that differ between the start and the end when a heap has grown. */
const GROWING_BYTES: ReadonlySet<string> = new Set(["totalBytes", "freePageBytes"]);
/** A heap below this cannot feed the usual number of allocations: threads would do little but run out of memory. */
const SHORT_BYTES: number = 4 * 2 ** 20;

/** How many threads there are. */
export interface CampaignSettings {
  readonly killCount: number;
  readonly survivorCount: number;
  readonly seed: number;
}

/** A thread has stalled or failed: the heap cannot be used any longer. */
class StallError extends Error {
  override readonly name = "StallError";
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** One heap on which threads are killed while others work. */
export class KillCampaign {
  readonly #config: HeapConfig;
  readonly #onBug: OnBug;
  readonly #heap: Heap;
  readonly #settings: CampaignSettings;
  readonly #shared: SharedWords;
  readonly #planner: KillPlanner;
  readonly #heldMax: number;
  readonly #survivors: Worker[] = [];
  readonly #survivorSlots: number[] = [];
  readonly #freeRecords: number[];
  #pool: { victim: Victim; plan: KillPlan }[] = [];
  #dying: readonly Victim[] = [];
  #retained: Allocation[] = [];
  #keptSlots: number[] = [];
  readonly #inFlight = new Set<number>();
  #failure: Error | undefined;
  readonly #problems: string[] = [];
  readonly #recoveryMs: number[] = [];
  readonly #reapMs: number[] = [];
  readonly #byOperation: Partial<Record<OperationName, number>> = {};
  readonly #sums = {
    killCount: 0,
    survivorOperations: 0,
    checkCount: 0,
    takenOverLocks: 0,
    ownedByDead: 0,
    returnedBlocks: 0,
    returnedPages: 0,
    hangs: 0,
    lostBlocks: 0,
    lostPages: 0,
    findings: 0,
  } satisfies Mutable<Partial<KillFigures>>;

  constructor(config: HeapConfig, settings: CampaignSettings) {
    this.#config = config;
    this.#onBug = (text) => this.#problem(`reported: ${text}`);
    const heap = config.create(this.#onBug);
    this.#heap = heap;
    this.#settings = settings;
    const { survivorCount, seed } = settings;
    this.#shared = createSharedState(survivorCount + POOL_SIZE);
    this.#freeRecords = Array.from({ length: POOL_SIZE }, (_, index) => survivorCount + index);
    this.#planner = new KillPlanner(seed);
    this.#heldMax = heapStats(heap).bytes.totalBytes < SHORT_BYTES ? SURVIVOR_SHORT_HELD : SURVIVOR_HELD;
  }

  /** Kills threads in groups, with an audit after each. `onProgress` is told how many have died. */
  async run(onProgress: (killCount: number) => void): Promise<KillFigures> {
    const heap = this.#heap;
    const before = withoutStacks(heap);
    const cache = heap.createCache({ name: CACHE_NAME, sizeBytes: CACHE_OBJECT_BYTES });
    try {
      await this.#startSurvivors();
      while (this.#sums.killCount < this.#settings.killCount) {
        await this.#killGroup();
        await this.#auditPaused();
        onProgress(this.#sums.killCount);
      }
      await this.#endAll();
      cache.destroy();
      this.#compareBytes(before);
    } catch (error) {
      if (!(error instanceof StallError)) throw error;
      this.#problem(error.message);
    }
    return {
      ...this.#sums,
      killsByOperation: this.#byOperation,
      recoveryMs: this.#recoveryMs,
      reapMs: this.#reapMs,
      problems: this.#problems.slice(0, PROBLEM_LIMIT),
    };
  }

  #workload(thread: number, heldMax: number): WorkloadSettings {
    const seed = Math.imul(this.#planner.below(2 ** 16) + 1, this.#settings.seed + thread + 1);
    const { survivorCount } = this.#settings;
    return {
      shared: this.#shared,
      thread,
      seed,
      heldMax,
      survivorSlots: this.#survivorSlots,
      threadCount: survivorCount + POOL_SIZE,
      config: this.#config.name,
      isSurvivor: thread < survivorCount,
    };
  }

  async #startSurvivors(): Promise<void> {
    const handles = Array.from({ length: this.#settings.survivorCount }, () => this.#heap.reserve());
    this.#survivorSlots.push(...handles.flatMap(({ place }) => (place === undefined ? [] : [place.slot])));
    for (const [thread, handle] of handles.entries()) {
      const workload = this.#workload(thread, this.#heldMax);
      const detachAfter = Number.POSITIVE_INFINITY;
      const worker = startWorker({ ...workload, handle, detachAfter }, this.#onBug);
      worker.on("error", (error: Error) => {
        this.#failure ??= error;
      });
      this.#survivors.push(worker);
    }
    const ready = handles.map((_, thread) => recordWord(thread, ThreadRecord.READY));
    await this.#until(() => ready.every((word) => Atomics.load(this.#shared, word) === 1), "the survivors start");
    // Only now, since each gives blocks to the others.
    for (const thread of handles.keys()) startThread(this.#shared, thread);
  }

  async #killGroup(): Promise<void> {
    this.#refill();
    const count = Math.min(1 + this.#planner.below(GROUP_MAX), this.#settings.killCount - this.#sums.killCount);
    const group = this.#pool.splice(0, count);
    this.#dying = group.map(({ victim }) => victim);
    await this.#until(() => group.every(({ victim }) => victim.isReady), "victims start");
    const deaths = await this.#withTimeout(
      Promise.all(group.map(({ victim, plan }) => victim.kill(plan))),
      "victims end and are reaped",
    );
    for (const [index, { operation, report, recoveryMs, reapMs, problems }] of deaths.entries()) {
      const { victim, plan } = group[index]!;
      this.#sums.killCount++;
      this.#byOperation[operation] = (this.#byOperation[operation] ?? 0) + 1;
      for (const address of victim.inFlight) this.#inFlight.add(address);
      for (const problem of problems) this.#problem(problem);
      this.#freeRecords.push(victim.thread);
      if (report === undefined) continue;
      this.#recoveryMs.push(recoveryMs);
      this.#reapMs.push(reapMs);
      const allocations = allocationsOf(report);
      this.#sums.takenOverLocks += report.takenOverLocks;
      this.#sums.ownedByDead += allocations.length;
      this.#sums.returnedBlocks += report.returnedBlocks;
      this.#sums.returnedPages += report.returnedPages;
      if (plan.blocks !== "free") this.#retained.push(...allocations);
      if (!report.isFreed) this.#keptSlots.push(report.slot);
    }
  }

  /** Starts threads for later. */
  #refill(): void {
    for (const thread of this.#freeRecords.splice(0)) {
      const plan = this.#planner.next();
      const workload = this.#workload(thread, VICTIM_HELD);
      const victim = new Victim(this.#heap, workload, plan, this.#settings.survivorCount, this.#onBug);
      this.#pool.push({ victim, plan });
    }
  }

  /** Has all survivors pause, and audits the heap meanwhile. */
  async #auditPaused(): Promise<void> {
    const shared = this.#shared;
    const { survivorCount } = this.#settings;
    Atomics.add(shared, SharedState.PAUSE, 1);
    await this.#until(() => Atomics.load(shared, SharedState.PAUSED) === survivorCount, "the survivors pause");
    this.#audit(Array.from({ length: survivorCount }, (_, thread) => thread));
    Atomics.add(shared, SharedState.PAUSE, 1);
    Atomics.notify(shared, SharedState.PAUSE);
    await this.#until(() => Atomics.load(shared, SharedState.PAUSED) === 0, "the survivors go on");
  }

  #audit(survivors: readonly number[]): void {
    const heap = this.#heap;
    const shared = this.#shared;
    const result = audit(heap, { shared, survivors, retained: this.#retained, inFlight: this.#inFlight });
    this.#sums.checkCount++;
    this.#sums.findings += result.findings;
    this.#sums.lostBlocks += result.lostBlocks;
    this.#sums.lostPages += result.lostPages;
    for (const problem of result.problems) this.#problem(problem);
    const bugCount = Atomics.load(shared, SharedState.BUG_REPORTS);
    if (bugCount > 0) this.#problem(`heaps have reported ${bugCount} bugs, and the threads made none`);
    for (const address of result.orphans) heap.free(address);
    this.#inFlight.clear();
    this.#releaseRetained();
    if (this.#problems.length > 0) throw new StallError("what follows after this would mean nothing");
  }

  /** Frees kept allocations with their slots, and given ones one by one. */
  #releaseRetained(): void {
    const heap = this.#heap;
    for (const slot of this.#keptSlots.splice(0)) reapSlot(heap, slot, { blocks: "free" });
    for (const { address, pageCount } of this.#retained.splice(0)) {
      if (ownerOf(heap, address) !== heap.slot) continue;
      if (pageCount > 0) heap.pages.free(address, pageCount);
      else heap.free(address);
    }
  }

  async #endAll(): Promise<void> {
    const ends = this.#survivors.map((worker) => new Promise<void>((resolve) => worker.once("exit", () => resolve())));
    Atomics.store(this.#shared, SharedState.STOP, 1);
    const endOfPool = this.#pool.map(({ victim }) => victim.end());
    await this.#withTimeout(Promise.all([...ends, ...endOfPool]), "the survivors end");
    if (this.#failure !== undefined) throw new StallError(`a survivor failed: ${this.#failure.message}`);
    for (let thread = 0; thread < this.#settings.survivorCount; thread++) {
      this.#sums.survivorOperations += Atomics.load(this.#shared, recordWord(thread, ThreadRecord.PROGRESS));
    }
    for (const address of exchangedBlocks(this.#shared)) this.#heap.free(address);
    this.#shared.fill(0, SharedState.EXCHANGE, recordWord(0, 0));
    this.#audit([]);
  }

  /** Everything is freed: the bytes of each kind must be as at the start. */
  #compareBytes(before: ByteStats): void {
    this.#heap.trim();
    const after = withoutStacks(this.#heap);
    const hasGrown = after.totalBytes !== before.totalBytes;
    for (const name of Object.keys(before) as (keyof typeof before)[]) {
      if (after[name] === before[name] || (hasGrown && GROWING_BYTES.has(name))) continue;
      this.#problem(`at the end ${name} is ${after[name]}, before it was ${before[name]}`);
      this.#sums.lostPages += Math.ceil(Math.abs(after[name] - before[name]) / PAGE_BYTES);
    }
    const { heldSlots } = heapStats(this.#heap);
    if (heldSlots !== 1) this.#problem(`${heldSlots} slots are held at the end, not 1`);
  }

  async #until(isDone: () => boolean, what: string): Promise<void> {
    let progress = this.#progress();
    let sinceMs = performance.now();
    while (!isDone()) {
      if (this.#failure !== undefined) throw new StallError(`a survivor failed: ${this.#failure.message}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const now = this.#progress();
      if (now !== progress) {
        progress = now;
        sinceMs = performance.now();
      }
      if (performance.now() - sinceMs > HANG_MS) this.#hangs(what);
    }
  }

  async #withTimeout<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, HANG_MS, "late");
    });
    const first = await Promise.race([promise, limit]);
    clearTimeout(timer);
    if (first === "late") this.#hangs(what);
    return first as T;
  }

  #hangs(what: string): never {
    this.#sums.hangs++;
    const states = this.#survivors.map((_, thread) => {
      const operation = OPERATIONS[Atomics.load(this.#shared, recordWord(thread, ThreadRecord.OPERATION))];
      return `survivor ${thread}: ${operation}`;
    });
    for (const { thread, operation } of this.#dying) states.push(`victim ${thread}: ${operation}`);
    throw new StallError(`nothing has moved for ${HANG_MS / 1000} s until ${what} (${states.join(", ")})`);
  }

  #progress(): number {
    let sum = Atomics.load(this.#shared, SharedState.PAUSED);
    for (let thread = 0; thread < this.#settings.survivorCount + POOL_SIZE; thread++) {
      sum +=
        Atomics.load(this.#shared, recordWord(thread, ThreadRecord.PROGRESS)) +
        Atomics.load(this.#shared, recordWord(thread, ThreadRecord.READY));
    }
    return sum;
  }

  #problem(text: string): void {
    this.#problems.push(text);
  }
}

/** The bytes of a heap by kinds, as if those of the stacks that it keeps were free. */
function withoutStacks(heap: Heap): ByteStats {
  const { bytes } = heapStats(heap);
  const kept = stackBytes(heap);
  return { ...bytes, slotBytes: bytes.slotBytes - kept, freePageBytes: bytes.freePageBytes + kept };
}
