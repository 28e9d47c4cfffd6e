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
  /** Pages of the earlier dump, by what stayed and what went; and of the later one, by what stayed and what came. */
  readonly beforeLayer: MapLayer;
  readonly afterLayer: MapLayer;
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
    if (kind === RunKind.LARGE_BLOCK) add(frame * PAGE_SIZE, "pages", groupOf(model, frame).pageCount * PAGE_SIZE);
  }
  return blocks;
}

/** What a page has: bits of its value. */
const STAYED = 1;
const CHANGED = 2;

/** Pages of a dump by what its live blocks do. */
class ChangeMap {
  readonly #values: Uint8Array;

  constructor(pageCount: number) {
    this.#values = new Uint8Array(pageCount);
  }

  mark(address: number, bytes: number, bit: number): void {
    const end = Math.min(this.#values.length, Math.ceil((address + bytes) / PAGE_SIZE));
    for (let frame = Math.floor(address / PAGE_SIZE); frame < end; frame++) this.#values[frame]! |= bit;
  }

  layer(change: string): MapLayer {
    const labels = ["Nothing live", "Stayed", change, `Some ${change.toLowerCase()}`];
    const counts = labels.map(() => 0);
    for (const value of this.#values) counts[value]! += 1;
    const legend = labels.map((label, value) => ({ value, label, pages: counts[value]! }));
    return { mode: "state", scale: "changes", values: this.#values, legend };
  }
}

/** Compares the live blocks of two dumps by their addresses. O(blocks). */
export function compareDumps(before: DumpModel, after: DumpModel): Comparison {
  const [old, now] = [liveBlocksOf(before), liveBlocksOf(after)];
  const caches = new Map<string, { before: number; after: number; came: number; went: number }>();
  const of = (cache: string): { before: number; after: number; came: number; went: number } => {
    const known = caches.get(cache) ?? { before: 0, after: 0, came: 0, went: 0 };
    caches.set(cache, known);
    return known;
  };
  const [beforeMap, afterMap] = [new ChangeMap(before.kinds.length), new ChangeMap(after.kinds.length)];
  const sums = { cameBlocks: 0, wentBlocks: 0, cameBytes: 0, wentBytes: 0 };
  for (const [address, [cache, bytes]] of now) {
    const hasStayed = isSame(old.get(address), cache, bytes);
    of(cache).after += 1;
    afterMap.mark(address, bytes, hasStayed ? STAYED : CHANGED);
    if (hasStayed) continue;
    of(cache).came += 1;
    sums.cameBlocks += 1;
    sums.cameBytes += bytes;
  }
  for (const [address, [cache, bytes]] of old) {
    const hasStayed = isSame(now.get(address), cache, bytes);
    of(cache).before += 1;
    beforeMap.mark(address, bytes, hasStayed ? STAYED : CHANGED);
    if (hasStayed) continue;
    of(cache).went += 1;
    sums.wentBlocks += 1;
    sums.wentBytes += bytes;
  }
  const rows = [...caches].map(([name, row]) => ({ name, ...row }));
  rows.sort((one, other) => other.came + other.went - one.came - one.went || (one.name < other.name ? -1 : 1));
  return { caches: rows, ...sums, beforeLayer: beforeMap.layer("Went"), afterLayer: afterMap.layer("Came") };
}

function isSame(one: readonly [string, number] | undefined, cache: string, bytes: number): boolean {
  return one !== undefined && one[0] === cache && one[1] === bytes;
}
