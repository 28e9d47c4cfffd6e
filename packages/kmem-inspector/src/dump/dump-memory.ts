import { dumpByteLength, KmemError, PAGE_SIZE } from "kmem";
import { PAGE_SHIFT, WORD_BYTES } from "kmem/layout";
import type { ByteSource } from "../sources/byte-source.ts";

/** Words of a dump before its runs, and of a run. */
const HEADER_WORDS = 5;
const RUN_WORDS = 2;
const HeaderWord = { START: 2, PAGES: 3, RUNS: 4 } as const;
/** Bytes of the file that are read and kept together, and how many such pieces are kept: 32 MiB. */
const PIECE_BYTES = 2 ** 18;
const PIECES_KEPT = 128;

/** The memory in a dump, of which only what is asked for is read: a dump of 4 GiB takes some megabytes to look into. */
export class DumpMemory {
  /** Byte at which the heap was told to begin. */
  readonly start: number;
  readonly pageCount: number;
  readonly storedPages: number;
  readonly source: ByteSource;
  readonly #firstPages: Uint32Array;
  readonly #pageCounts: Uint32Array;
  readonly #offsets: Float64Array;
  readonly #pieces = new Map<number, Uint8Array>();

  /** Throws a KmemError for what is no dump, or is cut off. */
  constructor(source: ByteSource) {
    this.source = source;
    const words = readHead(source);
    this.start = words[HeaderWord.START]!;
    this.pageCount = words[HeaderWord.PAGES]!;
    const runCount = words[HeaderWord.RUNS]!;
    this.#firstPages = new Uint32Array(runCount);
    this.#pageCounts = new Uint32Array(runCount);
    this.#offsets = new Float64Array(runCount);
    let storedPages = 0;
    for (let run = 0; run < runCount; run++) {
      this.#firstPages[run] = words[HEADER_WORDS + run * RUN_WORDS]!;
      this.#pageCounts[run] = words[HEADER_WORDS + run * RUN_WORDS + 1]!;
      this.#offsets[run] = words.byteLength + storedPages * PAGE_SIZE;
      storedPages += this.#pageCounts[run]!;
    }
    this.storedPages = storedPages;
  }

  get byteLength(): number {
    return this.pageCount * PAGE_SIZE;
  }

  /** The run that a page lies in, or -1 for a page that is empty. */
  #runOf(page: number): number {
    let low = 0;
    let high = this.#firstPages.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.#firstPages[middle]! > page) high = middle - 1;
      else if (page >= this.#firstPages[middle]! + this.#pageCounts[middle]!) low = middle + 1;
      else return middle;
    }
    return -1;
  }

  /** Whether a page is in the dump; all others are empty. */
  isStored(page: number): boolean {
    return this.#runOf(page) >= 0;
  }

  /** The runs of pages in the dump, as pairs of first page and count. */
  *runs(): Generator<readonly [firstPage: number, pageCount: number]> {
    for (let run = 0; run < this.#firstPages.length; run++) yield [this.#firstPages[run]!, this.#pageCounts[run]!];
  }

  /** A copy of the bytes from `address` on; what lies beyond the memory reads as zero. */
  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = address + done;
      const page = Math.floor(at / PAGE_SIZE);
      if (page >= this.pageCount || at < 0) break;
      const run = this.#runOf(page);
      const endPage = run < 0 ? page + 1 : this.#firstPages[run]! + this.#pageCounts[run]!;
      const count = Math.min(length - done, endPage * PAGE_SIZE - at);
      if (run >= 0) this.#copy(this.#offsets[run]! + at - this.#firstPages[run]! * PAGE_SIZE, bytes, done, count);
      done += count;
    }
    return bytes;
  }

  u8(address: number): number {
    const piece = this.#pieceAt(address);
    return piece === undefined ? 0 : piece.bytes[piece.at]!;
  }

  /** The unsigned word at an address that is a multiple of 4. */
  u32(address: number): number {
    const piece = this.#pieceAt(address);
    if (piece === undefined) return 0;
    const { bytes, at } = piece;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }

  /** Where the file has the byte at an address; pages and words never lie in two pieces. */
  #pieceAt(address: number): { readonly bytes: Uint8Array; readonly at: number } | undefined {
    const run = address >= 0 && address < this.byteLength ? this.#runOf(address >>> PAGE_SHIFT) : -1;
    if (run < 0) return undefined;
    const offset = this.#offsets[run]! + address - this.#firstPages[run]! * PAGE_SIZE;
    const bytes = this.#piece(Math.floor(offset / PIECE_BYTES));
    return { bytes, at: offset % PIECE_BYTES };
  }

  #piece(number: number): Uint8Array {
    const known = this.#pieces.get(number);
    if (known !== undefined) return known;
    const offset = number * PIECE_BYTES;
    const bytes = this.source.read(offset, Math.min(PIECE_BYTES, this.source.byteLength - offset));
    if (this.#pieces.size >= PIECES_KEPT) this.#pieces.delete(this.#pieces.keys().next().value!);
    this.#pieces.set(number, bytes);
    return bytes;
  }

  #copy(offset: number, target: Uint8Array, at: number, count: number): void {
    if (count >= PIECE_BYTES) {
      target.set(this.source.read(offset, count), at);
      return;
    }
    for (let done = 0; done < count; ) {
      const from = (offset + done) % PIECE_BYTES;
      const part = this.#piece(Math.floor((offset + done) / PIECE_BYTES)).subarray(from, from + count - done);
      target.set(part, at + done);
      done += part.length;
    }
  }
}

/** The words of a dump before its pages, verified. */
function readHead(source: ByteSource): Uint32Array {
  const first = source.read(0, Math.min(source.byteLength, HEADER_WORDS * WORD_BYTES));
  // Throws for what begins like no dump.
  dumpByteLength(first);
  if (first.length < HEADER_WORDS * WORD_BYTES) throw truncated(source);
  const runCount = wordsOf(first)[HeaderWord.RUNS]!;
  const headBytes = (HEADER_WORDS + runCount * RUN_WORDS) * WORD_BYTES;
  if (headBytes > source.byteLength) throw truncated(source);
  const head = source.read(0, headBytes);
  if (dumpByteLength(head) !== source.byteLength) throw truncated(source);
  return wordsOf(head);
}

function truncated({ byteLength }: ByteSource): KmemError {
  const text = `the dump is cut off or has trailing bytes: ${byteLength} bytes do not fit its header`;
  return new KmemError("TRUNCATED", text, { dumpBytes: byteLength });
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}

/** Whether a file begins as a dump does. */
export function startsAsDump(head: Uint8Array): boolean {
  if (head.length < HEADER_WORDS * WORD_BYTES) return false;
  try {
    dumpByteLength(head);
    return true;
  } catch (error) {
    return error instanceof KmemError && error.code !== "NOT_A_HEAP";
  }
}
