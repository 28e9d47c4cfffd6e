import { WORD_SHIFT } from "../memory/layout.ts";
import { heightOf, maxOf, stateOf, type Words } from "./free-index.ts";
import {
  BLOCK_MASK,
  BLOCK_WORDS,
  CHUNK_CANARY,
  Chunk,
  ChunkState,
  MIN_CHUNK_BLOCKS,
  RegionHeader,
  STATE_MASK,
} from "./layout.ts";

const CANARY_VALUE = CHUNK_CANARY;
const CANARY = Chunk.CANARY;
const STATE = Chunk.STATE;
const SIZE = Chunk.SIZE;
const NEXT = Chunk.NEXT;
const LEFT = Chunk.LEFT;
const RIGHT = Chunk.RIGHT;
const MAX = Chunk.MAX;
const FREE = ChunkState.FREE;
const MIN_BLOCKS = MIN_CHUNK_BLOCKS;
const WORD_MASK = BLOCK_WORDS - 1;

/** The bounds of a region's chunks, as word indexes: its first chunk, and one past its last. */
export function firstWord(words: Words, header: number): number {
  return words[header + RegionHeader.START] >>> WORD_SHIFT;
}

export function limitWord(words: Words, header: number): number {
  const start = words[header + RegionHeader.START];
  const usableBytes = (words[header + RegionHeader.END] - start + 1) & ~BLOCK_MASK;
  return (start >>> WORD_SHIFT) + (usableBytes >>> WORD_SHIFT);
}

/** Whether a link of the index between these two bounds leads to a free chunk. Reads only; any value is allowed. */
export function isFreeChunk(words: Words, chunk: number, above: number, below: number): boolean {
  return (
    chunk > above &&
    chunk < below &&
    (chunk & WORD_MASK) === 0 &&
    words[chunk + CANARY] === CANARY_VALUE &&
    (words[chunk + STATE] & STATE_MASK) === FREE
  );
}

/** Whether a link leads to a node: a free chunk whose links, maximum and height agree with its checksum. */
export function isNode(words: Words, node: number, above: number, below: number): boolean {
  return isFreeChunk(words, node, above, below) && words[node + STATE] === stateOf(words, node, heightOf(words, node));
}

/**
 * Whether what a node says agrees with what its children and the next chunk are: its links lead to nodes, and height,
 * maximum and size are what they have to be. The node is one by {@link isNode}. So a word that is overwritten is found
 * before anything is decided or stored by it; and since heights that agree fall on the way down, no way through sound
 * nodes is endless. Reads only. O(1).
 */
export function isSound(words: Words, header: number, node: number, above: number, below: number): boolean {
  const blocks = words[node + SIZE];
  const end = node + blocks * BLOCK_WORDS;
  if (blocks < MIN_BLOCKS || end > below) return false;
  const left = words[node + LEFT] >>> WORD_SHIFT;
  const right = words[node + RIGHT] >>> WORD_SHIFT;
  if (left !== 0 && !isNode(words, left, above, node)) return false;
  if (right !== 0 && !isNode(words, right, node, below)) return false;
  if (words[node + MAX] !== Math.max(blocks, maxOf(words, left), maxOf(words, right))) return false;
  const leftHeight = heightOf(words, left);
  const rightHeight = heightOf(words, right);
  const slope = leftHeight - rightHeight;
  if (slope < -1 || slope > 1 || heightOf(words, node) !== 1 + (slope > 0 ? leftHeight : rightHeight)) return false;
  const next = words[node + NEXT] >>> WORD_SHIFT;
  return next === end || (end === limitWord(words, header) && next === firstWord(words, header));
}

/** As {@link isSound}, and true for no node at all. */
export function isSoundOrNone(words: Words, header: number, node: number, above: number, below: number): boolean {
  return node === 0 || isSound(words, header, node, above, below);
}
