import { PAGE_SIZE } from "kmem";
import { RunKind } from "kmem/layout";
import { blocksOfSlab } from "./blocks.ts";
import type { DumpModel } from "./dump-model.ts";
import type { MapLayer } from "./frame-modes.ts";
import { groupOf, slabsOf } from "./runs.ts";

/** What became of one cache's blocks from one dump to another. */
export interface CacheChange {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  readonly came: number;
  readonly went: number;
}

/** What came and what went between two dumps. */
export interface Comparison {
  readonly caches: readonly CacheChange[];
  readonly cameBlocks: number;
  readonly wentBlocks: number;
  readonly cameBytes: number;
  readonly wentBytes: number;
  /** Pages of the later dump: what changed in each. */
  readonly layer: MapLayer;
}

/** Live blocks by address: the cache, and the bytes. */
type LiveBlocks = Map<number, readonly [cache: string, bytes: number]>;

/** More would fill a browser's memory. */
const BLOCKS_MAX = 8_000_000;

function liveBlocksOf(model: DumpModel): LiveBlocks {
  const blocks: LiveBlocks = new Map();
  const add = (address: number, cache: string, bytes: number): void => {
    if (blocks.size === BLOCKS_MAX) throw new Error(`there are more than ${BLOCKS_MAX} live blocks to compare`);
    blocks.set(address, [cache, bytes]);
  };
  for (const slab of slabsOf(model)) {
    for (const { state, address, bytes, cache } of blocksOfSlab(model, slab)) {
      if (state === "live") add(address, cache, bytes);
    }
  }
  for (const [frame, kind] of model.kinds.entries()) {
    if (kind === RunKind.BLOCK) add(frame * PAGE_SIZE, "pages", groupOf(model, frame).pageCount * PAGE_SIZE);
  }
  return blocks;
}

const CHANGES = ["The same", "Came", "Went", "Came and went"] as const;

/** Compares the live blocks of two dumps by their addresses. O(blocks). */
export function compareDumps(before: DumpModel, after: DumpModel): Comparison {
  const [old, now] = [liveBlocksOf(before), liveBlocksOf(after)];
  const caches = new Map<string, { before: number; after: number; came: number; went: number }>();
  const of = (cache: string): { before: number; after: number; came: number; went: number } => {
    const known = caches.get(cache) ?? { before: 0, after: 0, came: 0, went: 0 };
    caches.set(cache, known);
    return known;
  };
  const values = new Uint8Array(after.kinds.length);
  const sums = { cameBlocks: 0, wentBlocks: 0, cameBytes: 0, wentBytes: 0 };
  const mark = (address: number, bit: number): void => {
    const frame = Math.floor(address / PAGE_SIZE);
    if (frame < values.length) values[frame]! |= bit;
  };
  for (const [address, [cache, bytes]] of now) {
    of(cache).after += 1;
    if (isSame(old.get(address), cache, bytes)) continue;
    of(cache).came += 1;
    sums.cameBlocks += 1;
    sums.cameBytes += bytes;
    mark(address, 1);
  }
  for (const [address, [cache, bytes]] of old) {
    of(cache).before += 1;
    if (isSame(now.get(address), cache, bytes)) continue;
    of(cache).went += 1;
    sums.wentBlocks += 1;
    sums.wentBytes += bytes;
    mark(address, 2);
  }
  const counts = CHANGES.map(() => 0);
  for (const value of values) counts[value]! += 1;
  const legend = CHANGES.map((label, value) => ({ value, label, pages: counts[value]! }));
  const rows = [...caches].map(([name, row]) => ({ name, ...row }));
  rows.sort((one, other) => other.came + other.went - one.came - one.went || (one.name < other.name ? -1 : 1));
  return { caches: rows, ...sums, layer: { mode: "state", scale: "categories", values, legend } };
}

function isSame(one: readonly [string, number] | undefined, cache: string, bytes: number): boolean {
  return one !== undefined && one[0] === cache && one[1] === bytes;
}
