import type { Report } from "../memory/finding.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import { heightOf, maxOf, stateOf, type Words } from "./free-index.ts";
import {
  BLOCK_BYTES,
  BLOCK_WORDS,
  CHUNK_CANARY,
  CHUNK_HEADER_BLOCKS,
  CHUNK_HEADER_BYTES,
  Chunk,
  ChunkState,
  MIN_CHUNK_BLOCKS,
  RegionHeader,
  STATE_MASK,
} from "./layout.ts";
import { firstWord, isFreeChunk, limitWord } from "./node.ts";
import { isRegion } from "./region.ts";

/** One chunk as its readers see it; all addresses are of chunk headers except `payload`. */
export interface ChunkInfo {
  readonly address: number;
  readonly payload: number;
  readonly busy: boolean;
  /** Blocks of 16 bytes, the header included. */
  readonly blocks: number;
  /** What the payload can hold. */
  readonly usableBytes: number;
  readonly next: number;
  readonly previous: number;
}

/** All chunks in address order; ends early where a chunk's size cannot be. Reads only. O(chunks). */
export function* chunksOf(words: Words, header: number): Generator<ChunkInfo> {
  const limit = limitWord(words, header);
  for (let chunk = firstWord(words, header); chunk < limit; ) {
    const blocks = words[chunk + Chunk.SIZE];
    yield {
      address: chunk * (1 << WORD_SHIFT),
      payload: chunk * (1 << WORD_SHIFT) + CHUNK_HEADER_BYTES,
      busy: words[chunk + Chunk.STATE] === ChunkState.BUSY,
      blocks,
      usableBytes: (blocks - CHUNK_HEADER_BLOCKS) * BLOCK_BYTES,
      next: words[chunk + Chunk.NEXT] >>> 0,
      previous: words[chunk + Chunk.PREV] >>> 0,
    };
    if (blocks < MIN_CHUNK_BLOCKS || chunk + blocks * BLOCK_WORDS > limit) return;
    chunk += blocks * BLOCK_WORDS;
  }
}

/**
 * Verifies every invariant of the region whose header is at word index `header`: the chunks fill it without a gap, the
 * list is whole in both directions, free chunks are merged, busy ones sealed, and the index holds exactly the free
 * ones, balanced and with the right maxima. Reads only; ends on any bytes. O(chunks).
 */
export function checkRegion(words: Words, header: number, report: Report): void {
  const headerAddress = header * (1 << WORD_SHIFT);
  if (!isRegion(words, header)) {
    report(headerAddress, "the region's header is damaged");
    return;
  }
  const free = checkList(words, header, report);
  const indexed: number[] = [];
  const root = words[header + RegionHeader.ROOT] >>> WORD_SHIFT;
  const above = firstWord(words, header) - 1;
  checkSubtree(words, root, { above, below: limitWord(words, header), level: 0 }, indexed, report);
  const isSame = free.length === indexed.length && free.every((chunk, position) => chunk === indexed[position]);
  if (!isSame) report(headerAddress, `the index holds ${indexed.length} chunks, ${free.length} are free`);
}

/** Verifies the chunks as they follow each other in memory; returns the free ones. */
function checkList(words: Words, header: number, report: Report): number[] {
  const first = firstWord(words, header);
  const limit = limitWord(words, header);
  const free: number[] = [];
  let previous = words[header + RegionHeader.LAST] >>> WORD_SHIFT;
  let wasFree = false;
  let end = first;
  for (const { address, busy, blocks } of chunksOf(words, header)) {
    const chunk = address >>> WORD_SHIFT;
    const state = words[chunk + Chunk.STATE];
    end = chunk + blocks * BLOCK_WORDS;
    if (words[chunk + Chunk.CANARY] !== CHUNK_CANARY) report(address, "a chunk's canary is overwritten");
    if (blocks < MIN_CHUNK_BLOCKS || end > limit) report(address, `a chunk has ${blocks} blocks, which cannot be`);
    const next = end === limit ? first : end;
    if (words[chunk + Chunk.NEXT] >>> WORD_SHIFT !== next) report(address, "a chunk's link forward is wrong");
    if (words[chunk + Chunk.PREV] >>> WORD_SHIFT !== previous) report(address, "a chunk's link back is wrong");
    if (busy) checkBusy(words, header, chunk, report);
    else if ((state & STATE_MASK) !== ChunkState.FREE) report(address, `a chunk has the state ${state}`);
    else free.push(chunk);
    if (wasFree && !busy) report(address, "two free neighbours are not merged");
    wasFree = !busy;
    previous = chunk;
  }
  if (end !== limit) report(first * (1 << WORD_SHIFT), "the chunks do not fill the region");
  if (words[header + RegionHeader.LAST] >>> WORD_SHIFT !== previous) {
    report(header * (1 << WORD_SHIFT), "the header names another last chunk");
  }
  return free;
}

function checkBusy(words: Words, header: number, chunk: number, report: Report): void {
  const seal = (chunk << WORD_SHIFT) ^ words[header + RegionHeader.SALT];
  if (words[chunk + Chunk.SEAL] === seal && words[chunk + Chunk.RIGHT] === 0 && words[chunk + Chunk.MAX] === 0) return;
  report(chunk * (1 << WORD_SHIFT), "a busy chunk's seal is broken");
}

/** No balanced tree of 2^28 chunks is higher: deeper links go in circles. */
const MAX_LEVELS = 64;

interface Place {
  readonly above: number;
  readonly below: number;
  readonly level: number;
}

function checkSubtree(words: Words, node: number, place: Place, indexed: number[], report: Report): void {
  if (node === 0) return;
  const { above, below, level } = place;
  const address = node * (1 << WORD_SHIFT);
  if (!isFreeChunk(words, node, above, below) || level >= MAX_LEVELS) {
    report(address, "the index leads to what is no free chunk in its place");
    return;
  }
  const left = words[node + Chunk.LEFT] >>> WORD_SHIFT;
  const right = words[node + Chunk.RIGHT] >>> WORD_SHIFT;
  checkSubtree(words, left, { above, below: node, level: level + 1 }, indexed, report);
  indexed.push(node);
  checkSubtree(words, right, { above: node, below, level: level + 1 }, indexed, report);
  for (const problem of nodeProblems(words, node, left, right)) report(address, problem);
}

function nodeProblems(words: Words, node: number, left: number, right: number): string[] {
  const problems: string[] = [];
  const height = heightOf(words, node);
  const [leftHeight, rightHeight] = [heightOf(words, left), heightOf(words, right)];
  if (Math.abs(leftHeight - rightHeight) > 1) problems.push("the index is out of balance");
  if (height !== Math.max(leftHeight, rightHeight) + 1) problems.push("a height in the index is wrong");
  const largest = Math.max(words[node + Chunk.SIZE], maxOf(words, left), maxOf(words, right));
  if (maxOf(words, node) !== largest) problems.push("a maximum in the index is wrong");
  const isSealed = words[node + Chunk.STATE] === stateOf(words, node, height);
  return isSealed || problems.length > 0 ? problems : ["a checksum in the index is wrong"];
}
