import { GRANULE, PAGE_SIZE } from "kmem";
import { isCached, isLive, Tag } from "kmem/layout";
import type { DumpModel } from "./dump-model.ts";
import { tagAddress } from "./heap-tables.ts";
import { groupOf, type Slab, slabOf } from "./runs.ts";

/** What a block is by its tag. */
export type BlockState = "live" | "sheaf" | "barn" | "slab" | "damaged";

/** A block, live or free. */
export interface Block {
  readonly address: number;
  readonly bytes: number;
  readonly state: BlockState;
  /** The slot that handed it out, or in whose sheaf it lies. */
  readonly slot: number | undefined;
  /** Name of the cache; "pages" for a block that is a run of pages. */
  readonly cache: string;
}

/** What a block is by its tag, and the slot that the tag names. */
function stateOfTag(tag: number): Pick<Block, "state" | "slot"> {
  if (isLive(tag)) return { state: "live", slot: tag - 1 };
  if (isCached(tag)) return { state: "sheaf", slot: tag - Tag.FIRST_CACHED };
  if (tag === Tag.IN_BARN) return { state: "barn", slot: undefined };
  return { state: tag === Tag.IN_SLAB ? "slab" : "damaged", slot: undefined };
}

/** All blocks of a slab. O(blocks). */
export function blocksOfSlab(model: DumpModel, slab: Slab): Block[] {
  const { blockBytes, slabBlocks, name } = slab.cache;
  const first = tagAddress(model.tables!, slab.firstFrame * PAGE_SIZE);
  const tags = model.memory.read(first, (slab.pageCount * PAGE_SIZE) / GRANULE);
  return Array.from({ length: slabBlocks }, (_, index) => {
    const address = slab.firstBlock + index * blockBytes;
    const tag = tags[(address - slab.firstFrame * PAGE_SIZE) / GRANULE] ?? Tag.NONE;
    return { address, bytes: blockBytes, cache: name, ...stateOfTag(tag) };
  });
}

/** The block around an address; undefined where there is none. O(1), or the pages of a large block. */
export function blockAt(model: DumpModel, address: number): Block | undefined {
  if (!model.isManaged(address)) return undefined;
  const frame = Math.floor(address / PAGE_SIZE);
  const state = model.stateOf(frame);
  if (state === "slab") {
    const slab = slabOf(model, frame);
    return slab === undefined ? undefined : blockInSlab(model, slab, address);
  }
  if (state !== "block") return undefined;
  const { firstFrame, pageCount } = groupOf(model, frame);
  const start = firstFrame * PAGE_SIZE;
  const tag = model.memory.u8(tagAddress(model.tables!, start));
  return { address: start, bytes: pageCount * PAGE_SIZE, cache: "pages", ...stateOfTag(tag) };
}

function blockInSlab(model: DumpModel, slab: Slab, address: number): Block | undefined {
  const { blockBytes, slabBlocks, name } = slab.cache;
  const index = Math.floor((address - slab.firstBlock) / blockBytes);
  if (index < 0 || index >= slabBlocks) return undefined;
  const start = slab.firstBlock + index * blockBytes;
  const tag = model.memory.u8(tagAddress(model.tables!, start));
  return { address: start, bytes: blockBytes, cache: name, ...stateOfTag(tag) };
}

/** The state of each granule of a page that is painted: see {@link GRANULE_STATES}. */
const GRANULE_STATES = ["none", "live", "sheaf", "barn", "slab", "damaged"] as const;

/** Granules of a page. */
export const PAGE_GRANULES: number = PAGE_SIZE / GRANULE;

/**
 * Writes a state for each granule of a page into `target`: the place in {@link GRANULE_STATES}, and for the first
 * granule of a block that and 16. Pages that are in no slab are left as they are.
 */
export function paintGranules(model: DumpModel, frame: number, target: Uint8Array): void {
  const slab = slabOf(model, frame);
  if (slab === undefined) return;
  const { blockBytes, slabBlocks } = slab.cache;
  const pageStart = frame * PAGE_SIZE;
  const first = Math.max(0, Math.floor((pageStart - slab.firstBlock) / blockBytes));
  const last = Math.min(slabBlocks - 1, Math.floor((pageStart + PAGE_SIZE - 1 - slab.firstBlock) / blockBytes));
  for (let index = first; index <= last; index++) {
    const start = slab.firstBlock + index * blockBytes;
    const { state } = stateOfTag(model.memory.u8(tagAddress(model.tables!, start)));
    const value = GRANULE_STATES.indexOf(state);
    const from = (start - pageStart) / GRANULE;
    target.fill(value, Math.max(0, from), Math.min(PAGE_GRANULES, from + blockBytes / GRANULE));
    if (from >= 0) target[from] = value + 16;
  }
}
