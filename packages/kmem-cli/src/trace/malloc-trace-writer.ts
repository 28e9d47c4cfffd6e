import {
  EVENT,
  EVENT_WORDS,
  FLAG,
  HEADER_WORDS,
  ID_SHIFT,
  LOG2_ALIGN_SHIFT,
  MALLOC_TRACE_MAGIC,
  MALLOC_TRACE_VERSION,
  MAX_SLOT_COUNT,
  WORD,
  WORD_BYTES,
} from "./malloc-trace.ts";

const INITIAL_EVENTS = 1024;
const TWO_TO_32 = 2 ** 32;
/** Events that a file can count. */
const EVENT_COUNT_MAX = 2 ** 32 - 1;

/** Writes a malloc trace, call by call, in memory: 8 bytes for each. */
export class MallocTraceWriter {
  #words = new Uint32Array(INITIAL_EVENTS * EVENT_WORDS);
  #eventCount = 0;
  /** The ids of live blocks by their addresses, and their sizes by id. */
  readonly #ids = new Map<number, number>();
  readonly #sizes: number[] = [];
  /** Ids whose blocks are gone. */
  readonly #freeIds: number[] = [];
  readonly #counts = { alloc: 0, free: 0, realloc: 0 };
  #liveBytes = 0;
  #peakLiveBytes = 0;
  #requestedBytes = 0;
  #isCut = false;

  malloc(address: number, sizeBytes: number): void {
    this.#allocate(EVENT.MALLOC, address, sizeBytes, 0);
  }

  calloc(address: number, sizeBytes: number): void {
    this.#allocate(EVENT.CALLOC, address, sizeBytes, 0);
  }

  aligned(address: number, alignmentBytes: number, sizeBytes: number): void {
    this.#allocate(EVENT.ALIGNED, address, sizeBytes, Math.log2(alignmentBytes));
  }

  /** A block that is live now stands at `address`, and before at `former`. */
  realloc(former: number, address: number, sizeBytes: number): void {
    this.#counts.realloc++;
    const id = this.#ids.get(former);
    if (id === undefined) return;
    this.#ids.delete(former);
    this.#ids.set(address, id);
    this.#count(sizeBytes, this.#sizes[id] ?? 0);
    this.#sizes[id] = sizeBytes;
    this.#event(EVENT.REALLOC, id, sizeBytes, 0);
  }

  /** What is no live block is not written. */
  free(address: number): void {
    this.#counts.free++;
    const id = this.#ids.get(address);
    if (id === undefined) return;
    this.#ids.delete(address);
    this.#freeIds.push(id);
    this.#liveBytes -= this.#sizes[id] ?? 0;
    this.#event(EVENT.FREE, id, 0, 0);
  }

  /** The trace so far. */
  bytes(): Uint8Array<ArrayBuffer> {
    const words = new Uint32Array(HEADER_WORDS + this.#eventCount * EVENT_WORDS);
    const pair = (at: number, value: number): void => {
      words[at] = value % TWO_TO_32;
      words[at + 1] = Math.floor(value / TWO_TO_32);
    };
    words[WORD.MAGIC] = MALLOC_TRACE_MAGIC;
    words[WORD.VERSION] = MALLOC_TRACE_VERSION;
    words[WORD.EVENT_COUNT] = this.#eventCount;
    words[WORD.SLOT_COUNT] = this.#sizes.length;
    pair(WORD.PEAK_LIVE_BYTES_LOW, this.#peakLiveBytes);
    words[WORD.ALLOC_COUNT] = this.#counts.alloc;
    words[WORD.FREE_COUNT] = this.#counts.free;
    words[WORD.REALLOC_COUNT] = this.#counts.realloc;
    words[WORD.FLAGS] = this.#isCut ? FLAG.CUT : 0;
    pair(WORD.REQUESTED_BYTES_LOW, this.#requestedBytes);
    words[WORD.THREAD_COUNT] = 1;
    words.set(this.#words.subarray(0, this.#eventCount * EVENT_WORDS), HEADER_WORDS);
    return littleEndian(words);
  }

  #allocate(code: number, address: number, sizeBytes: number, log2Align: number): void {
    this.#counts.alloc++;
    const id = this.#freeIds.pop() ?? this.#sizes.length;
    if (id >= MAX_SLOT_COUNT) {
      this.#isCut = true;
      return;
    }
    this.#ids.set(address, id);
    this.#sizes[id] = sizeBytes;
    this.#count(sizeBytes, 0);
    this.#event(code, id, sizeBytes, log2Align);
  }

  #count(sizeBytes: number, formerBytes: number): void {
    this.#requestedBytes += sizeBytes;
    this.#liveBytes += sizeBytes - formerBytes;
    this.#peakLiveBytes = Math.max(this.#peakLiveBytes, this.#liveBytes);
  }

  #event(code: number, id: number, sizeBytes: number, log2Align: number): void {
    if (this.#isCut || this.#eventCount >= EVENT_COUNT_MAX) {
      this.#isCut = true;
      return;
    }
    const at = this.#eventCount * EVENT_WORDS;
    if (at + EVENT_WORDS > this.#words.length) {
      const larger = new Uint32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at] = ((id << ID_SHIFT) | (log2Align << LOG2_ALIGN_SHIFT) | code) >>> 0;
    this.#words[at + 1] = sizeBytes;
    this.#eventCount++;
  }
}

function littleEndian(words: Uint32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.length * WORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * WORD_BYTES, word, true);
  return bytes;
}
