import { giveBack } from "../kmalloc/block-run.ts";
import { type BlockInfo, runBlock } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { Released } from "../kmalloc/reap-report.ts";
import { PAGE_SHIFT } from "../memory/layout.ts";
import { FrameKind } from "../pages/layout.ts";
import { assignBlock } from "../slab/ownership.ts";
import { tagIndex } from "../slab/tags.ts";
import { DebugBlocks } from "./debug-blocks.ts";
import { guardedObjects } from "./guarded.ts";
import { BlockState, RED_LEFT_BYTES, RecordWord } from "./layout.ts";
import { isPlausible, type Located } from "./located.ts";
import { hasRecord, saidState } from "./record.ts";

/** What becomes of a block when a thread has died: it is an object still, or it goes back. */
type Outcome = "stays" | "goes";

/**
 * Ends what a dead thread was at in debugged blocks, and gives back those of its own that are no objects: what lay in
 * its quarantine, was on its way there or out of it, or was not made an object yet. What it had allocated and another
 * thread frees is that one's. Returns how many went back. O(blocks).
 */
export function releaseRemains(layers: Layers, blocks: DebugBlocks, taken: Iterable<Located>, slot: number): number {
  const going = [...taken].filter((located) => finish(layers, blocks, located, slot) === "goes");
  for (const { block } of going) giveBack(layers, block.address);
  return going.length;
}

/**
 * The same for the guarded objects of a sampled heap, whose places lose their records; with `isFreeing` the live ones
 * of the dead go too.
 */
export function releaseGuarded(
  layers: Layers,
  blocks: DebugBlocks,
  { slot, isFreeing }: { readonly slot: number; readonly isFreeing: boolean },
): Released {
  let returnedBlocks = 0;
  const freed: BlockInfo[] = [];
  for (const located of [...guardedObjects(layers, blocks)]) {
    const isLive = finish(layers, blocks, located, slot) === "stays";
    if (isLive && !(isFreeing && isLiveOf(layers, located, slot))) continue;
    if (isLive) freed.push(describeRemains(blocks, located, runBlock(layers, located.block.address >>> PAGE_SHIFT)));
    else returnedBlocks++;
    blocks.erase(located);
    giveBack(layers, located.block.address);
  }
  return { returnedBlocks, freed };
}

function finish(layers: Layers, blocks: DebugBlocks, located: Located, slot: number): Outcome {
  const { words } = layers.memory;
  const { word } = located;
  const { state, changer } = saidState(words, word);
  const isOwn = ownerOf(layers, located) === slot;
  if (state === "RESIZING" && changer === slot) blocks.settleLive(located);
  if (state === "RELEASING") return finishReleasing(layers, blocks, located, { slot, changer, isOwn });
  if (!isOwn || state === "LIVE" || state === "RESIZING") return "stays";
  // A run of pages has a record only once it is an object. Else nobody knows what a block was whose record says nothing
  // that there is: it may be in use.
  if (state === undefined) return isInSlab(layers, located) || hasRecord(words, word) ? "stays" : "goes";
  if (state === "CHANGING") blocks.settleFree(located);
  // One that was never allocated stays so; of one in quarantine whoever gets it next hears what was written to it.
  else if (state !== "FRESH") words[word + RecordWord.STATE] = BlockState.FREE;
  return "goes";
}

function isInSlab({ pages }: Layers, { block }: Located): boolean {
  return pages.frames.kind(block.address >>> PAGE_SHIFT) >= FrameKind.FIRST_CACHE;
}

/** A block that the dead was freeing goes; one of its own that another thread frees is that one's. */
function finishReleasing(
  layers: Layers,
  blocks: DebugBlocks,
  located: Located,
  { slot, changer, isOwn }: { slot: number; changer: number; isOwn: boolean },
): Outcome {
  const { slots } = layers;
  const isOthers = changer !== slot && changer < slots.count && !slots.isFree(changer);
  if (isOthers || (changer !== slot && !isOwn)) {
    if (isOwn) assignBlock(layers, located.block.address, changer);
    return "stays";
  }
  assignBlock(layers, located.block.address, slot);
  blocks.settleFree(located);
  return "goes";
}

/** Whether a block of a slot is an object, or may be one. */
export function isLiveOf(layers: Layers, located: Located, slot: number): boolean {
  const { state } = saidState(layers.memory.words, located.word);
  return ownerOf(layers, located) === slot && (state === undefined || state === "LIVE");
}

/** The slot that a block is tagged with; -1 where another thread has just freed it. */
function ownerOf({ memory, geometry }: Layers, { block }: Located): number {
  return memory.bytes[tagIndex(geometry, block.address)] - 1;
}

/** What a reaping lists of a block: the object in it, as far as its record can be believed. */
export function describeRemains(blocks: DebugBlocks, located: Located, block: BlockInfo): BlockInfo {
  const { record } = located;
  const isKnown = isPlausible(located);
  const padBytes = isKnown ? record.padBytes : RED_LEFT_BYTES;
  const address = block.address + padBytes;
  const mostBytes = located.block.bytes - DebugBlocks.overheadBytes(padBytes);
  return {
    ...block,
    address,
    usableBytes: isKnown ? record.sizeBytes : Math.max(0, mostBytes),
    cache: isKnown ? blocks.cacheName(record.kind) : block.cache,
  };
}
