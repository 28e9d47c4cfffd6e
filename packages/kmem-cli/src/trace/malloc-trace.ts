import type { BrokenLog } from "./broken-log.ts";
import { LiveBytes } from "./live-bytes.ts";
import { OP, type OpSink, type OpTotals } from "./op-stream.ts";
import { TraceFormatError } from "./trace-error.ts";

/**
 * The binary malloc trace. All words are 32-bit and little endian.
 *
 * ```
 *  header, 16 words                      event, 2 words
 *   0      magic "ATRC"                   0   id 31:8 │ log2 align 7:3 │ op 2:0
 *   1      version                        1   size in bytes
 *   2      events that follow
 *   3      slots: ids are below this
 *   4, 5   peak live bytes, low and high
 *   6–8    allocations, frees, reallocs
 *   9      flags
 *   10, 11 bytes asked for, low and high
 *   12     threads, 0 = not known
 * ```
 */
export const MALLOC_TRACE_MAGIC = 0x43525441;
const MALLOC_TRACE_VERSION = 1;

const WORD_BYTES = 4;
const HEADER_WORDS = 16;
const EVENT_WORDS = 2;
const HEADER_BYTES = HEADER_WORDS * WORD_BYTES;
const EVENT_BYTES = EVENT_WORDS * WORD_BYTES;

const WORD = {
  MAGIC: 0,
  VERSION: 1,
  EVENT_COUNT: 2,
  SLOT_COUNT: 3,
  PEAK_LIVE_BYTES_LOW: 4,
  ALLOC_COUNT: 6,
  FREE_COUNT: 7,
  REALLOC_COUNT: 8,
  FLAGS: 9,
  REQUESTED_BYTES_LOW: 10,
  THREAD_COUNT: 12,
} as const;

const FLAG = { CUT: 1, FROM_64_BIT: 2, CONVERTED: 4 } as const;

const OP_MASK = 7;
const LOG2_ALIGN_SHIFT = 3;
const LOG2_ALIGN_MASK = 31;
const ID_SHIFT = 8;
const MAX_SLOT_COUNT = 2 ** 24;
const TWO_TO_32 = 2 ** 32;

const EVENT = { MALLOC: 0, FREE: 1, CALLOC: 2, REALLOC: 3, ALIGNED: 4 } as const;
const EVENT_NAMES: readonly string[] = ["malloc", "free", "calloc", "realloc", "aligned_alloc"];

const INITIAL_SLOTS = 1024;

/** What the header of a malloc trace says of it. */
export interface MallocTraceHeader {
  readonly eventCount: number;
  readonly slotCount: number;
  readonly peakLiveBytes: number;
  /** Calls that the recorder saw: of all allocating functions, of free and of realloc. */
  readonly allocCount: number;
  readonly freeCount: number;
  readonly reallocCount: number;
  readonly requestedBytes: number;
  /** 0 when not known. */
  readonly threadCount: number;
  /** The recorder stopped writing at its limit; the figures above are of the whole run. */
  readonly cutByRecorder: boolean;
  /** Bits of the recorded program's pointers. */
  readonly pointerBits: 32 | 64;
  readonly convertedFromText: boolean;
}

/** Reads a malloc trace and hands its operations on; every event is checked against what is live. */
export class MallocTraceReader {
  readonly live: LiveBytes = new LiveBytes();
  readonly #sink: OpSink;
  readonly #broken: BrokenLog;
  /** The beginning of a header or an event of which the rest is in the next chunk. */
  readonly #carry = new Uint8Array(HEADER_BYTES);
  #carryBytes = 0;
  #header: MallocTraceHeader | undefined;
  #readEventCount = 0;
  #trailingBytes = 0;
  readonly #eventCounts = new Array<number>(EVENT_NAMES.length).fill(0);
  /** By slot: 1 when a block is live. Grown with the ids that occur, not with what the header claims. */
  #isLive = new Uint8Array(INITIAL_SLOTS);
  #sizes = new Uint32Array(INITIAL_SLOTS);
  #usedSlotCount = 0;

  constructor(sink: OpSink, broken: BrokenLog) {
    this.#sink = sink;
    this.#broken = broken;
  }

  /**
   * Takes the next bytes of the trace.
   *
   * @throws TraceFormatError when they are the header and it is not one that can be read.
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    if (this.#header === undefined || this.#carryBytes > 0) {
      at = this.#fillCarry(chunk);
      if (this.#carryBytes > 0) return;
    }
    for (; at + EVENT_BYTES <= chunk.length; at += EVENT_BYTES) this.#takeEvent(chunk, at);
    this.#carry.set(chunk.subarray(at));
    this.#carryBytes = chunk.length - at;
  }

  /**
   * Ends the trace, and reports what is missing of it or too much.
   *
   * @throws TraceFormatError when not even the header was whole.
   */
  end(): void {
    const header = this.#header;
    if (header === undefined) {
      throw new TraceFormatError(
        `the trace ends inside its header, after ${this.#carryBytes} of ${HEADER_BYTES} bytes`,
      );
    }
    const position = this.#readEventCount + 1;
    if (this.#readEventCount < header.eventCount) {
      const text = `${this.#readEventCount} of ${header.eventCount} events, and ${this.#carryBytes} bytes of the next`;
      this.#broken.add(position, "the trace ends before its last event", () => text);
      return;
    }
    const extraBytes = this.#trailingBytes + this.#carryBytes;
    if (extraBytes > 0) this.#broken.add(position, "bytes after the last event", () => `${extraBytes} bytes`);
  }

  /** The header, once it has been read. */
  get header(): MallocTraceHeader | undefined {
    return this.#header;
  }

  /** Events that stand in the trace, broken ones included. */
  get readEventCount(): number {
    return this.#readEventCount;
  }

  /** Well-formed events by the name of their call. */
  eventCounts(): Record<string, number> {
    const entries = EVENT_NAMES.map((name, code): [string, number] => [name, this.#eventCounts[code]!]);
    return Object.fromEntries(entries.filter(([, count]) => count > 0));
  }

  /** What the header of the operation file says. */
  totals(): OpTotals {
    return {
      kind: "malloc",
      slotCount: this.#usedSlotCount,
      peakLiveBytes: this.live.peakLiveBytes,
      peakLiveBlockCount: this.live.peakLiveBlockCount,
      requestedBytes: this.live.requestedBytes,
    };
  }

  /** Completes what is in the carry, as far as the chunk goes, and answers how much of the chunk that took. */
  #fillCarry(chunk: Uint8Array): number {
    const wantedBytes = this.#header === undefined ? HEADER_BYTES : EVENT_BYTES;
    const takenBytes = Math.min(wantedBytes - this.#carryBytes, chunk.length);
    this.#carry.set(chunk.subarray(0, takenBytes), this.#carryBytes);
    this.#carryBytes += takenBytes;
    if (this.#carryBytes < wantedBytes) return takenBytes;
    this.#carryBytes = 0;
    if (this.#header === undefined) this.#header = decodeMallocHeader(this.#carry);
    else this.#takeEvent(this.#carry, 0);
    return takenBytes;
  }

  #takeEvent(bytes: Uint8Array, at: number): void {
    if (this.#readEventCount >= this.#header!.eventCount) {
      this.#trailingBytes += EVENT_BYTES;
      return;
    }
    this.#readEventCount += 1;
    const word = readWord(bytes, at);
    const sizeBytes = readWord(bytes, at + WORD_BYTES);
    const code = word & OP_MASK;
    const slot = word >>> ID_SHIFT;
    const reason = this.#rejection(code, slot);
    if (reason !== undefined) {
      const text = (): string => `${EVENT_NAMES[code] ?? `op ${code}`} id=${slot} size=${sizeBytes}`;
      this.#broken.add(this.#readEventCount, reason, text);
      return;
    }
    this.#eventCounts[code]! += 1;
    this.#apply(code, (word >>> LOG2_ALIGN_SHIFT) & LOG2_ALIGN_MASK, slot, sizeBytes);
  }

  /** Why an event cannot be used, or undefined. */
  #rejection(code: number, slot: number): string | undefined {
    if (code >= EVENT_NAMES.length) return "the operation is not known";
    if (slot >= this.#header!.slotCount) return "the id is beyond the header's number of slots";
    const isLive = this.#isLive[slot] === 1;
    if (code === EVENT.FREE) return isLive ? undefined : "free of a slot that is not live";
    if (code === EVENT.REALLOC) return isLive ? undefined : "realloc of a slot that is not live";
    return isLive ? "allocation on a slot that is live" : undefined;
  }

  /** An event that has passed all checks. Alignment bits mean something for aligned_alloc alone. */
  #apply(code: number, log2Align: number, slot: number, sizeBytes: number): void {
    if (slot >= this.#sizes.length) this.#growTo(slot + 1);
    const oldBytes = this.#sizes[slot]!;
    if (code === EVENT.FREE) {
      this.#isLive[slot] = 0;
      this.live.removeBlock(oldBytes);
      this.#sink.op(OP.FREE, 0, slot, oldBytes, 0);
      return;
    }
    this.#sizes[slot] = sizeBytes;
    if (code === EVENT.REALLOC) {
      this.live.resizeBlock(oldBytes, sizeBytes);
      this.#sink.op(OP.REALLOC, 0, slot, sizeBytes, oldBytes);
      return;
    }
    this.#isLive[slot] = 1;
    if (slot >= this.#usedSlotCount) this.#usedSlotCount = slot + 1;
    this.live.addBlock(sizeBytes);
    if (code === EVENT.MALLOC) this.#sink.op(OP.MALLOC, 0, slot, sizeBytes, 0);
    else if (code === EVENT.CALLOC) this.#sink.op(OP.CALLOC, 0, slot, sizeBytes, 0);
    else this.#sink.op(OP.ALIGNED, log2Align, slot, sizeBytes, 0);
  }

  #growTo(slotCount: number): void {
    const length = Math.max(slotCount, this.#sizes.length * 2);
    const isLive = new Uint8Array(length);
    isLive.set(this.#isLive);
    this.#isLive = isLive;
    const sizes = new Uint32Array(length);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
  }
}

function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function decodeMallocHeader(bytes: Uint8Array): MallocTraceHeader {
  const word = (index: number): number => readWord(bytes, index * WORD_BYTES);
  const pair = (lowIndex: number): number => word(lowIndex) + word(lowIndex + 1) * TWO_TO_32;
  if (word(WORD.MAGIC) !== MALLOC_TRACE_MAGIC) {
    throw new TraceFormatError(`the first word is 0x${word(WORD.MAGIC).toString(16)}, not a malloc trace's magic`);
  }
  if (word(WORD.VERSION) !== MALLOC_TRACE_VERSION) {
    throw new TraceFormatError(`malloc trace version ${word(WORD.VERSION)} is not ${MALLOC_TRACE_VERSION}`);
  }
  if (word(WORD.SLOT_COUNT) > MAX_SLOT_COUNT) {
    throw new TraceFormatError(`${word(WORD.SLOT_COUNT)} slots are more than ids can name (${MAX_SLOT_COUNT})`);
  }
  const flags = word(WORD.FLAGS);
  return {
    eventCount: word(WORD.EVENT_COUNT),
    slotCount: word(WORD.SLOT_COUNT),
    peakLiveBytes: pair(WORD.PEAK_LIVE_BYTES_LOW),
    allocCount: word(WORD.ALLOC_COUNT),
    freeCount: word(WORD.FREE_COUNT),
    reallocCount: word(WORD.REALLOC_COUNT),
    requestedBytes: pair(WORD.REQUESTED_BYTES_LOW),
    threadCount: word(WORD.THREAD_COUNT),
    cutByRecorder: (flags & FLAG.CUT) !== 0,
    pointerBits: (flags & FLAG.FROM_64_BIT) !== 0 ? 64 : 32,
    convertedFromText: (flags & FLAG.CONVERTED) !== 0,
  };
}
