import type { Layers } from "../kmalloc/layers.ts";
import { hex } from "../memory/errors.ts";
import { PAGE_SIZE } from "../memory/layout.ts";

/** What a heap says of itself. */
interface Described {
  readonly footprintBytes: number;
}

/** A heap in one line: where it lies, and how much of it is in use. */
export function heapText(heap: Described, { memory, geometry, pages, slot }: Layers, isDetached: boolean): string {
  const { name } = heap.constructor;
  if (isDetached || memory.isLost) return `${name} { detached }`;
  const [start, end] = [geometry.baseFrame, pages.frames.endFrame].map((frame) => hex(frame * PAGE_SIZE));
  return `${name} { ${start} to ${end} of a ${memory.kind}, slot ${slot}, ${heap.footprintBytes} bytes in use }`;
}
