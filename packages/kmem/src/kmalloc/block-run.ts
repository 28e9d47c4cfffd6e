import { ASSERTIONS, assert } from "../memory/assert.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, RunKind } from "../pages/layout.ts";
import { isLive, Tag } from "../slab/layout.ts";
import { tagIndex } from "../slab/tags.ts";
import type { Layers } from "./layers.ts";

/**
 * Makes a live block that is a run of pages this thread's alone; returns its tag, or NONE where another thread has
 * freed it, or is changing it, or it is not of the slot `owner`. Should this thread die, the tag comes back as OWNER of
 * the run says.
 */
function claim({ memory, geometry, slot }: Layers, address: number, owner?: number): number {
  const index = tagIndex(geometry, address);
  const tag = owner === undefined ? memory.bytes[index] : owner + 1;
  if (!isLive(tag)) return Tag.NONE;
  return Atomics.compareExchange(memory.bytes, index, tag, Tag.FIRST_CACHED + slot) === tag ? tag : Tag.NONE;
}

/**
 * Frees a live block that is a run of pages; false where another thread has done so. The tag says first who frees it,
 * then OWNER does, so that one of them does at any instant.
 */
export function freeRun(layers: Layers, address: number, owner?: number): boolean {
  if (claim(layers, address, owner) === Tag.NONE) return false;
  const { memory, geometry, pages } = layers;
  const head = address >>> PAGE_SHIFT;
  if (ASSERTIONS) {
    const tag = memory.bytes[tagIndex(geometry, address)];
    const kind = pages.frames.kind(head);
    assert(address % PAGE_SIZE === 0, `a block that is a run begins with a page, not at ${address}`);
    assert(kind === RunKind.LARGE_BLOCK, `the run at page ${head} that is freed is a block, not of kind ${kind}`);
    assert(tag === Tag.FIRST_CACHED + layers.slot, `the block at ${address} is this slot's to free, as its tag says`);
  }
  pages.claimExclusive(head);
  memory.bytes[tagIndex(geometry, address)] = Tag.NONE;
  pages.freeClaimed(head, pages.frames.count(head));
  return true;
}

/** Gives a live block that is a run of pages another number of pages where it stands; false where it cannot. */
export function resizeRun(layers: Layers, address: number, newCount: number): boolean {
  const tag = claim(layers, address);
  if (tag === Tag.NONE) return false;
  const { memory, geometry, pages } = layers;
  const head = address >>> PAGE_SHIFT;
  const count = pages.frames.count(head);
  if (newCount < count) pages.shorten(head, newCount);
  const isDone = newCount <= count || pages.extend(head, newCount, RunKind.LARGE_BLOCK);
  if (ASSERTIONS) {
    const wanted = isDone ? newCount : count;
    assert(pages.frames.count(head) === wanted, `the block at ${address} has ${wanted} pages after it was resized`);
    assert(isLive(tag), `the block at ${address} is live again`);
  }
  memory.bytes[tagIndex(geometry, address)] = tag;
  return isDone;
}

/**
 * Frees a live block bypassing the sheaves; with an owner, only if it is that slot's. One that another thread has just
 * freed stays as it is.
 */
export function freeBypassingSheaf(layers: Layers, address: number, owner?: number): void {
  const kind = layers.pages.frames.kind(address >>> PAGE_SHIFT);
  if (kind >= FrameKind.FIRST_CACHE) layers.sheaves.putBypassingSheaf(kind, address, owner);
  else freeRun(layers, address, owner);
}
