import { ASSERTIONS, assert } from "../memory/assert.ts";
import { GRANULE, WORD_SHIFT } from "../memory/layout.ts";
import { mix } from "./checksum-step.ts";
import { insert, remove, replace, type Words } from "./free-index.ts";
import {
  BLOCK_BYTES,
  BLOCK_MASK,
  BLOCK_SHIFT,
  BLOCK_WORDS,
  CHUNK_CANARY,
  CHUNK_HEADER_BLOCKS,
  CHUNK_HEADER_WORDS,
  Chunk,
  ChunkState,
  MIN_CHUNK_BLOCKS,
  MIN_REGION_BYTES,
  REGION_GONE,
  REGION_HEADER_BYTES,
  REGION_HEADER_WORDS,
  REGION_MAGIC,
  RegionHeader,
} from "./layout.ts";
import { firstWord, limitWord } from "./node.ts";
import { findFirst, findLargest, removalFault } from "./search.ts";
import { linkFault } from "./verify.ts";

const MAGIC_VALUE = REGION_MAGIC;
const CANARY_VALUE = CHUNK_CANARY;
const MAGIC = RegionHeader.MAGIC;
const HEADER_SEAL = RegionHeader.SEAL;
const START = RegionHeader.START;
const END = RegionHeader.END;
const FIRST = RegionHeader.FIRST;
const LAST = RegionHeader.LAST;
const ROOT = RegionHeader.ROOT;
const SALT = RegionHeader.SALT;
const CANARY = Chunk.CANARY;
const STATE = Chunk.STATE;
const SIZE = Chunk.SIZE;
const NEXT = Chunk.NEXT;
const PREV = Chunk.PREV;
const SEAL = Chunk.SEAL;
const RIGHT = Chunk.RIGHT;
const MAX = Chunk.MAX;
const FREE = ChunkState.FREE;
const BUSY = ChunkState.BUSY;
const HEADER_BLOCKS = CHUNK_HEADER_BLOCKS;
const HEADER_WORDS = CHUNK_HEADER_WORDS;
const MIN_BLOCKS = MIN_CHUNK_BLOCKS;

/** The address of a region's header: the first multiple of 16 from `start` on that is not null. */
function headerAddress(start: number): number {
  return Math.max(GRANULE, Math.ceil(start / BLOCK_BYTES) * BLOCK_BYTES);
}

/** Whether the bytes from `start` to `end`, both included, can hold a header and a chunk. */
export function isLargeEnough(start: number, end: number): boolean {
  return end + 1 - headerAddress(start) >= MIN_REGION_BYTES;
}

function sealOf(words: Words, header: number): number {
  const bounds = mix(mix(mix(header, words[header + START]), words[header + END]), words[header + SALT]);
  return mix(mix(bounds, words[header + LAST]), words[header + ROOT]);
}

/**
 * Makes a region of the bytes from `start` to `end`, both included, and returns the address of its header. The caller
 * has verified the bounds with {@link isLargeEnough}. Writes two headers, 64 bytes; the rest keeps its contents. O(1).
 * From the Atomik page's `kmalloc_init`.
 */
export function createRegion(words: Words, start: number, end: number): number {
  const address = headerAddress(start);
  const header = address >>> WORD_SHIFT;
  const first = header + REGION_HEADER_WORDS;
  // The old contents go into the salt, so that chunks of an earlier region in this place do not count as this region's.
  let salt = 0;
  for (let word = header; word < first + HEADER_WORDS; word++) salt = mix(salt, words[word]);
  const firstAddress = address + REGION_HEADER_BYTES;
  words[header + START] = firstAddress;
  words[header + END] = end;
  words[header + FIRST] = firstAddress;
  words[header + LAST] = firstAddress;
  words[header + SALT] = salt;
  writeHeader(words, first, (limitWord(words, header) - first) / BLOCK_WORDS, first, first);
  setRoot(words, header, insert(words, 0, first));
  words[header + MAGIC] = MAGIC_VALUE;
  return address;
}

/** Stores the root of the index, then the checksum, which also covers LAST: once the list and the index are changed. */
function setRoot(words: Words, header: number, root: number): void {
  words[header + ROOT] = root << WORD_SHIFT;
  words[header + HEADER_SEAL] = sealOf(words, header);
}

/** Whether an intact region header lies at word index `header`. Reads only; any whole number is allowed. O(1). */
export function isRegion(words: Words, header: number): boolean {
  return (
    words[header + MAGIC] === MAGIC_VALUE &&
    words[header + HEADER_SEAL] === sealOf(words, header) &&
    words[header + START] >>> WORD_SHIFT === header + REGION_HEADER_WORDS &&
    words[header + FIRST] === words[header + START]
  );
}

/** Ends the region whose header is at word index `header`: some of its bytes no longer belong to the caller. */
export function endRegion(words: Words, header: number): void {
  words[header + MAGIC] = REGION_GONE;
}

/**
 * Ends every region whose header is intact, lies from byte `from` to byte `end`, not included, and that extends to byte
 * `first`; all are multiples of 16. O(bytes).
 */
export function endRegionsIn(words: Words, from: number, first: number, end: number): void {
  for (let address = from; address < end; address += BLOCK_BYTES) {
    const header = address >>> WORD_SHIFT;
    if (words[header + MAGIC] !== MAGIC_VALUE || !isRegion(words, header)) continue;
    if (words[header + END] >>> 0 >= first) endRegion(words, header);
  }
}

/** Blocks of a chunk that serves `sizeBytes`, 0 to 2^32 - 1. */
function blocksFor(sizeBytes: number): number {
  const payload = (sizeBytes >>> BLOCK_SHIFT) + ((sizeBytes & BLOCK_MASK) === 0 ? 0 : 1);
  return Math.max(MIN_BLOCKS, payload + HEADER_BLOCKS);
}

/**
 * Allocates `sizeBytes`, 0 to 2^32 - 1, from the largest free chunk of the region whose header is at word index
 * `header` (the first of several largest). Returns the address of the payload, aligned to 16; 0 if no chunk is large
 * enough; a negated address if the region is damaged at or near that address, with nothing changed. O(log chunks). Not
 * for two threads at a time. From the Atomik page's `kmalloc`.
 */
export function allocateWorst(words: Words, header: number, sizeBytes: number): number {
  const blocks = blocksFor(sizeBytes);
  return take(words, header, findLargest(words, header, blocks), blocks);
}

/** As {@link allocateWorst}, from the first chunk that is large enough. From the Atomik page's `kmalloc_fast`. */
export function allocateFirst(words: Words, header: number, sizeBytes: number): number {
  const blocks = blocksFor(sizeBytes);
  return take(words, header, findFirst(words, header, blocks), blocks);
}

/** Makes the first `blocks` of a found chunk busy; the rest becomes a chunk of its own if it is large enough. */
function take(words: Words, header: number, found: number, blocks: number): number {
  if (found <= 0) return addressOf(found);
  const damaged = linkFault(words, header, found);
  if (damaged !== 0) return -addressOf(damaged);
  const root = words[header + ROOT] >>> WORD_SHIFT;
  const foundBlocks = words[found + SIZE];
  const isSplit = foundBlocks - blocks >= MIN_BLOCKS;
  const broken = isSplit ? 0 : removalFault(words, header, found);
  if (broken !== 0) return -addressOf(broken);
  const newRoot = isSplit
    ? replace(words, root, found, split(words, header, found, blocks), foundBlocks)
    : remove(words, root, found);
  if (ASSERTIONS)
    assert(words[found + SIZE] >= blocks, `the chunk at word ${found} has the ${blocks} blocks asked for`);
  setRoot(words, header, newRoot);
  words[found + STATE] = BUSY;
  words[found + SEAL] = (found << WORD_SHIFT) ^ words[header + SALT];
  words[found + RIGHT] = 0;
  words[found + MAX] = 0;
  return addressOf(found + HEADER_WORDS);
}

/** Splits a chunk after `blocks` and returns the second part, which is in the list but not in the index. */
function split(words: Words, header: number, chunk: number, blocks: number): number {
  const rest = chunk + blocks * BLOCK_WORDS;
  const next = words[chunk + NEXT] >>> WORD_SHIFT;
  const isLast = words[header + LAST] >>> WORD_SHIFT === chunk;
  if (ASSERTIONS) {
    const restBlocks = words[chunk + SIZE] - blocks;
    assert(blocks >= MIN_BLOCKS && restBlocks >= MIN_BLOCKS, `both parts of the chunk at word ${chunk} are chunks`);
  }
  // If this is the only chunk, it is its own neighbour.
  writeHeader(words, rest, words[chunk + SIZE] - blocks, next, chunk);
  words[chunk + SIZE] = blocks;
  words[chunk + NEXT] = rest << WORD_SHIFT;
  words[next + PREV] = rest << WORD_SHIFT;
  if (isLast) words[header + LAST] = rest << WORD_SHIFT;
  return rest;
}

function writeHeader(words: Words, chunk: number, blocks: number, next: number, previous: number): void {
  words[chunk + CANARY] = CANARY_VALUE;
  words[chunk + STATE] = FREE;
  words[chunk + SIZE] = blocks;
  words[chunk + NEXT] = next << WORD_SHIFT;
  words[chunk + PREV] = previous << WORD_SHIFT;
}

/**
 * Frees the busy chunk whose payload is at `address` and merges it with the free chunks on both sides. The caller has
 * verified it: `freeFault` returned undefined. O(log chunks). Not for two threads at a time. From `kfree`.
 */
export function release(words: Words, header: number, address: number): void {
  const chunk = (address >>> WORD_SHIFT) - HEADER_WORDS;
  const next = words[chunk + NEXT] >>> WORD_SHIFT;
  const previous = words[chunk + PREV] >>> WORD_SHIFT;
  if (ASSERTIONS) assert(words[chunk + STATE] === BUSY, `the chunk at word ${chunk} that is freed is busy`);
  const mergesNext = words[header + LAST] >>> WORD_SHIFT !== chunk && words[next + STATE] !== BUSY;
  const mergesPrevious = firstWord(words, header) !== chunk && words[previous + STATE] !== BUSY;
  let root = words[header + ROOT] >>> WORD_SHIFT;
  words[chunk + STATE] = FREE;
  if (mergesPrevious) {
    const blocks = words[previous + SIZE];
    if (mergesNext) root = remove(words, root, next);
    if (mergesNext) absorb(words, header, chunk, next);
    absorb(words, header, previous, chunk);
    root = replace(words, root, previous, previous, blocks);
  } else if (mergesNext) {
    const blocks = words[next + SIZE];
    absorb(words, header, chunk, next);
    root = replace(words, root, next, chunk, blocks);
  } else {
    root = insert(words, root, chunk);
  }
  // Makes the absorbed header an invalid node, so that no stray link to it is followed.
  if (mergesNext) words[next + MAX] = 0;
  if (mergesPrevious) words[chunk + MAX] = 0;
  setRoot(words, header, root);
}

/** Removes a chunk from the list and adds its blocks to the one before it. */
function absorb(words: Words, header: number, chunk: number, absorbed: number): void {
  const next = words[absorbed + NEXT] >>> WORD_SHIFT;
  if (ASSERTIONS) {
    const end = chunk + words[chunk + SIZE] * BLOCK_WORDS;
    assert(end === absorbed, `the chunk at word ${absorbed} begins where the one before it ends, at ${end}`);
  }
  words[chunk + SIZE] += words[absorbed + SIZE];
  words[chunk + NEXT] = next << WORD_SHIFT;
  words[next + PREV] = chunk << WORD_SHIFT;
  if (words[header + LAST] >>> WORD_SHIFT === absorbed) words[header + LAST] = chunk << WORD_SHIFT;
}

/** Bytes that the busy chunk with its payload at `address` can hold. */
export function usableBytes(words: Words, address: number): number {
  return (words[(address >>> WORD_SHIFT) - HEADER_WORDS + SIZE] - HEADER_BLOCKS) * BLOCK_BYTES;
}

/** The byte address of a word; negated for a negative word index. */
function addressOf(word: number): number {
  return word * (1 << WORD_SHIFT);
}
