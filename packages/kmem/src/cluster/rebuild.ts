import { WORD_SHIFT } from "../memory/layout.ts";
import type { Descriptor } from "./descriptor.ts";
import { FREE_LIST_COUNT, MIN_BLOCK_SHIFT, MIN_BLOCK_SIZE } from "./layout.ts";
import type { HeapSegment } from "./segment.ts";

/**
 * Rebuilds the free lists of a cluster's heap from alloc[] alone, after a thread has died under its lock, which the
 * caller holds. One that dies on the way leaves what the next call rebuilds. O(heap / 64).
 */
export function rebuildCluster(descriptor: Descriptor, { base, offset, memory }: HeapSegment): void {
  const { bytes, words } = memory;
  const { heapBase, allocBase } = descriptor;
  const alloc = allocBase - base + offset;
  const slotCount = (allocBase - heapBase) / MIN_BLOCK_SIZE;
  for (let shift = 0; shift < FREE_LIST_COUNT; shift++) descriptor.setFree(shift, 0);
  for (let slot = 0; slot < slotCount; ) {
    const allocated = bytes[alloc + slot];
    if (allocated !== 0) {
      slot += slotsOf(allocated);
      continue;
    }
    const shift = freeShift(bytes, alloc, slot, slotCount);
    const block = heapBase + slot * MIN_BLOCK_SIZE;
    words[(block - base + offset) >>> WORD_SHIFT] = descriptor.free(shift);
    descriptor.setFree(shift, block);
    slot += slotsOf(shift);
  }
}

/** Entries of alloc[] that a block of 2^shift bytes has; one at least, whatever somebody has written there. */
function slotsOf(shift: number): number {
  return 2 ** Math.max(0, shift - MIN_BLOCK_SHIFT);
}

/** log2 of the largest aligned block that begins at a free entry and is free: its halves, if they were two, merged. */
function freeShift(bytes: Uint8Array, alloc: number, slot: number, slotCount: number): number {
  let slots = 1;
  for (; slot % (2 * slots) === 0 && slot + 2 * slots <= slotCount; slots *= 2) {
    for (let other = slot + slots; other < slot + 2 * slots; other++) {
      if (bytes[alloc + other] !== 0) return MIN_BLOCK_SHIFT + Math.log2(slots);
    }
  }
  return MIN_BLOCK_SHIFT + Math.log2(slots);
}
