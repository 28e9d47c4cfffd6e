import type { KmallocSlowPath } from "../kmalloc/kmalloc.ts";
import { copyBytes } from "../memory/copy.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { BlockCalls } from "./block-calls.ts";

/**
 * Gives the live block at `address` another size, which realloc's fast path could not: in place, or in a new block.
 * Where that moves it, and the old one cannot be freed, nothing is allocated and the error is thrown.
 */
export function resizeOrMove(
  heap: BlockCalls,
  memory: LinearMemory,
  kmalloc: KmallocSlowPath,
  address: number,
  sizeBytes: number,
): number {
  const usableBytes = kmalloc.usableBytes(address);
  if (kmalloc.resizeInPlace(address, sizeBytes, usableBytes)) return address;
  // A block that becomes smaller can always stay where it is.
  const moved = sizeBytes <= usableBytes ? heap.tryAlloc(sizeBytes) : heap.alloc(sizeBytes);
  if (moved === 0) return address;
  // The memory may have grown meanwhile, and the new block may lie in the added part.
  memory.refresh();
  memory.waitForLength(moved + sizeBytes);
  copyBytes(memory, moved, address, Math.min(usableBytes, sizeBytes));
  return freeMoved(heap, address, moved);
}

/**
 * Frees a block that has moved and returns its new address. Where the free throws, as of a block that a shrinker or a
 * report has freed meanwhile, the new one is freed instead.
 */
export function freeMoved(heap: Pick<BlockCalls, "free">, address: number, moved: number): number {
  try {
    heap.free(address);
  } catch (error) {
    heap.free(moved);
    throw error;
  }
  return moved;
}
