import { WORD_SHIFT } from "../memory/layout.ts";
import type { Words } from "./free-index.ts";
import { BLOCK_MASK, BLOCK_WORDS, CHUNK_CANARY, Chunk, ChunkState, RegionHeader, STATE_MASK } from "./layout.ts";

const CANARY_VALUE = CHUNK_CANARY;
const CANARY = Chunk.CANARY;
const STATE = Chunk.STATE;
const SIZE = Chunk.SIZE;
const LEFT = Chunk.LEFT;
const RIGHT = Chunk.RIGHT;
const MAX = Chunk.MAX;
const FREE = ChunkState.FREE;
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
export function isNode(words: Words, node: number, above: number, below: number): boolean {
  return (
    node > above &&
    node < below &&
    (node & WORD_MASK) === 0 &&
    words[node + CANARY] === CANARY_VALUE &&
    (words[node + STATE] & STATE_MASK) === FREE
  );
}

/**
 * The first chunk in address order that has at least `blocks` blocks; 0 when none has. Each node is verified before it
 * is followed, and each step narrows the addresses left, so that it ends on any bytes: a negative result is minus the
 * node (or header) whose words cannot be right. Reads only. O(log n), two nodes looked at for each level.
 */
export function findFirst(words: Words, header: number, blocks: number): number {
  let above = firstWord(words, header) - 1;
  let below = limitWord(words, header);
  let node = words[header + RegionHeader.ROOT] >>> WORD_SHIFT;
  if (node === 0) return 0;
  if (!isNode(words, node, above, below)) return -header;
  if (words[node + MAX] < blocks) return 0;
  for (;;) {
    const left = words[node + LEFT] >>> WORD_SHIFT;
    if (left !== 0) {
      if (!isNode(words, left, above, node)) return -node;
      if (words[left + MAX] >= blocks) {
        below = node;
        node = left;
        continue;
      }
    }
    if (words[node + SIZE] >= blocks) return node;
    const right = words[node + RIGHT] >>> WORD_SHIFT;
    if (!isNode(words, right, node, below) || words[right + MAX] < blocks) return -node;
    above = node;
    node = right;
  }
}

/** The first of the largest chunks of the whole region, if it has at least `blocks` blocks. As {@link findFirst}. */
export function findLargest(words: Words, header: number, blocks: number): number {
  const root = words[header + RegionHeader.ROOT] >>> WORD_SHIFT;
  if (root === 0) return 0;
  if (!isNode(words, root, firstWord(words, header) - 1, limitWord(words, header))) return -header;
  const largest = words[root + MAX];
  return largest < blocks ? 0 : findFirst(words, header, largest);
}

/**
 * Whether the index is whole around an address that no free chunk holds: every node on the way down and its children
 * are verified, and the free chunks next to the address are `previous` and `next` where these are not 0. Returns 0, or
 * the node (or header) at which it is not so. Reads only. O(log n).
 */
export function indexFault(words: Words, header: number, at: number, previous: number, next: number): number {
  let above = firstWord(words, header) - 1;
  let below = limitWord(words, header);
  let before = 0;
  let behind = 0;
  let parent = header;
  let node = words[header + RegionHeader.ROOT] >>> WORD_SHIFT;
  if (node !== 0 && !isNode(words, node, above, below)) return header;
  while (node !== 0) {
    const left = words[node + LEFT] >>> WORD_SHIFT;
    const right = words[node + RIGHT] >>> WORD_SHIFT;
    if (left !== 0 && !isNode(words, left, above, node)) return node;
    if (right !== 0 && !isNode(words, right, node, below)) return node;
    parent = node;
    if (at < node) {
      behind = below = node;
      node = left;
    } else {
      before = above = node;
      node = right;
    }
  }
  if (before !== 0 && before + words[before + SIZE] * BLOCK_WORDS > at) return before;
  if (previous !== 0 && before !== previous) return parent;
  return next !== 0 && behind !== next ? parent : 0;
}
