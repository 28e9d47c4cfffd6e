import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  CACHE,
  decodeHeader,
  HEADER_WORDS,
  type OpCache,
  type OpHeader,
  opFileBytes,
  WORD_BYTES,
  WORDS_PER_CACHE,
  WORDS_PER_OP,
} from "./op-stream.ts";
import { TraceFormatError } from "./trace-error.ts";

const DEFAULT_OPS_PER_CHUNK = 65_536;
const OPS_START_BYTES = HEADER_WORDS * WORD_BYTES;

/**
 * Reads an operation file a chunk at a time into one array that is used again and again, synchronously: a replay
 * times the loop over `words` alone, with neither parsing nor waiting in it.
 */
export class OpReader {
  /** Header of the file. */
  readonly header: OpHeader;
  /** The slab caches, by cache id. */
  readonly caches: readonly OpCache[];
  /** The operations of the current chunk, WORDS_PER_OP words each; valid up to the count that `next` answered. */
  readonly words: Uint32Array;
  readonly #file: number;
  #nextOp = 0;
  #closed = false;

  /**
   * Opens a file and checks its header and length.
   *
   * @param opsPerChunk operations that `next` reads at most; a chunk of all operations holds the whole file.
   * @throws TraceFormatError when the file is not a whole operation file.
   */
  constructor(path: string, opsPerChunk: number = DEFAULT_OPS_PER_CHUNK) {
    this.#file = openSync(path, "r");
    try {
      const headerWords = new Uint32Array(HEADER_WORDS);
      const headerBytes = this.#readWords(headerWords, HEADER_WORDS, 0);
      const header = decodeHeader(headerWords.subarray(0, Math.floor(headerBytes / WORD_BYTES)));
      if (typeof header === "string") throw new TraceFormatError(`${path} is not an operation file: ${header}`);
      const expectedBytes = opFileBytes(header.opCount, header.cacheCount);
      const actualBytes = fstatSync(this.#file).size;
      if (actualBytes !== expectedBytes) {
        throw new TraceFormatError(`${path} has ${actualBytes} bytes, but its header speaks of ${expectedBytes}`);
      }
      this.header = header;
      this.caches = this.#readCaches(header);
      this.words = new Uint32Array(Math.min(opsPerChunk, header.opCount) * WORDS_PER_OP);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Reads the next operations into `words` and answers how many there are; 0 at the end. */
  next(): number {
    const opCount = Math.min(this.words.length / WORDS_PER_OP, this.header.opCount - this.#nextOp);
    if (opCount === 0) return 0;
    const wordCount = opCount * WORDS_PER_OP;
    const start = OPS_START_BYTES + this.#nextOp * WORDS_PER_OP * WORD_BYTES;
    const readBytes = this.#readWords(this.words, wordCount, start);
    if (readBytes !== wordCount * WORD_BYTES) {
      throw new TraceFormatError(`the operation file ends after ${start + readBytes} bytes: it was cut while in use`);
    }
    this.#nextOp += opCount;
    return opCount;
  }

  /** Goes back to the first operation. */
  rewind(): void {
    this.#nextOp = 0;
  }

  /** Closes the file; the current chunk stays readable. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#file);
  }

  #readCaches(header: OpHeader): OpCache[] {
    const words = new Uint32Array(header.cacheCount * WORDS_PER_CACHE);
    this.#readWords(words, words.length, opFileBytes(header.opCount, 0));
    return Array.from({ length: header.cacheCount }, (_, index) => ({
      objectBytes: words[index * WORDS_PER_CACHE + CACHE.OBJECT_BYTES]!,
      allocBytes: words[index * WORDS_PER_CACHE + CACHE.ALLOC_BYTES]!,
    }));
  }

  /** Fills the first words of an array from a byte position and answers how many bytes there were. */
  #readWords(words: Uint32Array, wordCount: number, position: number): number {
    const bytes = new Uint8Array(words.buffer, words.byteOffset, wordCount * WORD_BYTES);
    let doneBytes = 0;
    while (doneBytes < bytes.length) {
      const count = readSync(this.#file, bytes, doneBytes, bytes.length - doneBytes, position + doneBytes);
      if (count === 0) break;
      doneBytes += count;
    }
    return doneBytes;
  }
}
