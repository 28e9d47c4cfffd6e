import type { Layers } from "../kmalloc/layers.ts";
import { badArgument, type Checks, describeValue, reading, readOptions, requireFunction } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { clear } from "../memory/clear.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { NO_FRAME, OwnerMark, RunKind } from "../pages/layout.ts";
import { lockOwner } from "../sync/lock.ts";
import { systemClock, type TraceClock } from "./clock.ts";
import {
  NO_NODE,
  TRACE_BUSY,
  TRACE_EVENTS_MAX,
  TRACE_EVENTS_MIN,
  TRACE_MAGIC,
  TraceHeader,
  TraceKind,
  type TraceKindValue,
  TraceWord,
} from "./layout.ts";
import { RingWords, ringWordCount } from "./ring-words.ts";

/** Constants of the functions below once more, as constants of this module: see slab/fast-path.ts. */
const busyBit = TRACE_BUSY;
const field = TraceWord;
const anyNode = NO_NODE;
const magic = TRACE_MAGIC;

const US_PER_MS = 1000;
const TWO_TO_32 = 0x1_0000_0000;
const DOUBLE_SHIFT = 3;

/** What a ring needs of the layers. */
export type TraceLayers = Pick<Layers, "memory" | "geometry" | "pages" | "slot" | "sync">;

/** How a thread opens a ring. */
export interface TraceRingOptions {
  /** The clock of the events' times. Default: the system's. */
  readonly clock?: TraceClock;
}

const RING_CHECKS: Checks<TraceRingOptions> = { clock: requireFunction };

/**
 * A ring of the kernel's memory events, in pages of the heap's own. Any number of threads write to it, each through an
 * object of its own, without a lock and without waiting; a `TraceReader` reads meanwhile, from any thread. Who finds
 * the ring full overwrites the oldest event. A thread that dies while it writes loses that event alone.
 *
 * An object belongs to the slot of the thread that made it, and ends with it: after `detach`, `end` and `repair` it
 * must not be written to any more.
 */
export class TraceRing {
  /** Byte at which the ring begins: what another thread needs to open it. */
  readonly address: number;
  /** Events that it holds, a power of two. */
  readonly capacity: number;
  /**
   * Where its words are, for a reader.
   *
   * @internal
   */
  readonly words: RingWords;
  readonly #layers: TraceLayers;
  readonly #clock: TraceClock;
  readonly #originMs: number;
  readonly #slot: number;
  readonly #magicWord: number;
  /** STAMP of a place that this thread is writing to. */
  readonly #busy: number;

  private constructor(layers: TraceLayers, address: number, clock: TraceClock) {
    const { memory, slot, sync } = layersOf(layers);
    requireRing(layers, address);
    const shift = memory.words[(address >>> WORD_SHIFT) + TraceHeader.SHIFT];
    this.address = address;
    this.capacity = 2 ** shift;
    this.words = new RingWords(memory, address, shift);
    this.#layers = layers;
    this.#clock = clock;
    this.#originMs = memory.doubles[originIndex(address)];
    this.#slot = slot;
    this.#magicWord = (address >>> WORD_SHIFT) + TraceHeader.MAGIC;
    this.#busy = busyBit | lockOwner(slot, sync.generation);
  }

  /**
   * Makes a ring for at least `eventCount` events, 1 to 2^24, of 64 bytes each. Undefined without pages for it. Throws
   * BAD_ARGUMENT. A heap may have several; {@link find} finds one of them. O(events).
   */
  static create(layers: TraceLayers, eventCount: number, options: TraceRingOptions = {}): TraceRing | undefined {
    if (!(Number.isInteger(eventCount) && eventCount >= 1 && eventCount <= TRACE_EVENTS_MAX)) {
      const text = `a ring has 1 to ${TRACE_EVENTS_MAX} events, not ${describeValue(eventCount)}`;
      throw new KmemError("BAD_ARGUMENT", text, { eventCount });
    }
    const { memory, geometry, pages } = layersOf(layers);
    const { clock } = optionsOf(options);
    // The clock is the user's, and may throw: before there is anything.
    const originMs = readClock(clock);
    const shift = Math.ceil(Math.log2(Math.max(eventCount, TRACE_EVENTS_MIN)));
    const pageCount = ringPages(shift);
    const frame = pages.allocate(pageCount, RunKind.SYSTEM);
    if (frame === NO_FRAME) return undefined;
    const address = frame * PAGE_SIZE;
    memory.refresh();
    clear(memory, geometry, address, pageCount * PAGE_SIZE);
    const word = address >>> WORD_SHIFT;
    memory.words[word + TraceHeader.MAGIC] = TRACE_MAGIC;
    memory.words[word + TraceHeader.SHIFT] = shift;
    memory.words[word + TraceHeader.MAKER] = layers.slot + 1;
    memory.doubles[originIndex(address)] = originMs;
    // Last: until then the run is the slot's, and goes back should the thread die.
    pages.frames.compareExchangeOwner(frame, pages.frames.owner(frame), OwnerMark.TRACE_RING);
    return new TraceRing(layers, address, clock);
  }

  /** Opens a ring that there is already, of another thread or of a dump. Throws INVALID_ADDRESS. O(1). */
  static open(layers: TraceLayers, address: number, options: TraceRingOptions = {}): TraceRing {
    const { clock } = optionsOf(options);
    reachAll(layersOf(layers));
    return new TraceRing(layers, address, clock);
  }

  /** Opens the ring of the lowest address, undefined where there is none. O(pages). */
  static find(layers: TraceLayers, options: TraceRingOptions = {}): TraceRing | undefined {
    reachAll(layersOf(layers));
    const { geometry, pages } = layers;
    for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
      if (isRing(layers, frame)) return TraceRing.open(layers, frame * PAGE_SIZE, options);
    }
    return undefined;
  }

  /** kmalloc: `ptr` is 0 when it failed. Sizes in bytes; the mask is the caller's. O(1). */
  kmalloc(ptr: number, bytesReq: number, bytesAlloc: number, gfp: number, callSite = 0, node: number = anyNode): void {
    this.write(TraceKind.KMALLOC, ptr, bytesReq, bytesAlloc, gfp, 0, callSite, node);
  }

  /** kfree, of 0 too. O(1). */
  kfree(ptr: number, callSite = 0): void {
    this.write(TraceKind.KFREE, ptr, 0, 0, 0, 0, callSite, anyNode);
  }

  /** kmem_cache_alloc; `name` is the kind of the cache's frames. As {@link kmalloc} otherwise. O(1). */
  cacheAlloc(
    ptr: number,
    name: number,
    bytesReq: number,
    bytesAlloc: number,
    gfp: number,
    callSite = 0,
    node: number = anyNode,
  ): void {
    this.write(TraceKind.CACHE_ALLOC, ptr, bytesReq, bytesAlloc, gfp, name, callSite, node);
  }

  /** kmem_cache_free. O(1). */
  cacheFree(ptr: number, name: number, callSite = 0): void {
    this.write(TraceKind.CACHE_FREE, ptr, 0, 0, 0, name, callSite, anyNode);
  }

  /** mm_page_alloc, of any number of bytes in whole pages; `address` is 0 when it failed. O(1). */
  pageAlloc(address: number, sizeBytes: number, gfp: number, callSite = 0): void {
    this.write(TraceKind.PAGE_ALLOC, address, sizeBytes, sizeBytes, gfp, 0, callSite, anyNode);
  }

  /** mm_page_free, of any pages: also a part of what was allocated. O(1). */
  pageFree(address: number, sizeBytes: number, callSite = 0): void {
    this.write(TraceKind.PAGE_FREE, address, 0, sizeBytes, 0, 0, callSite, anyNode);
  }

  /**
   * Writes one event, whose values are numbers and are not checked otherwise. It never waits: where another thread is
   * writing in the event's place still, a whole round later, the event is lost, and readers count it. Throws
   * BAD_ARGUMENT for what is no number, and what the clock throws, before there is anything of the event. O(1).
   */
  write(
    kind: TraceKindValue,
    ptr: number,
    bytesReq: number,
    bytesAlloc: number,
    gfp: number,
    name: number,
    callSite: number,
    node: number,
  ): void {
    const isNumeric =
      typeof kind === "number" &&
      typeof ptr === "number" &&
      typeof bytesReq === "number" &&
      typeof bytesAlloc === "number" &&
      typeof gfp === "number" &&
      typeof name === "number" &&
      typeof callSite === "number" &&
      typeof node === "number";
    if (!isNumeric) throw notNumeric([kind, ptr, bytesReq, bytesAlloc, gfp, name, callSite, node]);
    const timeUs = Math.max(0, Math.round((readClock(this.#clock) - this.#originMs) * US_PER_MS));
    // After the clock, which is the user's: it may have made the memory grow.
    const ring = this.words;
    const { words } = ring;
    // A thread that ends the ring clears this first: the pages may be another run by now.
    if (words[this.#magicWord] !== magic) return;
    const ticket = Atomics.add(words, ring.nextWord, 1);
    const at = ring.event(ticket);
    const found = Atomics.load(words, at);
    if (ring.isLater(found, ticket) || ((found & busyBit) !== 0 && !this.#isDeserted(found))) return;
    if (Atomics.compareExchange(words, at, found, this.#busy) !== found) return;
    // The place is this thread's alone up to the last store, which says that all others have been made.
    words[at + field.KIND] = kind;
    words[at + field.SLOT] = this.#slot;
    words[at + field.TIME_LOW] = timeUs;
    words[at + field.TIME_HIGH] = timeUs / TWO_TO_32;
    words[at + field.CALL_SITE] = callSite;
    words[at + field.PTR] = ptr;
    words[at + field.BYTES_REQ] = bytesReq;
    words[at + field.BYTES_ALLOC] = bytesAlloc;
    words[at + field.GFP] = gfp;
    words[at + field.NODE] = node;
    words[at + field.NAME] = name;
    if (ASSERTIONS) assert(ring.stamp(ticket) > 0, `the stamp of ticket ${ticket} is that of a whole event`);
    Atomics.store(words, at, ring.stamp(ticket));
  }

  /**
   * Gives the pages back. No thread may write to the ring, or read it, from here on. Throws INVALID_ADDRESS where it
   * has been ended already. O(pages).
   */
  end(): void {
    const { memory, pages } = this.#layers;
    const frame = this.address / PAGE_SIZE;
    if (
      !isRing(this.#layers, frame) ||
      !pages.frames.compareExchangeOwner(frame, OwnerMark.TRACE_RING, pages.claimedOwner)
    ) {
      const { address } = this;
      throw new KmemError("INVALID_ADDRESS", `no trace ring begins at ${hex(address)} any more`, { address });
    }
    memory.words[this.#magicWord] = 0;
    pages.freeExclusive(frame, ringPages(this.words.shift));
  }

  /** Whether the thread that was writing to a place is gone, so that it never will again. */
  #isDeserted(stamp: number): boolean {
    return this.#layers.sync.deaths.isGone(stamp & ~busyBit);
  }
}

/** The layers themselves. Throws BAD_ARGUMENT for anything else. */
function layersOf(layers: TraceLayers): TraceLayers {
  const isOne = reading("layers", layers, () => typeof layers?.memory?.refresh === "function");
  if (isOne) return layers;
  throw badArgument("layers", "the layers of a heap", layers);
}

/** Throws INVALID_ADDRESS where no ring begins. */
function requireRing(layers: TraceLayers, address: number): void {
  const isPage = typeof address === "number" && address >>> 0 === address && address % PAGE_SIZE === 0;
  if (isPage && isRing(layers, address / PAGE_SIZE)) return;
  const text = typeof address === "number" ? hex(address) : describeValue(address);
  throw new KmemError("INVALID_ADDRESS", `no trace ring begins at ${text}`, { address });
}

function ringPages(shift: number): number {
  return Math.ceil((ringWordCount(shift) * WORD_BYTES) / PAGE_SIZE);
}

function originIndex(address: number): number {
  return (address >>> DOUBLE_SHIFT) + (TraceHeader.ORIGIN >>> (DOUBLE_SHIFT - WORD_SHIFT));
}

/** Makes the views reach all pages: another thread may have made the ring in those that it has added. */
function reachAll({ memory, pages }: TraceLayers): void {
  memory.refresh();
  memory.waitForLength(pages.frames.endFrame * PAGE_SIZE);
}

/** Whether a whole ring begins at a frame. */
function isRing({ memory, pages: { frames } }: TraceLayers, frame: number): boolean {
  if (frames.kind(frame) !== RunKind.SYSTEM || frames.owner(frame) !== OwnerMark.TRACE_RING) return false;
  if (frame + frames.count(frame) > frames.endFrame) return false;
  const word = (frame * PAGE_SIZE) >>> WORD_SHIFT;
  const shift = memory.words[word + TraceHeader.SHIFT];
  const isSize = 2 ** shift >= TRACE_EVENTS_MIN && 2 ** shift <= TRACE_EVENTS_MAX;
  return memory.words[word + TraceHeader.MAGIC] === TRACE_MAGIC && isSize && frames.count(frame) === ringPages(shift);
}

function optionsOf(options: TraceRingOptions): { readonly clock: TraceClock } {
  const { clock = systemClock } = readOptions("options", options, RING_CHECKS);
  return { clock };
}

function readClock(clock: TraceClock): number {
  const nowMs: unknown = clock();
  if (typeof nowMs === "number") return nowMs;
  throw new KmemError("BAD_ARGUMENT", `a clock answers with milliseconds, not ${describeValue(nowMs)}`, {});
}

function notNumeric(values: readonly unknown[]): KmemError {
  const value = values.find((one) => typeof one !== "number");
  return new KmemError("BAD_ARGUMENT", `an event has numbers, not ${describeValue(value)}`, {});
}
