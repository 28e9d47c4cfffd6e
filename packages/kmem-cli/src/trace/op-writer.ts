import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import {
  CACHE,
  encodeHeader,
  HEADER_WORDS,
  LOG2_ALIGN_SHIFT,
  OPERATION,
  type OpCache,
  type OpSink,
  type OpTotals,
  WORD_BYTES,
  WORDS_PER_CACHE,
  WORDS_PER_OP,
} from "./op-stream.ts";

const OPS_PER_WRITE = 16_384;

/**
 * Writes an operation file front to back through one fixed buffer. The header is filled in by `finish`, so a file
 * whose writing was cut short has no magic word and no reader takes it for a whole one.
 */
export class OpWriter implements OpSink {
  readonly #path: string;
  readonly #words = new Uint32Array(OPS_PER_WRITE * WORDS_PER_OP);
  #file: number | undefined;
  #usedWords = 0;
  #opCount = 0;

  /** Creates the file, or empties the one that is there. */
  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, "w");
    this.#usedWords = HEADER_WORDS;
  }

  /** Number of operations taken so far. */
  get opCount(): number {
    return this.#opCount;
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    if (this.#usedWords + WORDS_PER_OP > this.#words.length) this.#flush();
    const words = this.#words;
    const at = this.#usedWords;
    words[at + OPERATION.CODE] = code | (log2Align << LOG2_ALIGN_SHIFT);
    words[at + OPERATION.SLOT] = slot;
    words[at + OPERATION.SIZE] = size;
    words[at + OPERATION.AUX] = aux;
    this.#usedWords = at + WORDS_PER_OP;
    this.#opCount += 1;
  }

  /** Writes what is left, the caches and the header, and closes the file. */
  finish(totals: OpTotals, caches: readonly OpCache[]): void {
    this.#flush();
    const cacheWords = new Uint32Array(caches.length * WORDS_PER_CACHE);
    for (const [index, cache] of caches.entries()) {
      cacheWords[index * WORDS_PER_CACHE + CACHE.OBJECT_BYTES] = cache.objectBytes;
      cacheWords[index * WORDS_PER_CACHE + CACHE.ALLOC_BYTES] = cache.allocBytes;
    }
    this.#write(cacheWords, null);
    this.#write(encodeHeader({ ...totals, opCount: this.#opCount, cacheCount: caches.length }), 0);
    this.#close();
  }

  /** Closes and deletes an unfinished file; a finished one stays. */
  abandon(): void {
    if (this.#file === undefined) return;
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #flush(): void {
    this.#write(this.#words.subarray(0, this.#usedWords), null);
    this.#usedWords = 0;
  }

  /** Writes words at a byte position, or after what has been written when the position is null. */
  #write(words: Uint32Array, position: number | null): void {
    if (this.#file === undefined) throw new Error("the operation file is already closed");
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.length * WORD_BYTES);
    let doneBytes = 0;
    while (doneBytes < bytes.length) {
      const at = position === null ? null : position + doneBytes;
      doneBytes += writeSync(this.#file, bytes, doneBytes, bytes.length - doneBytes, at);
    }
  }

  #close(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
  }
}
