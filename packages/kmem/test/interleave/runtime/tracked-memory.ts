/** Bytes of the tables of a memory that has not been touched yet. */
const INITIAL_BYTES = 1 << 16;
/** A thread's bit in each of the four bytes of a word. */
const ALL_LANES = 0x01010101;
const WORD_MASK = 3;
const WORD_SHIFT = 2;

/**
 * Who has read and written each byte of one memory, over all runs of an exploration, and which bytes are therefore
 * shared: accessed by two threads, written by one of them at least. Only accesses to shared bytes are worth placing.
 */
export class TrackedMemory {
  readonly number: number;
  /** Counts the bytes found to be shared so far. */
  sharedCount = 0;
  #shared = new Uint8Array(INITIAL_BYTES);
  #readers = new Uint8Array(INITIAL_BYTES);
  #writers = new Uint8Array(INITIAL_BYTES);
  #readerWords = new Int32Array(this.#readers.buffer);
  #writerWords = new Int32Array(this.#writers.buffer);
  #sharedWords = new Int32Array(this.#shared.buffer);

  /** The number tells the memories of an exploration apart. */
  constructor(number: number) {
    this.number = number;
  }

  isShared(first: number, end: number): boolean {
    if (end > this.#shared.length) this.#grow(end);
    if (end - first === 1) return this.#shared[first] !== 0;
    if (end - first === WORD_MASK + 1 && (first & WORD_MASK) === 0)
      return this.#sharedWords[first >>> WORD_SHIFT] !== 0;
    for (let byte = first; byte < end; byte++) if (this.#shared[byte] !== 0) return true;
    return false;
  }

  /** Records an access by the thread of this bit. */
  record(first: number, end: number, threadBit: number, isWrite: boolean): void {
    if (end > this.#shared.length) this.#grow(end);
    if (end - first === WORD_MASK + 1 && (first & WORD_MASK) === 0) {
      const lanes = threadBit * ALL_LANES;
      const word = first >>> WORD_SHIFT;
      const seen = isWrite ? this.#writerWords[word] : this.#readerWords[word] | this.#writerWords[word];
      if ((seen & lanes) === (lanes | 0)) return;
    }
    for (let byte = first; byte < end; byte++) this.#recordByte(byte, threadBit, isWrite);
  }

  #recordByte(byte: number, threadBit: number, isWrite: boolean): void {
    if (isWrite) this.#writers[byte] |= threadBit;
    else this.#readers[byte] |= threadBit;
    if (this.#shared[byte] !== 0) return;
    const others = isWrite ? this.#writers[byte] | this.#readers[byte] : this.#writers[byte];
    if ((others & ~threadBit) === 0) return;
    this.#shared[byte] = 1;
    this.sharedCount++;
  }

  #grow(end: number): void {
    const bytes = Math.max(end + WORD_MASK, this.#shared.length * 2) & ~WORD_MASK;
    const larger = (table: Uint8Array): Uint8Array<ArrayBuffer> => {
      const copy = new Uint8Array(bytes);
      copy.set(table);
      return copy;
    };
    this.#shared = larger(this.#shared);
    this.#readers = larger(this.#readers);
    this.#writers = larger(this.#writers);
    this.#readerWords = new Int32Array(this.#readers.buffer);
    this.#writerWords = new Int32Array(this.#writers.buffer);
    this.#sharedWords = new Int32Array(this.#shared.buffer);
  }
}

/** The same where threads run one at a time: nothing that they share needs to be placed, nor to be remembered. */
class UntrackedMemory extends TrackedMemory {
  override isShared(): boolean {
    return false;
  }

  override record(): void {}
}

/**
 * The memories of an exploration. Each run has new buffers; the n-th memory that a run touches is the n-th of every
 * run. Growing a WebAssembly.Memory gives it another buffer, which is the same memory.
 */
export class TrackedMemories {
  readonly #tracked: TrackedMemory[] = [];
  readonly #isTracked: boolean;
  /** How long each WebAssembly.Memory is: a byte of its own for each. */
  readonly lengths = new TrackedMemory(0);
  #growable: WebAssembly.Memory[] = [];
  #numbers = new WeakMap<object, number>();
  #count = 0;
  #lastBuffer: ArrayBufferLike | undefined;
  #lastMemory: TrackedMemory | undefined;

  /** Tracked, unless no two threads are ever under way at once. */
  constructor({ isTracked = true }: { readonly isTracked?: boolean } = {}) {
    this.#isTracked = isTracked;
  }

  /** Forgets the buffers of the run before. */
  beginRun(): void {
    this.#growable = [];
    this.#numbers = new WeakMap();
    this.#count = 0;
    this.#lastBuffer = undefined;
  }

  of(buffer: ArrayBufferLike): TrackedMemory {
    if (buffer === this.#lastBuffer && this.#lastMemory !== undefined) return this.#lastMemory;
    let number = this.#numbers.get(buffer);
    if (number === undefined) {
      const memory = this.#growable.find((candidate) => candidate.buffer === buffer);
      number = memory === undefined ? this.#count++ : this.numberOf(memory);
      this.#numbers.set(buffer, number);
    }
    this.#tracked[number] ??= this.#isTracked ? new TrackedMemory(number + 1) : new UntrackedMemory(number + 1);
    this.#lastBuffer = buffer;
    this.#lastMemory = this.#tracked[number] as TrackedMemory;
    return this.#lastMemory;
  }

  /** The number of a growable memory, from 0 on. */
  numberOf(memory: WebAssembly.Memory): number {
    let number = this.#numbers.get(memory);
    if (number === undefined) {
      number = this.#numbers.get(memory.buffer) ?? this.#count++;
      this.#numbers.set(memory, number);
      this.#numbers.set(memory.buffer, number);
      this.#growable.push(memory);
    }
    return number;
  }

  get sharedCount(): number {
    return this.#tracked.reduce((sum, memory) => sum + memory.sharedCount, this.lengths.sharedCount);
  }
}
