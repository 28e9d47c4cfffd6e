import { freeBypassingSheaf } from "../kmalloc/block-run.ts";
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
import { isPlausible, type Located } from "./locate-object.ts";
import { hasRecord, saidState } from "./record.ts";

/** The outcome for a block after its thread has died: it stays a live object, or it is freed. */
type Outcome = "stays" | "goes";

/**
 * Completes a dead thread's operations on debugged blocks, and frees its blocks that are not objects: those in its
 * quarantine, on the way into or out of it, or not yet made objects. A block that the dead thread allocated and another
 * thread is freeing becomes that thread's. Returns how many were freed. O(blocks).
 */
export function releaseDeadThreadBlocks(
  layers: Layers,
  blocks: DebugBlocks,
  taken: Iterable<Located>,
  slot: number,
): number {
  const going = [...taken].filter((located) => finish(layers, blocks, located, slot) === "goes");
  for (const { block } of going) freeBypassingSheaf(layers, block.address);
  return going.length;
}

/**
 * The same for the guarded objects of a sampled heap, whose records are erased; with `isFreeing`, the dead thread's
 * live objects are freed, too.
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
    if (isLive)
      freed.push(describeDeadThreadBlock(blocks, located, runBlock(layers, located.block.address >>> PAGE_SHIFT)));
    else returnedBlocks++;
    blocks.erase(located.block);
    freeBypassingSheaf(layers, located.block.address);
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
  // A run of pages gets a record only when it becomes an object. If a block's record contains no valid state, its use
  // is unknown, so it counts as live.
  if (state === undefined) return isInSlab(layers, located) || hasRecord(words, word) ? "stays" : "goes";
  if (state === "CHANGING") blocks.settleFree(located);
  // A FRESH block stays FRESH. For a quarantined one, FREE makes its next owner report writes after free.
  else if (state !== "FRESH") words[word + RecordWord.STATE] = BlockState.FREE;
  return "goes";
}

function isInSlab({ pages }: Layers, { block }: Located): boolean {
  return pages.frames.kind(block.address >>> PAGE_SHIFT) >= FrameKind.FIRST_CACHE;
}

/** Frees a block that the dead thread was freeing; assigns a block of its own to the thread that is freeing it. */
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

/** Whether a block of a slot is a live object, or may be one. */
export function isLiveOf(layers: Layers, located: Located, slot: number): boolean {
  const { state } = saidState(layers.memory.words, located.word);
  return ownerOf(layers, located) === slot && (state === undefined || state === "LIVE");
}

/** The slot that a block is tagged with; -1 if another thread has just freed it. */
function ownerOf({ memory, geometry }: Layers, { block }: Located): number {
  return memory.bytes[tagIndex(geometry, block.address)] - 1;
}

/** The entry of a block in a reap report: the object in it, as far as its record is plausible. */
export function describeDeadThreadBlock(blocks: DebugBlocks, located: Located, block: BlockInfo): BlockInfo {
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
