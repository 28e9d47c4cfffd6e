import type { Heap } from "kmem";

const FILL_BYTE = 0xa5;

/** Makes blocks, fills each with one byte, and gives their addresses. */
export function makeFilled(heap: Heap, count: number, sizeBytes: number): number[] {
  const blocks = Array.from({ length: count }, () => heap.alloc(sizeBytes));
  for (const block of blocks) heap.u8(block, sizeBytes).fill(FILL_BYTE);
  return blocks;
}

/** Frees blocks that were made like that, and gives those that were spoilt. */
export function freeFilled(heap: Heap, blocks: readonly number[], sizeBytes: number): number[] {
  const spoilt = blocks.filter((block) => heap.u8(block, sizeBytes).some((byte) => byte !== FILL_BYTE));
  for (const block of blocks) heap.free(block);
  return spoilt;
}
