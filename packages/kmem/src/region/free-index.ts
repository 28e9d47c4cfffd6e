import { WORD_SHIFT } from "../memory/layout.ts";
import { CHECKSUM_MASK, Chunk, ChunkState, HEIGHT_MASK, HEIGHT_SHIFT } from "./layout.ts";

/**
 * The index of the free chunks: an AVL tree in address order, each node with the largest SIZE in its subtree, its own
 * included.
 * A node is the word index of a chunk, 0 for no node. The functions take the root of a subtree and return its new root;
 * they recurse as deep as the tree is high, at most 1.45 × log2(chunks). Links are verified by their callers.
 */
const STATE = Chunk.STATE;
const SIZE = Chunk.SIZE;
const LEFT = Chunk.LEFT;
const RIGHT = Chunk.RIGHT;
const MAX = Chunk.MAX;
const FREE = ChunkState.FREE;
/** Odd multipliers without a pattern, of MurmurHash3: what goes in changes the upper bits of the product. */
const SPREAD_RIGHT = 0xcc9e2d51;
const SPREAD_LINKS = 0x1b873593;
const SPREAD_ALL = 0x85ebca6b;
/** Where the height is added to what the checksum is made of. */
const HEIGHT_POSITION = 24;

/** The words of a memory. */
export type Words = Int32Array<ArrayBufferLike>;

/** The subtree that a link leads to. */
function child(words: Words, node: number, side: number): number {
  return words[node + side] >>> WORD_SHIFT;
}

function setChild(words: Words, node: number, side: number, subtree: number): void {
  words[node + side] = subtree << WORD_SHIFT;
}

/** Levels in a subtree: 0 for none, 1 for a leaf. */
export function heightOf(words: Words, node: number): number {
  return node === 0 ? 0 : (words[node + STATE] >>> HEIGHT_SHIFT) & HEIGHT_MASK;
}

/** The STATE of a node with its links and its maximum as they stand. */
export function stateOf(words: Words, node: number, height: number): number {
  const links = words[node + LEFT] ^ Math.imul(words[node + RIGHT], SPREAD_RIGHT);
  const place = words[node + MAX] ^ (height << HEIGHT_POSITION) ^ node;
  const sum = Math.imul(Math.imul(links, SPREAD_LINKS) ^ place, SPREAD_ALL);
  return FREE | (height << HEIGHT_SHIFT) | (sum & CHECKSUM_MASK);
}

/** The largest size in a subtree, 0 for none. */
export function maxOf(words: Words, node: number): number {
  return node === 0 ? 0 : words[node + MAX];
}

function refreshMax(words: Words, node: number): void {
  const below = Math.max(maxOf(words, child(words, node, LEFT)), maxOf(words, child(words, node, RIGHT)));
  words[node + MAX] = Math.max(words[node + SIZE], below);
}

/**
 * Makes a node's maximum right after a chunk in its subtree, of `from` blocks, has got `to` blocks; 0 for no chunk. The
 * side that has not changed is read only where the largest chunk may now be there.
 */
function adjustMax(words: Words, node: number, from: number, to: number): void {
  const largest = words[node + MAX];
  if (to >= largest) words[node + MAX] = to;
  else if (from === largest) refreshMax(words, node);
}

function refresh(words: Words, node: number): void {
  const left = heightOf(words, child(words, node, LEFT));
  const right = heightOf(words, child(words, node, RIGHT));
  refreshMax(words, node);
  words[node + STATE] = stateOf(words, node, Math.max(left, right) + 1);
}

/** Raises the child on one side above its parent; `other` is the opposite side. */
function rotate(words: Words, node: number, side: number, other: number): number {
  const raised = child(words, node, side);
  words[node + side] = words[raised + other];
  setChild(words, raised, other, node);
  refresh(words, node);
  refresh(words, raised);
  return raised;
}

/** Repairs one side that has grown two levels higher than the other. */
function lower(words: Words, node: number, side: number, other: number): number {
  const high = child(words, node, side);
  if (heightOf(words, child(words, high, other)) > heightOf(words, child(words, high, side))) {
    setChild(words, node, side, rotate(words, high, other, side));
  }
  return rotate(words, node, side, other);
}

/** Makes height, balance and checksum of a node right, whose links and maximum are. */
function rebalance(words: Words, node: number): number {
  const left = heightOf(words, child(words, node, LEFT));
  const right = heightOf(words, child(words, node, RIGHT));
  if (left > right + 1) return lower(words, node, LEFT, RIGHT);
  if (right > left + 1) return lower(words, node, RIGHT, LEFT);
  words[node + STATE] = stateOf(words, node, Math.max(left, right) + 1);
  return node;
}

/** Adds a free chunk, whose SIZE stands already. */
export function insert(words: Words, node: number, chunk: number): number {
  if (node === 0) {
    words[chunk + LEFT] = 0;
    words[chunk + RIGHT] = 0;
    words[chunk + MAX] = words[chunk + SIZE];
    words[chunk + STATE] = stateOf(words, chunk, 1);
    return chunk;
  }
  const side = chunk < node ? LEFT : RIGHT;
  setChild(words, node, side, insert(words, child(words, node, side), chunk));
  adjustMax(words, node, 0, words[chunk + SIZE]);
  return rebalance(words, node);
}

function removeLowest(words: Words, node: number, blocks: number): number {
  const left = child(words, node, LEFT);
  if (left === 0) return child(words, node, RIGHT);
  setChild(words, node, LEFT, removeLowest(words, left, blocks));
  adjustMax(words, node, blocks, 0);
  return rebalance(words, node);
}

/** Takes a chunk out that is in the subtree. */
export function remove(words: Words, node: number, chunk: number): number {
  if (node !== chunk) {
    const side = chunk < node ? LEFT : RIGHT;
    setChild(words, node, side, remove(words, child(words, node, side), chunk));
    adjustMax(words, node, words[chunk + SIZE], 0);
    return rebalance(words, node);
  }
  const left = child(words, node, LEFT);
  const right = child(words, node, RIGHT);
  if (left === 0) return right;
  if (right === 0) return left;
  let lowest = right;
  for (let next = child(words, lowest, LEFT); next !== 0; next = child(words, lowest, LEFT)) lowest = next;
  const above = removeLowest(words, right, words[lowest + SIZE]);
  setChild(words, lowest, LEFT, left);
  setChild(words, lowest, RIGHT, above);
  refreshMax(words, lowest);
  return rebalance(words, lowest);
}

/**
 * Puts `successor` in the place of `chunk`, which must be in the subtree and had `blocks` blocks: the same chunk with
 * another SIZE, or one that starts elsewhere between the same neighbours.
 */
export function replace(words: Words, node: number, chunk: number, successor: number, blocks: number): number {
  const isThere = node === chunk;
  const height = heightOf(words, node);
  if (isThere) {
    words[successor + LEFT] = words[node + LEFT];
    words[successor + RIGHT] = words[node + RIGHT];
    words[successor + MAX] = words[node + MAX];
  } else {
    const side = chunk < node ? LEFT : RIGHT;
    setChild(words, node, side, replace(words, child(words, node, side), chunk, successor, blocks));
  }
  const top = isThere ? successor : node;
  adjustMax(words, top, blocks, words[successor + SIZE]);
  words[top + STATE] = stateOf(words, top, height);
  return top;
}
