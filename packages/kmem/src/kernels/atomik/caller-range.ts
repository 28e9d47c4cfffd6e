import { layersOf } from "../../heap/access.ts";
import type { Heap } from "../../heap/heap.ts";
import { blockAt } from "../../heap/inspect.ts";
import { describeAddress } from "../../kmalloc/describe.ts";
import { KmemError } from "../../memory/errors.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../../memory/layout.ts";
import { RunKind } from "../../pages/layout.ts";

/**
 * Whether the bytes from `start` to `end`, both included, are a caller's to hand to an engine: outside of the heap and
 * in pages that are not its own, or inside of one live block of it, or of one run of `heap.pages`. Reads only.
 * O(pages of the bytes, the block or the run).
 */
export function isCallersRange(heap: Heap, start: number, end: number): boolean {
  const { geometry, memory, pages } = layersOf(heap);
  memory.refresh();
  if (end < geometry.baseFrame * PAGE_SIZE || start >= geometry.limitFrame * PAGE_SIZE) return true;
  const { where } = describeAddress(layersOf(heap), start);
  if (where === "foreign" || where === "absent" || where === "outside") return areForeign(heap, start, end);
  if (where === "page run") {
    const head = pages.frames.headOfRun(start >>> PAGE_SHIFT, RunKind.PAGES);
    return end < (head + pages.frames.count(head)) * PAGE_SIZE;
  }
  const block = blockAround(heap, start);
  return block?.live === true && start >= block.address && end < block.address + block.usableBytes;
}

/** Whether no page of these bytes is the heap's: it owns what it was given and what its own growth has added. */
function areForeign(heap: Heap, start: number, end: number): boolean {
  const { geometry, pages } = layersOf(heap);
  const { frames } = pages;
  const last = Math.min(end >>> PAGE_SHIFT, frames.endFrame - 1);
  for (let frame = Math.max(start >>> PAGE_SHIFT, geometry.baseFrame); frame <= last; frame++) {
    if (!frames.isForeign(frame)) return false;
  }
  return true;
}

/** The block around an address: in a debugged heap its object. */
function blockAround(heap: Heap, address: number): ReturnType<typeof blockAt> {
  try {
    return blockAt(heap, address);
  } catch (error) {
    // The heap object was detached: the memory is there, and so are the blocks.
    if (error instanceof KmemError) return describeAddress(layersOf(heap), address).block;
    throw error;
  }
}
