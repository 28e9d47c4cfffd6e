import { performance } from "node:perf_hooks";
import type { Worker } from "node:worker_threads";
import type { ByteStats, Heap } from "kmem";
import { heapStats, ownerOf, reapSlot } from "kmem";
import { audit } from "./audit.ts";
import {
  Board,
  createBoard,
  exchanged,
  Line,
  lineWord,
  OPERATIONS,
  type OperationName,
  openGate,
  type SharedWords,
} from "./board.ts";
import { Fates } from "./fate.ts";
import { CACHE_NAME, CACHE_OBJECT_BYTES, type LabourSetting } from "./labour.ts";
import type { Piece } from "./ledger.ts";
import { piecesOf } from "./pieces-of-dead.ts";
import type { KillFigures } from "./report.ts";
import { startWorker, Victim } from "./victim.ts";
import { type KillWorld, type OnBug, stackBytes } from "./worlds.ts";

/** A thread that makes no progress for so long stands still, on a machine however busy. */
const HANG_MS = 120_000;
const POLL_MS = 1;
/** Victims that are started before their time: starting a thread takes longer than killing it. */
const POOL_SIZE = 5;
/** Victims that die at the same time, at the most. */
const GROUP_MAX = 3;
const VICTIM_HELD = 60;
const SURVIVOR_HELD = 150;
const SURVIVOR_SHORT_HELD = 40;
const PAGE_BYTES = 4096;
/** Problems that are told; the figures count them all. */
const PROBLEM_LIMIT = 20;
/** Bytes that are others at the end than at first when a heap has grown. */
const GROWING_BYTES: ReadonlySet<string> = new Set(["totalBytes", "freePageBytes"]);
/** A heap below this cannot feed the usual number of pieces: threads would do little but run out of memory. */
const SHORT_BYTES: number = 4 * 2 ** 20;

export interface KillingSettings {
  readonly killCount: number;
  readonly survivorCount: number;
  readonly seed: number;
}

/** A thread stood still, or failed: the heap cannot be used any longer. */
class Standstill extends Error {
  override readonly name = "Standstill";
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** One heap on which threads are killed while others work. */
export class Killing {
  readonly #world: KillWorld;
  readonly #onBug: OnBug;
  readonly #heap: Heap;
  readonly #settings: KillingSettings;
  readonly #board: SharedWords;
  readonly #fates: Fates;
  readonly #heldMax: number;
  readonly #survivors: Worker[] = [];
  readonly #heirSlots: number[] = [];
  readonly #freeLines: number[];
  #pool: { victim: Victim; fate: ReturnType<Fates["next"]> }[] = [];
  #dying: readonly Victim[] = [];
  #inherited: Piece[] = [];
  #keptSlots: number[] = [];
  readonly #hands = new Set<number>();
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

  constructor(world: KillWorld, settings: KillingSettings) {
    this.#world = world;
    this.#onBug = (text) => this.#problem(`reported: ${text}`);
    const heap = world.create(this.#onBug);
    this.#heap = heap;
    this.#settings = settings;
    const { survivorCount, seed } = settings;
    this.#board = createBoard(survivorCount + POOL_SIZE);
    this.#freeLines = Array.from({ length: POOL_SIZE }, (_, index) => survivorCount + index);
    this.#fates = new Fates(seed);
    this.#heldMax = heapStats(heap).bytes.totalBytes < SHORT_BYTES ? SURVIVOR_SHORT_HELD : SURVIVOR_HELD;
  }

  /** Kills as many threads as it is to, and takes stock. `onProgress` is told how many have died. */
  async run(onProgress: (killCount: number) => void): Promise<KillFigures> {
    const heap = this.#heap;
    const before = withoutStacks(heap);
    const cache = heap.createCache({ name: CACHE_NAME, sizeBytes: CACHE_OBJECT_BYTES });
    try {
      await this.#startSurvivors();
      while (this.#sums.killCount < this.#settings.killCount) {
        await this.#killSome();
        await this.#takeStock();
        onProgress(this.#sums.killCount);
      }
      await this.#endAll();
      cache.destroy();
      this.#compareBytes(before);
    } catch (error) {
      if (!(error instanceof Standstill)) throw error;
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

  #setting(thread: number, heldMax: number): LabourSetting {
    const seed = Math.imul(this.#fates.below(2 ** 16) + 1, this.#settings.seed + thread + 1);
    const { survivorCount } = this.#settings;
    return {
      board: this.#board,
      thread,
      seed,
      heldMax,
      heirSlots: this.#heirSlots,
      threadCount: survivorCount + POOL_SIZE,
      world: this.#world.name,
      isSurvivor: thread < survivorCount,
    };
  }

  async #startSurvivors(): Promise<void> {
    const handles = Array.from({ length: this.#settings.survivorCount }, () => this.#heap.reserve());
    this.#heirSlots.push(...handles.flatMap(({ place }) => (place === undefined ? [] : [place.slot])));
    for (const [thread, handle] of handles.entries()) {
      const setting = this.#setting(thread, this.#heldMax);
      const detachAfter = Number.POSITIVE_INFINITY;
      const worker = startWorker({ ...setting, handle, detachAfter }, this.#onBug);
      worker.on("error", (error: Error) => {
        this.#failure ??= error;
      });
      this.#survivors.push(worker);
    }
    const lines = handles.map((_, thread) => lineWord(thread, Line.READY));
    await this.#until(() => lines.every((word) => Atomics.load(this.#board, word) === 1), "the survivors start");
    // Only now, since each gives blocks to the others.
    for (const thread of handles.keys()) openGate(this.#board, thread);
  }

  async #killSome(): Promise<void> {
    this.#refill();
    const count = Math.min(1 + this.#fates.below(GROUP_MAX), this.#settings.killCount - this.#sums.killCount);
    const group = this.#pool.splice(0, count);
    this.#dying = group.map(({ victim }) => victim);
    await this.#until(() => group.every(({ victim }) => victim.isReady), "victims start");
    const deaths = await this.#within(
      Promise.all(group.map(({ victim, fate }) => victim.kill(fate))),
      "victims end and are reaped",
    );
    for (const [index, { operation, report, recoveryMs, reapMs, problems }] of deaths.entries()) {
      const { victim, fate } = group[index]!;
      this.#sums.killCount++;
      this.#byOperation[operation] = (this.#byOperation[operation] ?? 0) + 1;
      for (const address of victim.hands) this.#hands.add(address);
      for (const problem of problems) this.#problem(problem);
      this.#freeLines.push(victim.thread);
      if (report === undefined) continue;
      this.#recoveryMs.push(recoveryMs);
      this.#reapMs.push(reapMs);
      const pieces = piecesOf(report);
      this.#sums.takenOverLocks += report.takenOverLocks;
      this.#sums.ownedByDead += pieces.length;
      this.#sums.returnedBlocks += report.returnedBlocks;
      this.#sums.returnedPages += report.returnedPages;
      if (fate.blocks !== "free") this.#inherited.push(...pieces);
      if (!report.isFreed) this.#keptSlots.push(report.slot);
    }
  }

  /** Starts threads for later. */
  #refill(): void {
    for (const thread of this.#freeLines.splice(0)) {
      const fate = this.#fates.next();
      const setting = this.#setting(thread, VICTIM_HELD);
      const victim = new Victim(this.#heap, setting, fate, this.#settings.survivorCount, this.#onBug);
      this.#pool.push({ victim, fate });
    }
  }

  /** Looks at everything while all threads rest. */
  async #takeStock(): Promise<void> {
    const board = this.#board;
    const { survivorCount } = this.#settings;
    Atomics.add(board, Board.REST, 1);
    await this.#until(() => Atomics.load(board, Board.RESTING) === survivorCount, "the survivors come to rest");
    this.#audit(Array.from({ length: survivorCount }, (_, thread) => thread));
    Atomics.add(board, Board.REST, 1);
    Atomics.notify(board, Board.REST);
    await this.#until(() => Atomics.load(board, Board.RESTING) === 0, "the survivors go on");
  }

  #audit(survivors: readonly number[]): void {
    const heap = this.#heap;
    const board = this.#board;
    const result = audit(heap, { board, survivors, inherited: this.#inherited, hands: this.#hands });
    this.#sums.checkCount++;
    this.#sums.findings += result.findings;
    this.#sums.lostBlocks += result.lostBlocks;
    this.#sums.lostPages += result.lostPages;
    for (const problem of result.problems) this.#problem(problem);
    const bugCount = Atomics.load(board, Board.BUGS);
    if (bugCount > 0) this.#problem(`threads were told of ${bugCount} bugs, and made none`);
    for (const address of result.orphans) heap.free(address);
    this.#hands.clear();
    this.#releaseInherited();
    if (this.#problems.length > 0) throw new Standstill("what follows after this would mean nothing");
  }

  /** What was kept goes with its slot, what was given piece by piece. */
  #releaseInherited(): void {
    const heap = this.#heap;
    for (const slot of this.#keptSlots.splice(0)) reapSlot(heap, slot, { blocks: "free" });
    for (const { address, pageCount } of this.#inherited.splice(0)) {
      if (ownerOf(heap, address) !== heap.slot) continue;
      if (pageCount > 0) heap.pages.free(address, pageCount);
      else heap.free(address);
    }
  }

  async #endAll(): Promise<void> {
    const ends = this.#survivors.map((worker) => new Promise<void>((resolve) => worker.once("exit", () => resolve())));
    Atomics.store(this.#board, Board.STOP, 1);
    const endOfPool = this.#pool.map(({ victim }) => victim.end());
    await this.#within(Promise.all([...ends, ...endOfPool]), "the survivors end");
    if (this.#failure !== undefined) throw new Standstill(`a survivor failed: ${this.#failure.message}`);
    for (let thread = 0; thread < this.#settings.survivorCount; thread++) {
      this.#sums.survivorOperations += Atomics.load(this.#board, lineWord(thread, Line.PROGRESS));
    }
    for (const address of exchanged(this.#board)) this.#heap.free(address);
    this.#board.fill(0, Board.EXCHANGE, lineWord(0, 0));
    this.#audit([]);
  }

  /** Everything is freed: the bytes of each kind are those at first. */
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
      if (this.#failure !== undefined) throw new Standstill(`a survivor failed: ${this.#failure.message}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const now = this.#progress();
      if (now !== progress) {
        progress = now;
        sinceMs = performance.now();
      }
      if (performance.now() - sinceMs > HANG_MS) this.#hangs(what);
    }
  }

  async #within<T>(promise: Promise<T>, what: string): Promise<T> {
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
      const operation = OPERATIONS[Atomics.load(this.#board, lineWord(thread, Line.OPERATION))];
      return `survivor ${thread}: ${operation}`;
    });
    for (const { thread, operation } of this.#dying) states.push(`victim ${thread}: ${operation}`);
    throw new Standstill(`nothing has moved for ${HANG_MS / 1000} s until ${what} (${states.join(", ")})`);
  }

  #progress(): number {
    let sum = Atomics.load(this.#board, Board.RESTING);
    for (let thread = 0; thread < this.#settings.survivorCount + POOL_SIZE; thread++) {
      sum +=
        Atomics.load(this.#board, lineWord(thread, Line.PROGRESS)) +
        Atomics.load(this.#board, lineWord(thread, Line.READY));
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
