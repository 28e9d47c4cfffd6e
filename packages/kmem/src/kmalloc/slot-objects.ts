import { PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import { OwnerMark, RingWord, RunKind } from "../pages/layout.ts";
import type { VmArea } from "../vmalloc/areas.ts";
import { areasOfSlot, freeAreas, giveAreas } from "../vmalloc/slot-areas.ts";
import type { BlockInfo } from "./describe.ts";
import type { CoreLayers } from "./layers.ts";
import { POOL_ELEMENT_BYTES, POOL_HEADER_BYTES, POOL_MAGIC, PoolKind, PoolWord } from "./pool-layout.ts";

/** A mempool, which stands in a block. */
export interface MempoolInfo {
  /** First byte of the mempool. */
  readonly address: number;
  /** Elements in its reserve. They are blocks themselves, each of the slot that allocated it. */
  readonly elementCount: number;
}

/** A ring of trace events. */
export interface TraceRingInfo {
  /** First byte of the ring. */
  readonly address: number;
  /** Pages of the ring. */
  readonly pageCount: number;
}

/** What the thread of a slot had made beside blocks and runs of pages. */
export interface SlotObjects {
  /** Areas of `vmalloc` and `vmap`. */
  readonly areas: readonly VmArea[];
  /** Mempools, whose blocks are among its blocks. */
  readonly mempools: readonly MempoolInfo[];
  /** Rings of trace events. */
  readonly traceRings: readonly TraceRingInfo[];
}

/** What a slot had made; `blocks` are its live blocks. O(heap). */
export function objectsOfSlot(layers: CoreLayers, slot: number, blocks: readonly BlockInfo[]): SlotObjects {
  const mempools = blocks.flatMap((block) => mempoolIn(layers, block) ?? []);
  return { areas: areasOfSlot(layers, slot), mempools, traceRings: [...ringsOf(layers, slot)] };
}

/**
 * Frees what a slot had made; its blocks are to follow. Who has a ring or a pool open finds out by the words that are
 * cleared here.
 */
export function freeSlotObjects(layers: CoreLayers, slot: number, { areas, mempools, traceRings }: SlotObjects): void {
  const { memory, pages } = layers;
  for (const { address } of mempools) memory.words[(address >>> WORD_SHIFT) + PoolWord.MAGIC] = 0;
  for (const { address, pageCount } of traceRings) {
    const head = address / PAGE_SIZE;
    if (!pages.frames.compareExchangeOwner(head, OwnerMark.TRACE_RING, pages.claimedOwner)) continue;
    memory.words[(address >>> WORD_SHIFT) + RingWord.MAGIC] = 0;
    pages.freeExclusive(head, pageCount);
  }
  freeAreas(layers, slot, areas);
}

/** Makes what a slot had made another slot's. */
export function giveSlotObjects(
  layers: CoreLayers,
  slot: number,
  { areas, traceRings }: SlotObjects,
  to: number,
): void {
  for (const { address } of traceRings) layers.memory.words[(address >>> WORD_SHIFT) + RingWord.MAKER] = to + 1;
  giveAreas(layers, slot, areas, to);
}

/** Whether a slot has areas or rings, whose owner its number says. */
export function hasSlotObjects({ areas, traceRings }: SlotObjects): boolean {
  return areas.length + traceRings.length > 0;
}

/** The trace rings that a slot has made. O(frames). */
export function* ringsOf({ memory, geometry, pages: { frames } }: CoreLayers, slot: number): Generator<TraceRingInfo> {
  for (let head = geometry.firstPageFrame; head < frames.endFrame; head++) {
    if (frames.kind(head) !== RunKind.SYSTEM || frames.owner(head) !== OwnerMark.TRACE_RING) continue;
    const address = head * PAGE_SIZE;
    if (memory.words[(address >>> WORD_SHIFT) + RingWord.MAKER] !== slot + 1) continue;
    yield { address, pageCount: frames.count(head) };
  }
}

/** The mempool in a block; undefined for what cannot be one, whatever its user wrote into it. */
function mempoolIn({ memory }: CoreLayers, { address, usableBytes }: BlockInfo): MempoolInfo | undefined {
  const { words } = memory;
  const word = address >>> WORD_SHIFT;
  if (usableBytes < POOL_HEADER_BYTES || words[word + PoolWord.MAGIC] !== POOL_MAGIC) return undefined;
  const [least, elementCount] = [words[word + PoolWord.MIN_COUNT], words[word + PoolWord.COUNT]];
  const isKind = Object.values(PoolKind).some((kind) => kind === words[word + PoolWord.KIND]);
  const fits = least >= 1 && POOL_HEADER_BYTES + least * POOL_ELEMENT_BYTES <= usableBytes;
  return isKind && fits && elementCount >= 0 && elementCount <= least ? { address, elementCount } : undefined;
}
