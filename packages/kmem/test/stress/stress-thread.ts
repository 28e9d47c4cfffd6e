import { type Cache, Heap, KmemError } from "../../src/index.ts";
import { Random } from "../support/random.ts";
import { Barrier } from "./barrier.ts";
import type { BlockRecord } from "./block-record.ts";
import { Control, ThreadState } from "./control.ts";
import { Duel } from "./duel.ts";
import { Exchange } from "./exchange.ts";
import { Holder, requireSound } from "./holder.ts";
import { inspect } from "./inspection.ts";
import { Ledger } from "./ledger.ts";
import { requireRefusal } from "./misuse.ts";
import { misuseAtRest } from "./misuse-at-rest.ts";
import { functionsOf, SHARED_CACHES } from "./objects.ts";
import { Operations } from "./operations.ts";
import type { StressOrders, StressReport } from "./orders.ts";
import { sabotaged } from "./sabotage.ts";

/** How long a thread waits before it asks for a slot again. */
const RETRY_MS = 5;
/** What a thread at the barrier gives up for one that finds no memory for a slot: up to a half. */
const SHED_FOR_OTHERS = 2;
/** A shrinker offers something at one time in so many, and so many pieces then. */
const SHRINK_SELDOM = 16;
const SHRINK_OBJECTS = 20;
const PERCENT = 100;
const SEED_LIMIT = 0x1_0000_0000;
/** Primes that keep the seeds of parties and of their successors apart. */
const PARTY_STEP = 7919;
const SUCCESSOR_STEP = 104_729;

/** One thread of a run: from its attach to its detach. */
export class StressThread {
  readonly #orders: StressOrders;
  readonly #control: Control;
  readonly #barrier: Barrier;
  readonly #exchange: Exchange;
  readonly #ledgers: readonly Ledger[];
  readonly #random: Random;
  #holder!: Holder;
  #operations!: Operations;
  #round: number;
  #isEmptying = false;

  constructor(orders: StressOrders) {
    const { control, parties, exchange, ledgers, seed, party, predecessors, round } = orders;
    this.#orders = orders;
    this.#control = new Control(parties, control);
    this.#barrier = new Barrier(this.#control.words, this.#control.barrierWord, parties);
    this.#exchange = new Exchange(exchange);
    this.#ledgers = ledgers.map((memory) => new Ledger(memory));
    this.#random = new Random(seed + party * PARTY_STEP + predecessors * SUCCESSOR_STEP);
    this.#round = round;
  }

  /** Works until the run is over or the thread has had enough. */
  async run(): Promise<StressReport> {
    this.#attach();
    for (;;) {
      if (await this.#workOneRound()) {
        this.#detach();
        this.#setState(ThreadState.LEFT);
        return { name: "left", round: this.#round };
      }
      this.#rest();
      this.#round++;
      if (this.#control.isFinished) break;
    }
    this.#empty();
    this.#detach();
    this.#setState(ThreadState.DONE);
    return { name: "done" };
  }

  get #ledger(): Ledger {
    return this.#ledgers[this.#orders.party];
  }

  #setState(state: ThreadState): void {
    this.#control.setState(this.#orders.party, state);
  }

  /** Takes a slot. Where there is no memory for one, the others make room as soon as they rest. */
  #attach(): void {
    const { handle, configuration, party } = this.#orders;
    this.#setState(ThreadState.ATTACHING);
    const whole = this.#attachOrStarve(() => Heap.attach(handle));
    const heap = sabotaged(whole, configuration.sabotage);
    const caches: Cache[] = SHARED_CACHES.map(({ name }, index) =>
      heap.openCache(name, functionsOf(whole, index, objectFault)),
    );
    const firstSeed = this.#random.below(SEED_LIMIT);
    this.#holder = new Holder({ heap, caches, ledger: this.#ledger, control: this.#control, party, firstSeed });
    this.#operations = new Operations(this.#holder, this.#exchange, this.#random, configuration);
    if (configuration.waits) this.#addShrinker();
    this.#holder.count("attaches");
  }

  #attachOrStarve(attach: () => Heap): Heap {
    let isStarving = false;
    try {
      for (;;) {
        const heap = attachOnce(attach);
        if (heap !== undefined) return heap;
        if (!isStarving) this.#control.addStarving(1);
        isStarving = true;
        sleepMs(RETRY_MS);
        this.#control.requireGoingOn();
      }
    } finally {
      if (isStarving) this.#control.addStarving(-1);
    }
  }

  #addShrinker(): void {
    const operations = this.#operations;
    this.#holder.heap.addShrinker({
      name: `stress-${this.#orders.party}`,
      // Now and then and few: a thread that always gives way never hears that there is no memory.
      count: () => (this.#mayShrink() ? Math.min(SHRINK_OBJECTS, this.#ledger.count) : 0),
      scan: (objects) => {
        let freed = 0;
        while (freed < objects && operations.shrinkOne()) freed++;
        return freed;
      },
    });
  }

  /** While the heap is emptied, the ledger is the neighbour's. */
  #mayShrink(): boolean {
    return !this.#isEmptying && this.#random.below(SHRINK_SELDOM) === 0;
  }

  #detach(): void {
    // Where memory is always short, threads without a slot might hold all of it in small pieces: then those that stay
    // could not make room for them to come back, whatever they gave up.
    if (this.#orders.configuration.waits) this.#operations.shedAll();
    const { heap } = this.#holder;
    heap.detach();
    const holder = this.#holder;
    requireRefusal(holder, "alloc after detach", () => heap.alloc(1), "DETACHED");
    requireRefusal(holder, "pages.alloc after detach", () => heap.pages.alloc(1), "DETACHED");
    requireRefusal(holder, "an object after detach", () => holder.caches[0].alloc(), "DETACHED");
  }

  /** Works until the threads are to rest. True when the thread leaves in the middle of it. */
  async #workOneRound(): Promise<boolean> {
    const { configuration, party } = this.#orders;
    const { roundOperations, leavePercent, reattachPercent } = configuration;
    this.#setState(ThreadState.WORKING);
    this.#control.setRound(party, this.#round);
    this.#operations.beginRound();
    const leaveAt = this.#random.below(PERCENT) < leavePercent ? this.#random.below(roundOperations) : -1;
    const reattachAt = this.#random.below(PERCENT) < reattachPercent ? this.#random.below(roundOperations) : -1;
    for (let done = 0; done < roundOperations; done++) {
      if (this.#control.isRestWanted(this.#round)) return false;
      if (done === leaveAt) return true;
      if (done === reattachAt) this.#reattach();
      const operation = this.#operations.draw();
      this.#control.setOperation(party, operation);
      const pending = this.#operations.run(operation);
      if (pending !== undefined) await pending;
      this.#holder.count("operations");
    }
    this.#control.wantRest(this.#round);
    return false;
  }

  #reattach(): void {
    this.#detach();
    this.#attach();
    this.#setState(ThreadState.WORKING);
  }

  #meet(): void {
    this.#setState(ThreadState.AT_BARRIER);
    this.#barrier.meet({
      atBeat: () => this.#control.requireGoingOn(),
      hasErrand: () => this.#control.isSomebodyStarving,
      doErrand: () => {
        this.#operations.shed(SHED_FOR_OTHERS);
        this.#holder.heap.trim();
      },
    });
  }

  /** All threads meet; one looks at the heap, and says whether the run is over. */
  #rest(): void {
    const { party, parties, deadlineMs, goals, configuration } = this.#orders;
    this.#meet();
    if (this.#round % parties === party) {
      this.#setState(ThreadState.INSPECTING);
      this.#inspect();
      if (configuration.misuse) misuseAtRest(this.#holder, this.#random);
      if (Date.now() >= deadlineMs && this.#control.haveReached(goals)) this.#control.finish();
    }
    this.#meet();
    if (configuration.misuse) this.#duel();
  }

  #inspect(): void {
    const pieces = inspect(this.#holder.heap, this.#allRecords());
    const { allocations, frees } = this.#control.tallies();
    requireSound(
      pieces === allocations - frees,
      () => `the stress itself has lost count: ${allocations} allocations, ${frees} frees, ${pieces} pieces held`,
    );
    this.#holder.count("checks");
  }

  *#allRecords(): Generator<BlockRecord> {
    for (const ledger of this.#ledgers) yield* ledger.records();
    yield* this.#exchange.records();
  }

  /** Threads free the same pieces at the same time, two by two. */
  #duel(): void {
    const { party, parties, configuration } = this.#orders;
    const isExact = configuration.heap.exactFrees === true;
    const host = party - (party % 2);
    const hasGuest = host + 1 < parties;
    const duel = new Duel(this.#holder, this.#control, host);
    if (hasGuest && (isExact || configuration.lateDoubleFrees)) duel.fightForSmall(this.#random, isExact);
    this.#meet();
    if (host === 0 && hasGuest) {
      if (isExact) duel.fightForLarge();
      duel.fightForPages();
    }
    this.#meet();
    duel.end();
    this.#meet();
  }

  /** Gives everything back: each thread what its neighbour holds. */
  #empty(): void {
    const { party, parties } = this.#orders;
    this.#setState(ThreadState.EMPTYING);
    this.#isEmptying = true;
    const ledger = this.#ledgers[(party + 1) % parties];
    while (ledger.count > 0) this.#giveBack(ledger.remove(ledger.count - 1));
    for (let record = this.#exchange.takeAny(); record !== undefined; record = this.#exchange.takeAny()) {
      this.#giveBack(record);
    }
    this.#meet();
    if (party === 0) this.#inspect();
    this.#meet();
  }

  #giveBack(record: BlockRecord): void {
    this.#holder.release(record, this.#random.below(2) === 0);
    this.#holder.count("operations");
  }
}

function attachOnce(attach: () => Heap): Heap | undefined {
  try {
    return attach();
  } catch (error) {
    if (error instanceof KmemError && error.code === "OUT_OF_MEMORY") return undefined;
    throw error;
  }
}

function objectFault(address: number): void {
  throw new Error(`the object at ${address} came to its destructor without its constructed state`);
}

/** Sleeps, as a thread without an event loop can. */
function sleepMs(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, milliseconds);
}
