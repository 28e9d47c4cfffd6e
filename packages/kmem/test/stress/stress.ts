import { Worker } from "node:worker_threads";
import { checkHeap, Heap, type HeapStats, heapStats } from "../../src/index.ts";
import { type Configuration, slotsFor } from "./configuration.ts";
import { Control, type Tallies, ThreadState } from "./control.ts";
import { Exchange } from "./exchange.ts";
import { requireSound, StressFault } from "./holder.ts";
import { Ledger } from "./ledger.ts";
import { createSharedCaches } from "./objects.ts";
import { OPERATION_NAMES } from "./operations.ts";
import type { StressOrders, StressReport } from "./orders.ts";

/** How long a configuration is run, and by how many threads: for so long, and until all goals are reached. */
export interface StressOptions {
  readonly seconds: number;
  /** The least that the threads do together; default: nothing. */
  readonly goals?: Partial<Tallies>;
  readonly threads: number;
  readonly seed: number;
  /** The run fails when no thread does anything for so long. Default 5 minutes. */
  readonly watchdogMs?: number;
}

/** What was done in a run that found nothing wrong. */
export interface StressSummary extends Tallies {
  readonly growths: number;
  readonly seconds: number;
}

const DEFAULT_WATCHDOG_MS = 300_000;
const WATCH_INTERVAL_MS = 200;
const EXCHANGE_CELLS = 512;
/** Pieces beyond what a thread wants to hold: what it adopts, and parts of runs of pages. */
const LEDGER_ROOM = 1000;

/** One run over one heap: starts the threads, follows those that leave with fresh ones, and watches over all. */
class StressRun {
  readonly heap: Heap;
  readonly control: Control;
  readonly #configuration: Configuration;
  readonly #options: StressOptions;
  readonly #exchange: Exchange = Exchange.create(EXCHANGE_CELLS);
  readonly #ledgers: readonly Ledger[];
  readonly #workers: Set<Worker> = new Set();
  readonly #deadlineMs: number;
  #done = 0;
  #end: { readonly resolve: () => void; readonly reject: (reason: unknown) => void } | undefined;

  constructor(heap: Heap, configuration: Configuration, options: StressOptions) {
    const { threads, seconds } = options;
    this.heap = heap;
    this.#configuration = configuration;
    this.#options = options;
    this.control = new Control(threads);
    this.#ledgers = Array.from({ length: threads }, () => Ledger.create(configuration.heldLimit + LEDGER_ROOM));
    this.#deadlineMs = Date.now() + seconds * 1000;
  }

  /** Resolves when all threads have come to the end, and rejects as soon as one of them fails or none moves. */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    const watch = this.#startWatchdog();
    try {
      for (let party = 0; party < this.#options.threads; party++) this.#start(party, 0, 0);
      await ended;
    } finally {
      clearInterval(watch);
      this.control.abort();
      await Promise.all([...this.#workers].map((worker) => worker.terminate()));
    }
  }

  #start(party: number, predecessors: number, round: number): void {
    const { threads, seed, goals = {} } = this.#options;
    const orders: StressOrders = {
      handle: this.heap.handle,
      configuration: this.#configuration,
      seed,
      party,
      predecessors,
      round,
      deadlineMs: this.#deadlineMs,
      goals,
      control: this.control.memory,
      parties: threads,
      exchange: this.#exchange.memory,
      ledgers: this.#ledgers.map(({ memory }) => memory),
    };
    this.control.setState(party, ThreadState.STARTING);
    const worker = new Worker(new URL("./stress-worker.ts", import.meta.url), { workerData: orders });
    this.#workers.add(worker);
    let report: StressReport | undefined;
    worker.on("message", (message: StressReport) => {
      report = message;
    });
    worker.on("error", (error) => this.#fail(`thread ${party} has failed`, error));
    worker.on("exit", () => {
      this.#workers.delete(worker);
      if (report?.name === "left") this.#start(party, predecessors + 1, report.round);
      else if (report?.name === "done") this.#noteDone();
      else if (report === undefined) this.#fail(`thread ${party} ended without a word`);
    });
  }

  #noteDone(): void {
    this.#done++;
    if (this.#done === this.#options.threads) this.#end?.resolve();
  }

  #fail(what: string, cause?: unknown): void {
    const { name } = this.#configuration;
    const reason = cause instanceof Error ? `: ${cause.message}` : "";
    const states = this.control.describe(OPERATION_NAMES);
    const text = `stress "${name}", seed ${this.#options.seed}: ${what}${reason}\n${states}\n${this.#heapText()}`;
    this.#end?.reject(new StressFault(text, { cause }));
  }

  /** Where the memory is, for whoever has to find out why there is none. */
  #heapText(): string {
    const { bytes, zones, liveBlocks, heldSlots } = heapStats(this.heap);
    const parts = Object.entries(bytes).map(([part, count]) => `${part} ${count}`);
    const free = zones.map(({ name, freeBlocksByOrder }) => `${name} ${freeBlocksByOrder.join(" ")}`);
    return [`  ${heldSlots} slots, ${liveBlocks} blocks, ${parts.join(", ")}`, `  ${free.join("; ")}`].join("\n");
  }

  #startWatchdog(): NodeJS.Timeout {
    const { watchdogMs = DEFAULT_WATCHDOG_MS } = this.#options;
    let seen = "";
    let seenAtMs = performance.now();
    return setInterval(() => {
      const now = this.control.progress();
      if (now !== seen) {
        seen = now;
        seenAtMs = performance.now();
      } else if (performance.now() - seenAtMs > watchdogMs) {
        this.#fail(`nothing has moved for ${watchdogMs / 1000} s`);
      }
    }, WATCH_INTERVAL_MS);
  }
}

/** The heap that a configuration describes, with a slot for each thread and one for the main thread. */
function createHeap(configuration: Configuration, threads: number): Heap {
  return Heap.create({ slotCount: slotsFor(threads), ...configuration.heap });
}

/** The figures of a heap by name. Of one that has grown only those that must not depend on how far. */
function figuresOf({ bytes, zones }: HeapStats, hasGrown: boolean): ReadonlyMap<string, unknown> {
  const { totalBytes, freePageBytes, ...rest } = bytes;
  const figures = new Map<string, unknown>(Object.entries(rest));
  figures.set("used bytes", totalBytes - freePageBytes);
  for (const { name, pages, freePages, ...others } of zones) {
    figures.set(`used pages of ${name}`, pages - freePages);
    if (!hasGrown) figures.set(name, JSON.stringify({ pages, ...others }));
  }
  if (!hasGrown) figures.set("total bytes", totalBytes);
  return figures;
}

/** Throws unless the figures of an empty heap are those that it had when it was new. */
function requireAsNew(fresh: HeapStats, now: HeapStats): void {
  const hasGrown = now.generation !== fresh.generation;
  const before = figuresOf(fresh, hasGrown);
  const after = figuresOf(now, hasGrown);
  const differing = [...before].filter(([name, figure]) => after.get(name) !== figure);
  const texts = differing.map(([name, figure]) => `${name} were ${figure} and are ${after.get(name)}`);
  requireSound(texts.length === 0, () => `the empty heap is not as it was when new: ${texts.join("; ")}`);
}

/** Runs one configuration. Throws the first fault that is found, with what every thread was doing. */
export async function runStress(configuration: Configuration, options: StressOptions): Promise<StressSummary> {
  const startMs = performance.now();
  const heap = createHeap(configuration, options.threads);
  const fresh = heapStats(heap);
  const caches = createSharedCaches(heap, (address) => {
    throw new StressFault(`the object at ${address} came to its destructor without its constructed state`);
  });
  const run = new StressRun(heap, configuration, options);
  await run.run();
  for (const cache of caches) cache.destroy();
  heap.trim();
  const { findings } = checkHeap(heap);
  requireSound(findings.length === 0, () => `the empty heap has findings: ${JSON.stringify(findings)}`);
  const now = heapStats(heap);
  requireAsNew(fresh, now);
  const tallies = run.control.tallies();
  requireSound(
    now.lateDoubleFrees === tallies.lateDoubleFrees,
    () =>
      `${tallies.lateDoubleFrees} blocks were freed twice at once, and the heap found ${now.lateDoubleFrees} of them`,
  );
  return {
    ...tallies,
    growths: now.generation - fresh.generation,
    seconds: (performance.now() - startMs) / 1000,
  };
}
