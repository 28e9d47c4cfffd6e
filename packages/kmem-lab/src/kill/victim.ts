import { extname } from "node:path";
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import type { Heap, ReapReport } from "kmem";
import { watchWorker } from "kmem";
import { clearLine, Line, lineWord, OPERATIONS, type OperationName, openGate } from "./board.ts";
import { type Fate, pause } from "./fate.ts";
import type { KillOrders } from "./kill-worker.ts";
import type { LabourSetting } from "./labour.ts";
import { Ledger, type Piece } from "./ledger.ts";
import { wrongList } from "./pieces-of-dead.ts";
import { withdrawGift } from "./withdraw-gift.ts";
import type { OnBug } from "./worlds.ts";

const WORKER_URL = new URL(`./kill-worker${extname(import.meta.url)}`, import.meta.url);

/** A victim that has not begun to work so long after it was told to is killed all the same. */
const BEGIN_MS = 1000;

/** A thread that works, as {@link Victim} and the survivors are started. */
export function startWorker(orders: KillOrders, onBug: OnBug): Worker {
  const worker = new Worker(WORKER_URL, { workerData: orders });
  worker.on("message", ({ bug }: { readonly bug: string }) => onBug(bug));
  return worker;
}

/** What the death of a victim was like. */
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
  readonly #board: LabourSetting["board"];
  readonly #worker: Worker;
  readonly #ledger: Ledger;
  readonly #exited: Promise<void>;
  /** Of what it had offered: what nobody had taken when it died. */
  #withdrawn: readonly number[] = [];
  #exitedAtMs = 0;
  #reapedAtMs = 0;
  #report: ReapReport | undefined;
  #error: Error | undefined;
  #hasEnded = false;

  constructor(heap: Heap, setting: LabourSetting, fate: Fate, survivorCount: number, onBug: OnBug) {
    const { board, thread } = setting;
    clearLine(board, thread);
    this.thread = thread;
    this.#board = board;
    this.#ledger = new Ledger(board, thread);
    const handle = heap.reserve();
    this.#worker = startWorker({ ...setting, isSurvivor: false, handle, detachAfter: fate.detachAfter }, onBug);
    this.#worker.on("error", (error: Error) => {
      this.#error = error;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#exitedAtMs = performance.now();
        this.#hasEnded = true;
        // Before the watch reaps: what a survivor has taken by then, it frees by then.
        this.#withdrawn = withdrawGift(board, thread, survivorCount);
        // The watch, which was registered after this, has reaped by then.
        setImmediate(resolve);
      });
    });
    watchWorker(heap, this.#worker, handle, {
      blocks: fate.blocks,
      onReaped: (report) => {
        this.#reapedAtMs = performance.now();
        this.#report = report;
      },
    });
  }

  get isReady(): boolean {
    return Atomics.load(this.#board, lineWord(this.thread, Line.READY)) === 1;
  }

  /** Blocks that it had in its hands when it died. */
  get hands(): number[] {
    const words = [Line.HAND_OUT, Line.HAND_IN].map((word) => lineWord(this.thread, word));
    return words.map((word) => Atomics.load(this.#board, word) >>> 0).filter((address) => address !== 0);
  }

  /** What it is at, or was at when it died. */
  get operation(): OperationName {
    return OPERATIONS[Atomics.load(this.#board, lineWord(this.thread, Line.OPERATION))]!;
  }

  #isBefore(point: Fate["from"]): boolean {
    if (point === "start") return false;
    return this.operation === "starting" || (point === "work" && this.operation === "attach");
  }

  #gifts(): Piece[] {
    return this.#withdrawn.map((address) => ({ address, pageCount: 0 }));
  }

  /** Lets it begin, and terminates it a little later. */
  async kill({ from, delayMs }: Fate): Promise<Death> {
    openGate(this.#board, this.thread);
    const untilMs = performance.now() + BEGIN_MS;
    // Where memory is short it may find none to attach with for long, and is killed at that.
    while (this.#isBefore(from) && !this.#hasEnded && performance.now() < untilMs) await pause(0);
    await pause(delayMs);
    const calledAtMs = performance.now();
    void this.#worker.terminate();
    await this.#exited;
    const operation = this.operation;
    const report = this.#report;
    const problems = report === undefined ? [] : wrongList(report, [...this.#ledger.pieces(), ...this.#gifts()]);
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
