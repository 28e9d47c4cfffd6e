import { WORD_BYTES, WORD_SHIFT } from "../../memory/layout.ts";
import type { CallStacks } from "../program/call-stacks.ts";
import type { Stretch } from "../program/pages.ts";
import type { CheckedBlock } from "./checked-blocks.ts";

/** Blocks of a program that is checked which were allocated in one place. */
export interface MemcheckSite {
  /** Who allocated them: calls as bytes of the original module, the innermost first. */
  readonly stack: readonly number[];
  /** Bytes that were asked for, of all of them. */
  readonly bytes: number;
  /** Their addresses. */
  readonly addresses: readonly number[];
}

/** What a program that is checked has not freed, by who allocated it, those with the most bytes first. */
export interface MemcheckLeaks {
  /** Nothing leads to these any more. */
  readonly lost: readonly MemcheckSite[];
  /** The program still has pointers to these, or to what leads to them. */
  readonly reachable: readonly MemcheckSite[];
}

/** What leaks are looked for in. */
export interface LeakInput {
  /** All live blocks, by their addresses. */
  readonly blocks: readonly CheckedBlock[];
  /** Where pointers may stand besides. */
  readonly stretches: readonly Stretch[];
  /** Addresses of blocks that are in use, and are neither lost nor told. */
  readonly pointers: readonly number[];
  readonly buffer: ArrayBufferLike;
  readonly stacks: CallStacks;
}

/** O(bytes × log blocks). */
export function leaksOf({ blocks, stretches, pointers, buffer, stacks }: LeakInput): MemcheckLeaks {
  const words = new Uint32Array(buffer, 0, buffer.byteLength >>> WORD_SHIFT);
  const reached = new Uint8Array(blocks.length);
  const waiting: Stretch[] = [...stretches];
  const reach = (value: number): void => {
    const index = indexOf(blocks, value);
    const block = blocks[index];
    if (block === undefined || value > block.address + block.sizeBytes || reached[index] === 1) return;
    reached[index] = 1;
    waiting.push({ address: block.address, bytes: block.sizeBytes });
  };
  for (const pointer of pointers) reach(pointer);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const end = Math.min(words.length, Math.floor((next.address + next.bytes) / WORD_BYTES));
    for (let word = Math.ceil(next.address / WORD_BYTES); word < end; word++)
      if (words[word] !== 0) reach(words[word]!);
  }
  const known = new Set(pointers);
  const told = [...blocks.entries()].filter(([, { address }]) => !known.has(address));
  const sites = (isReached: number): MemcheckSite[] => {
    return sitesOf(
      told.filter(([index]) => reached[index] === isReached).map(([, block]) => block),
      stacks,
    );
  };
  return { lost: sites(0), reachable: sites(1) };
}

/** The last block that begins at an address or before it. */
function indexOf(blocks: readonly CheckedBlock[], address: number): number {
  let [low, high] = [0, blocks.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (blocks[middle]!.address <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function sitesOf(blocks: readonly CheckedBlock[], stacks: CallStacks): MemcheckSite[] {
  const byStack = new Map<number, CheckedBlock[]>();
  for (const block of blocks) {
    const there = byStack.get(block.allocatedBy);
    if (there === undefined) byStack.set(block.allocatedBy, [block]);
    else there.push(block);
  }
  const sites = [...byStack].map(([stack, there]) => ({
    stack: stacks.sitesOf(stack),
    bytes: there.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    addresses: there.map(({ address }) => address),
  }));
  return sites.sort((one, other) => other.bytes - one.bytes);
}
