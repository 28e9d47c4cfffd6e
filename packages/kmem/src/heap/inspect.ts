import { type BlockInfo, describeAddress, liveBlocks } from "../kmalloc/describe.ts";
import { type SlotStats, slotStats as statsOfSlots } from "../kmalloc/slot-stats.ts";
import { type HeapStats, type StatsOptions, heapStats as statsOfLayers } from "../kmalloc/stats.ts";
import { readOptions, requireBoolean } from "../memory/arguments.ts";
import { ownerOfAddress, transfer } from "../slab/ownership.ts";
import { accessTo } from "./access.ts";
import type { BaseHeap } from "./base-heap.ts";
import { layersToChange, layersToView } from "./full-layers.ts";

/** Figures of every layer of a heap; the parts of `bytes` add up to the whole. O(pages). */
export function heapStats(heap: BaseHeap, options: StatsOptions = {}): HeapStats {
  const layers = layersToView(heap);
  return statsOfLayers(layers, readOptions("options", options, { emptyCaches: requireBoolean }));
}

/** What each slot of a heap that is not free has: its state, its live blocks, its pages, its caches. O(heap). */
export function slotStats(heap: BaseHeap): readonly SlotStats[] {
  return statsOfSlots(layersToChange(heap));
}

/** The block that an address lies in, live or free, or undefined where there is none. Any value is allowed. */
export function blockAt(heap: BaseHeap, address: number): BlockInfo | undefined {
  const layers = layersToView(heap);
  const { extension } = accessTo(heap);
  return extension === undefined ? describeAddress(layers, address).block : extension.blockAt(address);
}

/** All live blocks of a heap in address order. Do not allocate or free while iterating. */
export function blocksOf(heap: BaseHeap): Generator<BlockInfo> {
  const layers = layersToView(heap);
  return accessTo(heap).extension?.blocks() ?? liveBlocks(layers);
}

/** The slot that a live block, or a run of `heap.pages`, belongs to; undefined for all other addresses. O(1). */
export function ownerOf(heap: BaseHeap, address: number): number | undefined {
  const access = accessTo(heap);
  return ownerOfAddress(layersToChange(heap), access.extension?.blockAddress(address) ?? address);
}

/**
 * Makes a live block or a run of pages another slot's, so that it outlives the thread that allocated it. Throws
 * INVALID_ADDRESS, and BAD_ARGUMENT for a slot that no thread holds. O(1).
 */
export function transferBlock(heap: BaseHeap, address: number, slot: number): void {
  const access = accessTo(heap);
  transfer(layersToChange(heap), access.extension?.blockAddress(address) ?? address, slot);
}
