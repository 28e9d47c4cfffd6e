import { describeValue } from "./arguments.ts";
import { KmemError } from "./errors.ts";
import { ADDRESS_SPACE_BYTES, PAGE_SIZE, WORD_BYTES } from "./layout.ts";

/**
 * A dump: the bytes of a memory without its empty pages.
 *
 *      word 0   magic "KDMP"
 *      word 1   version of this format
 *      word 2   start: byte at which the heap was told to begin
 *      word 3   pages in the memory
 *      word 4   runs of pages that are not all zero
 *      then for each run two words: its first page and its number of pages
 *      then the pages of all runs
 *
 * All words are little-endian. A memory whose length is no multiple of a page ends in a page filled up with zeros.
 */
const DUMP_MAGIC = 0x504d444b;
const DUMP_VERSION = 1;
const DUMP_HEADER_WORDS = 5;
const RUN_WORDS = 2;

interface Run {
  readonly firstPage: number;
  readonly pageCount: number;
}

function nonZeroRuns(bytes: Uint8Array, isLeftOut: (page: number) => boolean): Run[] {
  const runs: { firstPage: number; pageCount: number }[] = [];
  // Outside of the loop: V8 14.6's optimizer takes a length above 2^31 in a loop's condition for a negative one.
  const pageCount = Math.ceil(bytes.byteLength / PAGE_SIZE);
  const wordCount = Math.floor(bytes.byteLength / WORD_BYTES);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, wordCount);
  const wordsPerPage = PAGE_SIZE / WORD_BYTES;
  for (let page = 0; page < pageCount; page++) {
    const end = Math.min((page + 1) * wordsPerPage, wordCount);
    let word = page * wordsPerPage;
    while (word < end && words[word] === 0) word++;
    if (word === end || isLeftOut(page)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.firstPage + last.pageCount === page) last.pageCount++;
    else runs.push({ firstPage: page, pageCount: 1 });
  }
  return runs;
}

/**
 * Writes the dump of a memory whose heap begins at byte `start`, without the pages that `isLeftOut` names. O(bytes).
 * Other threads must be at rest.
 */
export function writeDump(
  bytes: Uint8Array,
  start: number,
  isLeftOut: (page: number) => boolean = () => false,
): Uint8Array<ArrayBuffer> {
  const runs = nonZeroRuns(bytes, isLeftOut);
  const pageTotal = runs.reduce((sum, run) => sum + run.pageCount, 0);
  const headerBytes = (DUMP_HEADER_WORDS + runs.length * RUN_WORDS) * WORD_BYTES;
  const dump = new Uint8Array(headerBytes + pageTotal * PAGE_SIZE);
  const view = new DataView(dump.buffer);
  const header = [DUMP_MAGIC, DUMP_VERSION, start, Math.ceil(bytes.length / PAGE_SIZE), runs.length];
  for (const [index, word] of header.entries()) view.setUint32(index * WORD_BYTES, word, true);
  let offset = headerBytes;
  for (const [index, { firstPage, pageCount }] of runs.entries()) {
    const word = DUMP_HEADER_WORDS + index * RUN_WORDS;
    view.setUint32(word * WORD_BYTES, firstPage, true);
    view.setUint32((word + 1) * WORD_BYTES, pageCount, true);
    dump.set(bytes.subarray(firstPage * PAGE_SIZE, (firstPage + pageCount) * PAGE_SIZE), offset);
    offset += pageCount * PAGE_SIZE;
  }
  return dump;
}

/** Where a byte of the memory lies in a dump that `writeDump` has made; undefined where its page is empty. O(runs). */
export function dumpOffset(dump: Uint8Array<ArrayBuffer>, byte: number): number | undefined {
  const header = readDumpHeader(dump);
  if (header === undefined) return undefined;
  let offset = header.headerBytes;
  for (const { firstPage, pageCount } of header.runs) {
    const start = firstPage * PAGE_SIZE;
    if (byte >= start && byte < start + pageCount * PAGE_SIZE) return offset + byte - start;
    offset += pageCount * PAGE_SIZE;
  }
  return undefined;
}

/** A dump's memory, opened up: its pages and where its heap begins. */
export interface OpenedDump {
  /** Version of the format. */
  readonly version: number;
  readonly start: number;
  readonly byteLength: number;
  /** Pages that are in the dump; all others read as zero. */
  readonly storedPages: number;
  /** Copies the pages into a buffer of at least `byteLength` bytes that reads as zero. */
  copyTo(target: Uint8Array): void;
}

/** What the first words of a dump say of it. */
interface DumpHeader {
  readonly version: number;
  readonly start: number;
  readonly pageCount: number;
  readonly runs: readonly Run[];
  readonly storedPages: number;
  /** Bytes before the first page. */
  readonly headerBytes: number;
}

/** Reads and verifies the first words; undefined where `dump` ends before them. */
function readDumpHeader(dump: Uint8Array): DumpHeader | undefined {
  const view = new DataView(dump.buffer, dump.byteOffset, dump.byteLength);
  const word = (index: number): number => view.getUint32(index * WORD_BYTES, true);
  if (dump.length < WORD_BYTES) return undefined;
  if (word(0) !== DUMP_MAGIC) {
    throw new KmemError("NOT_A_HEAP", `not a dump: it starts with 0x${word(0).toString(16).padStart(8, "0")}`, {});
  }
  if (dump.length < DUMP_HEADER_WORDS * WORD_BYTES) return undefined;
  if (word(1) !== DUMP_VERSION) {
    throw new KmemError("WRONG_VERSION", `a dump of version ${word(1)}; this library reads version ${DUMP_VERSION}`, {
      found: word(1),
      expected: DUMP_VERSION,
    });
  }
  const pageCount = word(3);
  const runCount = word(4);
  const headerBytes = (DUMP_HEADER_WORDS + runCount * RUN_WORDS) * WORD_BYTES;
  if (pageCount > ADDRESS_SPACE_BYTES / PAGE_SIZE) {
    throw new KmemError("BAD_GEOMETRY", `the dump is of ${pageCount} pages, more than have an address`, { pageCount });
  }
  if (headerBytes > dump.length) return undefined;
  const runs: Run[] = [];
  let nextPage = 0;
  let storedPages = 0;
  for (let index = 0; index < runCount; index++) {
    const at = DUMP_HEADER_WORDS + index * RUN_WORDS;
    const run = { firstPage: word(at), pageCount: word(at + 1) };
    if (run.firstPage < nextPage || run.pageCount === 0 || run.firstPage + run.pageCount > pageCount) {
      throw new KmemError(
        "BAD_GEOMETRY",
        `the dump's run ${index} lies outside of its memory or before another`,
        run as never,
      );
    }
    nextPage = run.firstPage + run.pageCount;
    storedPages += run.pageCount;
    runs.push(run);
  }
  return { version: word(1), start: word(2), pageCount, runs, storedPages, headerBytes };
}

/**
 * How many bytes the dump has that begins with these, 4 GiB and some at the most; undefined where more of them are
 * needed to say. For readers of a dump in pieces, who want no more of what is no dump. Throws as `loadDump` does for
 * what is no dump. O(runs).
 */
export function dumpByteLength(first: Uint8Array): number | undefined {
  requireBytes(first);
  const header = readDumpHeader(first);
  if (header !== undefined) return header.headerBytes + header.storedPages * PAGE_SIZE;
  if (first.length < DUMP_HEADER_WORDS * WORD_BYTES) return undefined;
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength);
  const [pageCount, runCount] = [3, 4].map((index) => view.getUint32(index * WORD_BYTES, true)) as [number, number];
  if (runCount <= pageCount) return undefined;
  throw new KmemError("BAD_GEOMETRY", `the dump has ${runCount} runs of its ${pageCount} pages`, { runCount });
}

/**
 * Reads a dump's header and verifies that its runs fit. Throws BAD_ARGUMENT, NOT_A_HEAP, WRONG_VERSION, BAD_GEOMETRY or
 * TRUNCATED.
 */
export function openDump(dump: Uint8Array): OpenedDump {
  requireBytes(dump);
  const header = readDumpHeader(dump);
  if (header === undefined) throw truncated(dump.length);
  const { version, start, pageCount, runs, storedPages, headerBytes } = header;
  if (headerBytes + storedPages * PAGE_SIZE !== dump.length) throw truncated(dump.length);
  return {
    version,
    start,
    byteLength: pageCount * PAGE_SIZE,
    storedPages,
    copyTo(target: Uint8Array): void {
      let offset = headerBytes;
      for (const run of runs) {
        const bytes = run.pageCount * PAGE_SIZE;
        target.set(dump.subarray(offset, offset + bytes), run.firstPage * PAGE_SIZE);
        offset += bytes;
      }
    },
  };
}

function requireBytes(dump: unknown): void {
  if (ArrayBuffer.isView(dump) && dump instanceof Uint8Array) return;
  throw new KmemError("BAD_ARGUMENT", `a dump is a Uint8Array, not ${describeValue(dump)}`);
}

function truncated(dumpBytes: number): KmemError {
  return new KmemError(
    "TRUNCATED",
    `the dump is cut off or has trailing bytes: ${dumpBytes} bytes do not fit its header`,
    {
      dumpBytes,
    },
  );
}
