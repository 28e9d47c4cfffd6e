import { blockAt, OutOfMemoryError, PAGE_SIZE } from "../../src/index.ts";
import type { Random } from "../support/random.ts";
import { type BlockRecord, Kind } from "./block-record.ts";
import type { Configuration } from "./configuration.ts";
import type { Exchange } from "./exchange.ts";
import { firstFault, firstNonZero } from "./filling.ts";
import { type Holder, requireSound } from "./holder.ts";
import { misuse } from "./misuse.ts";
import { SHARED_CACHES } from "./objects.ts";
import { drawPageCount, drawSize } from "./sizes.ts";
import { waitForMemory, waitForMemoryAsync } from "./waits.ts";

/** How often each operation is drawn, in parts of the sum. */
const WEIGHTS = {
  alloc: 300,
  tryAlloc: 60,
  calloc: 40,
  realloc: 70,
  alignedAlloc: 30,
  allocObject: 90,
  allocPages: 30,
  free: 500,
  receive: 220,
  look: 20,
  ownCache: 1,
  trim: 1,
  misuse: 20,
  allocWait: 2,
  allocAsync: 1,
} as const;
type OperationName = keyof typeof WEIGHTS;
/** The names of the operations, by the numbers that the control words hold. */
export const OPERATION_NAMES = Object.keys(WEIGHTS) as readonly OperationName[];

const ALLOCATING: ReadonlySet<OperationName> = new Set([
  "alloc",
  "tryAlloc",
  "calloc",
  "alignedAlloc",
  "allocObject",
  "allocPages",
]);

/** One in so many frees is left to another thread, and of what a thread is left, one in so many it keeps. */
const GIVE_AWAY = 3;
const ADOPT = 4;
/** What a thread gives up when there is no memory: up to one in so many of its pieces. */
const SHED = 200;
/** Alignments go up to 2 to this. */
const ALIGNMENT_BITS_MAX = 14;
const SEED_LIMIT = 0x1_0000_0000;
/** Objects of a cache that one thread makes, uses and destroys. */
const OWN_OBJECTS = 20;

/** The random operations of one thread: each verifies what it touches, and throws where the heap was wrong. */
export class Operations {
  readonly #holder: Holder;
  readonly #exchange: Exchange;
  readonly #random: Random;
  readonly #configuration: Configuration;
  readonly #drawn: OperationName[];
  /** Pieces that the thread would like to hold: it swells and shrinks from round to round. */
  #heldTarget = 0;
  #ownCaches = 0;

  constructor(holder: Holder, exchange: Exchange, random: Random, configuration: Configuration) {
    this.#holder = holder;
    this.#exchange = exchange;
    this.#random = random;
    this.#configuration = configuration;
    const { waits, misuse: misuses } = configuration;
    const without = new Set<OperationName>([
      ...(waits ? [] : (["allocWait", "allocAsync"] as const)),
      ...(misuses ? [] : (["misuse"] as const)),
    ]);
    const names = OPERATION_NAMES.filter((name) => !without.has(name));
    this.#drawn = names.flatMap((name) => new Array<OperationName>(WEIGHTS[name]).fill(name));
    this.beginRound();
  }

  beginRound(): void {
    this.#heldTarget = this.#random.below(Math.min(this.#configuration.heldLimit, this.#holder.ledger.capacity));
  }

  /** The number of the next operation, for {@link OPERATION_NAMES} and {@link run}. */
  draw(): number {
    const name = this.#random.pick(this.#drawn);
    const { count } = this.#holder.ledger;
    if (ALLOCATING.has(name) && count > this.#heldTarget) return OPERATION_NAMES.indexOf("free");
    // Below its target a thread gives every other piece back all the same.
    const isShort = name === "free" && count < this.#heldTarget && this.#random.below(2) === 0;
    return OPERATION_NAMES.indexOf(isShort ? "alloc" : name);
  }

  /** Does one operation; a promise only where that one waits. */
  run(operation: number): void | Promise<void> {
    const isFull = this.#holder.ledger.isFull;
    return isFull ? this.#free() : this.#steps[OPERATION_NAMES[operation] as OperationName]();
  }

  /** Gives up some pieces, so that others find memory. */
  shed(partOf: number = SHED): void {
    const { ledger } = this.#holder;
    const count = Math.ceil(this.#random.below(ledger.count + 1) / partOf);
    for (let index = 0; index < count; index++) this.#holder.release(this.#removeAny(), false);
  }

  shedAll(): void {
    while (this.#holder.ledger.count > 0) this.#holder.release(this.#removeAny(), false);
  }

  /** Gives one piece up for a shrinker; false when there is none. */
  shrinkOne(): boolean {
    if (this.#holder.ledger.count === 0) return false;
    this.#holder.release(this.#removeAny(), false);
    this.#holder.count("shrinks");
    return true;
  }

  readonly #steps: Record<OperationName, () => void | Promise<void>> = {
    alloc: () => this.#allocate((bytes) => this.#holder.heap.alloc(bytes)),
    tryAlloc: () => this.#allocate((bytes) => this.#holder.heap.tryAlloc(bytes)),
    calloc: () => this.#callocate(),
    realloc: () => this.#reallocate(),
    alignedAlloc: () => {
      const alignment = 2 ** this.#random.below(ALIGNMENT_BITS_MAX + 1);
      this.#allocate((bytes) => this.#holder.heap.alignedAlloc(alignment, bytes), alignment);
    },
    allocObject: () => this.#allocateObject(),
    allocPages: () => this.#allocatePages(),
    free: () => this.#free(),
    receive: () => this.#receive(),
    look: () => this.#look(),
    ownCache: () => this.#useOwnCache(),
    trim: () => void this.#holder.heap.trim(),
    misuse: () => misuse(this.#holder, this.#random),
    allocWait: () => waitForMemory(this.#holder, this.#random, this.#drawSize()),
    allocAsync: () => waitForMemoryAsync(this.#holder, this.#random, this.#drawSize()),
  };

  #drawSize(): number {
    return drawSize(this.#random, this.#configuration.maximumBytes);
  }

  /** What the call returns, or 0 when it finds no memory; the thread then gives some of its own up. */
  #attempt(call: () => number): number {
    const address = this.#addressOrZero(call);
    if (address === 0) this.shed();
    return address;
  }

  /** What the call returns, or 0 when it finds no memory. */
  #addressOrZero(call: () => number): number {
    let address = 0;
    try {
      address = call();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    if (address === 0) this.#holder.count("outOfMemory");
    return address;
  }

  #allocate(call: (sizeBytes: number) => number, alignmentBytes = 1): void {
    const sizeBytes = this.#drawSize();
    const address = this.#attempt(() => call(sizeBytes));
    if (address === 0) return;
    requireSound(address % alignmentBytes === 0, () => `${address} is no multiple of ${alignmentBytes}`);
    this.#holder.enter(address, sizeBytes);
  }

  #callocate(): void {
    const count = 1 + this.#random.below(8);
    const itemBytes = Math.floor(this.#drawSize() / count);
    const sizeBytes = count * itemBytes;
    const address = this.#attempt(() => this.#holder.heap.calloc(count, itemBytes));
    if (address === 0) return;
    const offset = firstNonZero(this.#holder.bytesUpTo(address + sizeBytes), address, sizeBytes);
    requireSound(offset < 0, () => `calloc left byte ${offset} of ${sizeBytes} at ${address} as it was`);
    this.#holder.enter(address, sizeBytes);
  }

  #reallocate(): void {
    const { ledger } = this.#holder;
    const index = this.#random.below(ledger.count + 1);
    if (index === ledger.count) this.#allocate((bytes) => this.#holder.heap.realloc(0, bytes));
    // Out of the ledger first: a shrinker that runs meanwhile must not give it up.
    else if (ledger.at(index).kind === Kind.BLOCK) this.#resize(ledger.remove(index));
  }

  #resize(record: BlockRecord): void {
    const { heap, ledger } = this.#holder;
    this.#holder.verify(record);
    const sizeBytes = this.#drawSize();
    const moved = this.#addressOrZero(() => heap.realloc(record.address, sizeBytes));
    if (moved === 0) {
      this.#holder.verify(record);
      ledger.add(record);
      this.shed();
      return;
    }
    const kept = Math.min(sizeBytes, record.sizeBytes);
    const offset = firstFault(this.#holder.bytesUpTo(moved + sizeBytes), record, moved, kept);
    requireSound(
      offset < 0,
      () => `realloc of ${record.address} from ${record.sizeBytes} to ${sizeBytes} bytes changed byte ${offset}`,
    );
    this.#holder.noteFree(record);
    this.#holder.enter(moved, sizeBytes);
  }

  #allocateObject(): void {
    const index = this.#random.below(SHARED_CACHES.length);
    const cache = this.#holder.caches[index];
    const isTry = this.#random.below(4) === 0;
    const address = this.#attempt(() => (isTry ? cache.tryAlloc() : cache.alloc()));
    if (address === 0) return;
    const { alignmentBytes = 1 } = SHARED_CACHES[index];
    requireSound(address % alignmentBytes === 0, () => `object ${address} is no multiple of ${alignmentBytes}`);
    this.#holder.enter(address, cache.sizeBytes, Kind.OBJECT + index);
  }

  #allocatePages(): void {
    const count = drawPageCount(this.#random, this.#configuration.maximumBytes);
    const alignmentBytes = PAGE_SIZE * 2 ** Math.max(0, this.#random.below(12) - 8);
    const address = this.#attempt(() => this.#holder.heap.pages.tryAlloc(count, { alignmentBytes }));
    if (address === 0) return;
    requireSound(address % alignmentBytes === 0, () => `pages at ${address} are no multiple of ${alignmentBytes}`);
    this.#holder.enter(address, count * PAGE_SIZE, Kind.PAGES);
  }

  #removeAny(): BlockRecord {
    const { ledger } = this.#holder;
    return ledger.remove(this.#random.below(ledger.count));
  }

  #free(): void {
    if (this.#holder.ledger.count === 0) return;
    let record = this.#removeAny();
    if (record.kind === Kind.PAGES && this.#random.below(2) === 0) record = this.#freePart(record);
    if (record.sizeBytes === 0 && record.kind === Kind.PAGES) return;
    if (this.#random.below(GIVE_AWAY) === 0) {
      this.#holder.verify(record);
      if (this.#exchange.offer(record, this.#random.below(this.#exchange.cells))) return;
    }
    this.#holder.release(record, this.#random.below(2) === 0);
  }

  /** Frees some pages out of a run; what lay before them stays in the ledger, what lay behind is returned. */
  #freePart(record: BlockRecord): BlockRecord {
    this.#holder.verify(record);
    const pages = record.sizeBytes / PAGE_SIZE;
    const first = this.#random.below(pages);
    const count = 1 + this.#random.below(pages - first);
    this.#holder.heap.pages.free(record.address + first * PAGE_SIZE, count);
    if (first > 0) this.#holder.ledger.add({ ...record, sizeBytes: first * PAGE_SIZE });
    const restPages = pages - first - count;
    // A run in two parts is two pieces from now on.
    if (first > 0 && restPages > 0) this.#holder.count("allocations");
    if (first === 0 && restPages === 0) this.#holder.noteFree(record);
    return { ...record, address: record.address + (first + count) * PAGE_SIZE, sizeBytes: restPages * PAGE_SIZE };
  }

  #receive(): void {
    const record = this.#exchange.take(this.#holder.party, this.#random.below(this.#exchange.cells));
    if (record === undefined) return;
    this.#holder.verify(record);
    if (this.#random.below(ADOPT) === 0) this.#holder.ledger.add(record);
    else this.#holder.release(record, this.#random.below(2) === 0);
  }

  /** Asks the heap about a piece that lives. */
  #look(): void {
    const { ledger, heap } = this.#holder;
    if (ledger.count === 0) return;
    const { address, sizeBytes, kind } = ledger.at(this.#random.below(ledger.count));
    const block = blockAt(heap, address + this.#random.below(sizeBytes));
    if (kind === Kind.PAGES) {
      requireSound(block === undefined, () => `pages at ${address} are said to be a block`);
      return;
    }
    requireSound(block?.address === address && block.live, () => `no live block is said to be at ${address}`);
    const usableBytes = heap.usableSize(address);
    requireSound(usableBytes >= sizeBytes, () => `${address} holds ${usableBytes} bytes instead of ${sizeBytes}`);
    requireSound(heap.u8(address).length === usableBytes, () => `the view of ${address} is too short`);
  }

  /** The whole life of a cache that no other thread knows. */
  #useOwnCache(): void {
    const { heap, party } = this.#holder;
    const sizeBytes = 1 + this.#random.below(2000);
    const name = `own-${party}-${this.#ownCaches++}-${this.#random.below(SEED_LIMIT)}`;
    const cache = heap.createCache({ name, sizeBytes });
    const objects: number[] = [];
    for (let index = 0; index < OWN_OBJECTS; index++) {
      const address = cache.tryAlloc();
      if (address === 0) break;
      this.#holder.bytesUpTo(address + sizeBytes).fill(index, address, address + sizeBytes);
      objects.push(address);
    }
    for (const [index, address] of objects.entries()) {
      const bytes = this.#holder.bytesUpTo(address + sizeBytes).subarray(address, address + sizeBytes);
      requireSound(
        bytes.every((byte) => byte === index),
        () => `object ${address} of "${name}" has changed`,
      );
      cache.free(address);
    }
    cache.destroy();
  }
}
