import type { Layers } from "../kmalloc/layers.ts";
import { describeValue } from "../memory/arguments.ts";
import { clear } from "../memory/clear.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { NO_FRAME, OwnerMark, RunKind } from "../pages/layout.ts";
import { systemClock, type TraceClock } from "./clock.ts";
import {
  CALL_BATCH,
  CALL_CLOCK,
  CALL_LOG_HEADER_WORDS,
  CALL_LOG_MAGIC,
  CALL_LOG_MAX,
  CALL_LOG_MIN,
  CALL_SHIFT,
  CallLogWord,
  CallWord,
} from "./layout.ts";

/** Constants of the functions below once more, as constants of this module: see slab/fast-path.ts. */
const callShift = CALL_SHIFT;
const field = CallWord;
const batchMask: number = CALL_BATCH - 1;

const US_PER_MS = 1000;
const TWO_TO_32 = 0x1_0000_0000;
const DOUBLE_SHIFT = 3;

/** What a log needs of the layers. */
export type CallLogLayers = Pick<Layers, "memory" | "geometry" | "pages" | "slot">;

/** Writes one call: a TraceKind, the block's address, and the bytes asked for, or the kind of the cache's frames. */
export type WriteCall = (kind: number, address: number, detail: number) => void;

/** The log of this thread's calls, in pages of the heap's own. */
export class CallLog {
  /** Byte at which the log begins. */
  readonly address: number;
  /** Calls that it holds, a power of two; the times among them take one place in 64. */
  readonly capacity: number;
  /**
   * Writes a call: an allocation after it, a free before it. No other thread may write to the log. O(1): plain stores,
   * and in shared memory one atomic operation.
   */
  readonly write: WriteCall;
  /** Makes all calls visible to readers that have been written so far: of its own accord 64 at a time. */
  readonly publish: () => void;
  readonly #layers: CallLogLayers;
  readonly #close: () => void;
  #isEnded = false;

  private constructor(layers: CallLogLayers, address: number, shift: number, clock: TraceClock) {
    const { write, publish, close } = bindWriter(layers, address, shift, clock);
    this.address = address;
    this.capacity = 2 ** shift;
    this.write = write;
    this.publish = publish;
    this.#layers = layers;
    this.#close = close;
  }

  /** Makes a log for at least `callCount` calls, 16 bytes each. Undefined without pages for it. Throws BAD_ARGUMENT. */
  static create(layers: CallLogLayers, callCount: number, clock: TraceClock = systemClock): CallLog | undefined {
    if (!(Number.isInteger(callCount) && callCount >= 1 && callCount <= CALL_LOG_MAX)) {
      const text = `a log has 1 to ${CALL_LOG_MAX} calls, not ${describeValue(callCount)}`;
      throw new KmemError("BAD_ARGUMENT", text, { callCount });
    }
    const { memory, geometry, pages, slot } = layers;
    const originMs = clock();
    const shift = Math.ceil(Math.log2(Math.max(callCount, CALL_LOG_MIN)));
    const pageCount = callLogPages(shift);
    const frame = pages.allocate(pageCount, RunKind.SYSTEM);
    if (frame === NO_FRAME) return undefined;
    const address = frame * PAGE_SIZE;
    memory.refresh();
    memory.waitForLength(address + pageCount * PAGE_SIZE);
    clear(memory, geometry, address, pageCount * PAGE_SIZE);
    const word = address >>> WORD_SHIFT;
    memory.words[word + CallLogWord.MAGIC] = CALL_LOG_MAGIC;
    memory.words[word + CallLogWord.SHIFT] = shift;
    memory.words[word + CallLogWord.MAKER] = slot + 1;
    memory.words[word + CallLogWord.SLOT] = slot;
    memory.words[word + CallLogWord.ORDERED] = memory.isShared && geometry.slotCount > 1 ? 1 : 0;
    memory.doubles[originIndex(word)] = originMs;
    // Last: until then the run is the slot's, and goes back should the thread die.
    pages.frames.compareExchangeOwner(frame, pages.frames.owner(frame), OwnerMark.TRACE_RING);
    return new CallLog(layers, address, shift, clock);
  }

  /** Gives the pages back, with all that is in them. Throws INVALID_ADDRESS where that has been done. O(pages). */
  end(): void {
    const { memory, pages } = this.#layers;
    const frame = this.address / PAGE_SIZE;
    if (this.#isEnded || !pages.frames.compareExchangeOwner(frame, OwnerMark.TRACE_RING, pages.claimedOwner)) {
      const { address } = this;
      throw new KmemError("INVALID_ADDRESS", `no log begins at ${hex(address)} any more`, { address });
    }
    this.#isEnded = true;
    this.#close();
    memory.words[(this.address >>> WORD_SHIFT) + CallLogWord.MAGIC] = 0;
    pages.freeExclusive(frame, pages.frames.count(frame));
  }
}

/** Pages of a log of 2^shift calls. */
export function callLogPages(shift: number): number {
  return Math.ceil(((CALL_LOG_HEADER_WORDS + (1 << (shift + CALL_SHIFT))) * WORD_BYTES) / PAGE_SIZE);
}

/** Index in `doubles` of the ORIGIN of the log that begins at a word. */
export function originIndex(word: number): number {
  return (word + CallLogWord.ORIGIN) >>> (DOUBLE_SHIFT - WORD_SHIFT);
}

/** The functions that write to a log: closures over numbers, since every recorded call of a heap goes through them. */
function bindWriter(
  { memory, geometry }: CallLogLayers,
  address: number,
  shift: number,
  clock: TraceClock,
): { readonly write: WriteCall; readonly publish: () => void; readonly close: () => void } {
  const word = address >>> WORD_SHIFT;
  const firstWord = word + CALL_LOG_HEADER_WORDS;
  const nextWord = word + CallLogWord.NEXT;
  const ticketWord = headerWord(geometry, Header.CALL_TICKET);
  const endByte = (firstWord + (1 << (shift + CALL_SHIFT))) * WORD_BYTES;
  const placeMask = (1 << shift) - 1;
  const originMs = memory.doubles[originIndex(word)];
  let words = memory.words;
  let number = 0;
  let isClosed = false;

  /** Growth of memory that is not shared ends views. */
  const renew = (): void => {
    memory.refresh();
    memory.waitForLength(endByte);
    words = memory.words;
  };
  const publish = (): void => {
    if (isClosed) return;
    if (words.length === 0) renew();
    Atomics.store(words, nextWord, number);
  };
  const store = (ticket: number, block: number, detail: number): void => {
    const at = firstWord + ((number & placeMask) << callShift);
    words[at + field.TICKET] = ticket;
    words[at + field.BLOCK] = block;
    words[at + field.DETAIL] = detail;
    number = (number + 1) | 0;
    words[at + field.NUMBER] = number;
  };
  const storeTime = (): void => {
    const timeUs = Math.max(0, Math.round((clock() - originMs) * US_PER_MS)) || 0;
    store(timeUs, CALL_CLOCK, timeUs / TWO_TO_32);
  };
  const endBatch = (): void => {
    publish();
    storeTime();
  };
  const writeOrdered: WriteCall = (kind, address, detail) => {
    if (isClosed) return;
    store(Atomics.add(words, ticketWord, 1), address | kind, detail);
    if ((number & batchMask) === 0) endBatch();
  };
  const writeAlone: WriteCall = (kind, address, detail) => {
    if (words.length === 0) {
      if (isClosed) return;
      renew();
    }
    store(0, address | kind, detail);
    if ((number & batchMask) === 0) endBatch();
  };
  const close = (): void => {
    isClosed = true;
    words = new Int32Array(0);
  };
  renew();
  storeTime();
  publish();
  const isOrdered = words[word + CallLogWord.ORDERED] === 1;
  return { write: isOrdered ? writeOrdered : writeAlone, publish, close };
}
