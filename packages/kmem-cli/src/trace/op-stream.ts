/**
 * The compiled form of a trace: a flat list of operations on dense slot ids, written once and replayed many times,
 * by this program or by a C program that maps the file. All words are 32-bit and little endian; a pair of words
 * (low, high) is one 64-bit number.
 *
 * ```
 *  word 0      ┌──────────────────────────────────────────────┐
 *              │ header, HEADER_WORDS words (see HEADER)      │
 *  word 16     ├──────────────────────────────────────────────┤
 *              │ operation 0     4 words (see OPERATION)      │
 *  word 20     ├──────────────────────────────────────────────┤
 *              │ operation 1                                  │
 *              │ …               opCount operations           │
 *  16 + 4 n    ├──────────────────────────────────────────────┤
 *              │ cache 0         2 words (see CACHE)          │
 *              │ …               cacheCount caches            │
 *              └──────────────────────────────────────────────┘
 *
 *  operation   ┌───────────────────────────┬─────────┬────────┐
 *   word 0     │ 0                   31:16 │ log2    │ op 7:0 │   log2 of the alignment, for ALIGNED only
 *              │                           │  15:8   │        │
 *              ├───────────────────────────┴─────────┴────────┤
 *   word 1     │ slot: which block                            │   0 … slotCount - 1
 *              ├──────────────────────────────────────────────┤
 *   word 2     │ size: bytes, order or page count, by op      │
 *              ├──────────────────────────────────────────────┤
 *   word 3     │ aux: cache id, bytes before, or page offset  │
 *              └──────────────────────────────────────────────┘
 * ```
 *
 * The caches stand last because they are known only when the whole trace has been read.
 *
 * | op          | size                     | aux                                        |
 * |-------------|--------------------------|--------------------------------------------|
 * | MALLOC      | bytes                    | 0                                          |
 * | FREE        | bytes the block had      | 0                                          |
 * | CALLOC      | bytes                    | 0                                          |
 * | REALLOC     | bytes from now on        | bytes the block had                        |
 * | ALIGNED     | bytes                    | 0                                          |
 * | CACHE_ALLOC | bytes of the object      | cache id                                   |
 * | CACHE_FREE  | bytes the object had     | cache id                                   |
 * | PAGE_ALLOC  | order: 2^order pages     | 0                                          |
 * | PAGE_FREE   | pages given back         | offset of the first of them in its block   |
 * | PAGE_RUN    | pages, any number        | 0                                          |
 * | CACHE_BUILD | bytes of the object      | cache id                                   |
 *
 * The last two stand in synthetic loads only. CACHE_BUILD asks for an object in the state that its cache's constructor
 * leaves it in (see `replay/constructed-heap.ts`): an allocator without constructors builds it there and then.
 *
 * A slot is given out again once its block is gone; a block of pages is gone when its last page has been given back.
 */

/** The first word of every file: the bytes "KOPS". */
export const OPS_MAGIC = 0x53504f4b;
export const OPS_VERSION = 1;

export const WORD_BYTES = 4;
export const HEADER_WORDS = 16;
export const WORDS_PER_OP = 4;
export const WORDS_PER_CACHE = 2;

/** Word offsets in the header. Names that end in LOW are followed by their high word. */
export const HEADER = {
  MAGIC: 0,
  VERSION: 1,
  KIND: 2,
  OP_COUNT_LOW: 3,
  SLOT_COUNT: 5,
  CACHE_COUNT: 6,
  PEAK_LIVE_BYTES_LOW: 7,
  REQUESTED_BYTES_LOW: 9,
  PEAK_LIVE_BLOCK_COUNT: 11,
  PAGE_BYTES: 12,
} as const;

/** Word offsets in an operation. */
export const OPERATION = { CODE: 0, SLOT: 1, SIZE: 2, AUX: 3 } as const;
export const OP_CODE_MASK = 0xff;
export const LOG2_ALIGN_SHIFT = 8;

/** Word offsets in a cache record. */
export const CACHE = { OBJECT_BYTES: 0, ALLOC_BYTES: 1 } as const;

export const OP = {
  MALLOC: 0,
  FREE: 1,
  CALLOC: 2,
  REALLOC: 3,
  ALIGNED: 4,
  CACHE_ALLOC: 5,
  CACHE_FREE: 6,
  PAGE_ALLOC: 7,
  PAGE_FREE: 8,
  PAGE_RUN: 9,
  CACHE_BUILD: 10,
} as const;

/** What the operations are called: as the events that they are made of. */
export const OP_NAMES: Readonly<Record<number, string>> = {
  [OP.MALLOC]: "malloc",
  [OP.FREE]: "free",
  [OP.CALLOC]: "calloc",
  [OP.REALLOC]: "realloc",
  [OP.ALIGNED]: "aligned_alloc",
  [OP.CACHE_ALLOC]: "kmem_cache_alloc",
  [OP.CACHE_FREE]: "kmem_cache_free",
  [OP.PAGE_ALLOC]: "mm_page_alloc",
  [OP.PAGE_FREE]: "mm_page_free",
  [OP.PAGE_RUN]: "mm_page_alloc",
  [OP.CACHE_BUILD]: "kmem_cache_alloc",
};

/** Where a list of operations came from. */
export type OpsKind = "malloc" | "kernel";

/** The kinds in the order of their numbers in the header. */
export const OPS_KINDS: readonly OpsKind[] = ["malloc", "kernel"];

/** A page of the traced kernels, in bytes: what one page of PAGE_ALLOC and PAGE_FREE stands for. */
export const PAGE_BYTES = 4096;

/** A slab cache as the trace shows it. */
export interface OpCache {
  /** Bytes of an object as its users see it. */
  readonly objectBytes: number;
  /** Bytes that the traced kernel set aside for one object. */
  readonly allocBytes: number;
}

/** What is true of the whole list of operations. */
export interface OpTotals {
  readonly kind: OpsKind;
  /** Slot ids are 0 … slotCount - 1. */
  readonly slotCount: number;
  /** The most bytes (blocks as requested, and pages) that are live at one moment of a replay. */
  readonly peakLiveBytes: number;
  /** The most blocks that are live at one moment of a replay. */
  readonly peakLiveBlockCount: number;
  /** Sum of all that is asked for; a realloc asks for its new size. */
  readonly requestedBytes: number;
}

/** The header of an operation file, decoded. */
export interface OpHeader extends OpTotals {
  readonly opCount: number;
  readonly cacheCount: number;
}

/** Takes operations one at a time, in the order of a replay. */
export interface OpSink {
  op(code: number, log2Align: number, slot: number, size: number, aux: number): void;
}

const TWO_TO_32 = 2 ** 32;

function putPair(words: Uint32Array, lowIndex: number, value: number): void {
  words[lowIndex] = value % TWO_TO_32;
  words[lowIndex + 1] = Math.floor(value / TWO_TO_32);
}

function getPair(words: Uint32Array, lowIndex: number): number {
  return words[lowIndex]! + words[lowIndex + 1]! * TWO_TO_32;
}

/** The header's words. */
export function encodeHeader(header: OpHeader): Uint32Array {
  const words = new Uint32Array(HEADER_WORDS);
  words[HEADER.MAGIC] = OPS_MAGIC;
  words[HEADER.VERSION] = OPS_VERSION;
  words[HEADER.KIND] = OPS_KINDS.indexOf(header.kind);
  putPair(words, HEADER.OP_COUNT_LOW, header.opCount);
  words[HEADER.SLOT_COUNT] = header.slotCount;
  words[HEADER.CACHE_COUNT] = header.cacheCount;
  putPair(words, HEADER.PEAK_LIVE_BYTES_LOW, header.peakLiveBytes);
  putPair(words, HEADER.REQUESTED_BYTES_LOW, header.requestedBytes);
  words[HEADER.PEAK_LIVE_BLOCK_COUNT] = header.peakLiveBlockCount;
  words[HEADER.PAGE_BYTES] = PAGE_BYTES;
  return words;
}

/** The header that the words hold, or a sentence that says why they hold none. */
export function decodeHeader(words: Uint32Array): OpHeader | string {
  if (words.length < HEADER_WORDS) return `only ${words.length} of ${HEADER_WORDS} header words are there`;
  if (words[HEADER.MAGIC] !== OPS_MAGIC) {
    return `the magic word is 0x${words[HEADER.MAGIC]!.toString(16)}, not 0x${OPS_MAGIC.toString(16)}`;
  }
  if (words[HEADER.VERSION] !== OPS_VERSION) return `version ${words[HEADER.VERSION]}, not ${OPS_VERSION}`;
  const kind = OPS_KINDS[words[HEADER.KIND]!];
  if (kind === undefined) return `kind ${words[HEADER.KIND]} is not known`;
  if (words[HEADER.PAGE_BYTES] !== PAGE_BYTES) return `pages of ${words[HEADER.PAGE_BYTES]} bytes, not ${PAGE_BYTES}`;
  return {
    kind,
    opCount: getPair(words, HEADER.OP_COUNT_LOW),
    slotCount: words[HEADER.SLOT_COUNT]!,
    cacheCount: words[HEADER.CACHE_COUNT]!,
    peakLiveBytes: getPair(words, HEADER.PEAK_LIVE_BYTES_LOW),
    peakLiveBlockCount: words[HEADER.PEAK_LIVE_BLOCK_COUNT]!,
    requestedBytes: getPair(words, HEADER.REQUESTED_BYTES_LOW),
  };
}

/** Length in bytes of a file with this many operations and caches. */
export function opFileBytes(opCount: number, cacheCount: number): number {
  return (HEADER_WORDS + opCount * WORDS_PER_OP + cacheCount * WORDS_PER_CACHE) * WORD_BYTES;
}
