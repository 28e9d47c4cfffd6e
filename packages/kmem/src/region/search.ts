import { WORD_SHIFT } from "../memory/layout.ts";
import { heightOf, type Words } from "./free-index.ts";
import { BLOCK_WORDS, Chunk, RegionHeader } from "./layout.ts";
import { firstWord, isFreeChunk, isNode, isSound, isSoundOrNone, limitWord } from "./node.ts";

const SIZE = Chunk.SIZE;
const LEFT = Chunk.LEFT;
const RIGHT = Chunk.RIGHT;
const MAX = Chunk.MAX;

/** The root of the index, 0 where no chunk is free. */
function rootOf(words: Words, header: number): number {
  return words[header + RegionHeader.ROOT] >>> WORD_SHIFT;
}

/** 0, or minus the header, where it leads to no free chunk, or minus the root, where its words cannot be right. */
function rootFault(words: Words, header: number, root: number): number {
  const above = firstWord(words, header) - 1;
  const below = limitWord(words, header);
  if (!isFreeChunk(words, root, above, below)) return -header;
  return isNode(words, root, above, below) && isSound(words, header, root, above, below) ? 0 : -root;
}

/**
 * The first chunk in address order that has at least `blocks` blocks; 0 when none has. Each node on the way is verified
 * before anything is decided by it, and each step narrows the addresses left, so that it ends on any bytes: a negative
 * result is minus the node (or header) whose words cannot be right. Reads only. O(log n), two nodes looked at for each
 * level.
 */
export function findFirst(words: Words, header: number, blocks: number): number {
  const root = rootOf(words, header);
  if (root === 0) return 0;
  const fault = rootFault(words, header, root);
  if (fault !== 0) return fault;
  return words[root + MAX] < blocks ? 0 : descend(words, header, root, blocks);
}

/** The first of the largest chunks of the whole region, if it has at least `blocks` blocks. As {@link findFirst}. */
export function findLargest(words: Words, header: number, blocks: number): number {
  const root = rootOf(words, header);
  if (root === 0) return 0;
  const fault = rootFault(words, header, root);
  if (fault !== 0) return fault;
  const largest = words[root + MAX];
  return largest < blocks ? 0 : descend(words, header, root, largest);
}

/** The first chunk of at least `blocks` blocks, which the root, a sound node, knows of. */
function descend(words: Words, header: number, root: number, blocks: number): number {
  let above = firstWord(words, header) - 1;
  let below = limitWord(words, header);
  let node = root;
  for (;;) {
    const left = words[node + LEFT] >>> WORD_SHIFT;
    if (left !== 0 && words[left + MAX] >= blocks) {
      below = node;
      node = left;
    } else if (words[node + SIZE] >= blocks) {
      return node;
    } else {
      // Neither the left side nor the node holds the maximum, so the right side does: the node is sound.
      above = node;
      node = words[node + RIGHT] >>> WORD_SHIFT;
    }
    if (!isSound(words, header, node, above, below)) return -node;
  }
}

/**
 * Whether the index is whole around an address that no free chunk holds: every node on the way down is verified, and
 * the free chunks next to the address are `previous` and `next` where these are not 0. Returns 0, or the node (or
 * header) at which it is not so. Reads only. O(log n).
 */
export function indexFault(words: Words, header: number, at: number, previous: number, next: number): number {
  let above = firstWord(words, header) - 1;
  let below = limitWord(words, header);
  let before = 0;
  let behind = 0;
  let parent = header;
  let node = rootOf(words, header);
  const fault = node === 0 ? 0 : rootFault(words, header, node);
  if (fault !== 0) return -fault;
  while (node !== 0) {
    if (!isSound(words, header, node, above, below)) return node;
    parent = node;
    if (at < node) {
      behind = below = node;
      node = words[node + LEFT] >>> WORD_SHIFT;
    } else {
      before = above = node;
      node = words[node + RIGHT] >>> WORD_SHIFT;
    }
  }
  if (before !== 0 && before + words[before + SIZE] * BLOCK_WORDS > at) return before;
  if (previous !== 0 && before !== previous) return parent;
  return next !== 0 && behind !== next ? parent : 0;
}

/**
 * Whether a chunk can be taken out of the index. The way down to it has been verified by a search. What is looked at
 * besides: the way on to the chunk that takes its place, and at each node on the way a child off it that is the higher
 * one, with its children, since these are turned where the tree gets out of balance. Returns 0, or a damaged node.
 * Reads only. O(log n).
 */
export function removalFault(words: Words, header: number, chunk: number): number {
  let above = firstWord(words, header) - 1;
  let below = limitWord(words, header);
  let node = rootOf(words, header);
  const hasTwo = words[chunk + LEFT] !== 0 && words[chunk + RIGHT] !== 0;
  let isPast = false;
  for (;;) {
    if (isPast && !isSound(words, header, node, above, below)) return node;
    const left = words[node + LEFT] >>> WORD_SHIFT;
    const right = words[node + RIGHT] >>> WORD_SHIFT;
    // The chunk itself, or the lowest one after it, which takes its place.
    if (node === chunk ? !hasTwo : isPast && left === 0) return 0;
    const goesLeft = isPast || chunk < node;
    const slope = heightOf(words, left) - heightOf(words, right);
    let fault = 0;
    if (goesLeft && slope < 0) fault = turnFault(words, header, right, node, below);
    if (!goesLeft && slope > 0) fault = turnFault(words, header, left, above, node);
    if (fault !== 0) return fault;
    if (node === chunk) isPast = true;
    if (goesLeft) below = node;
    else above = node;
    node = goesLeft ? left : right;
  }
}

/** A node that is not sound, of this one and its children; 0 for none. */
function turnFault(words: Words, header: number, node: number, above: number, below: number): number {
  if (!isSound(words, header, node, above, below)) return node;
  const left = words[node + LEFT] >>> WORD_SHIFT;
  const right = words[node + RIGHT] >>> WORD_SHIFT;
  if (!isSoundOrNone(words, header, left, above, node)) return left;
  return isSoundOrNone(words, header, right, node, below) ? 0 : right;
}
