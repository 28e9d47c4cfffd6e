import { attachHeap as attach } from "../../src/threads/kmem-heap.ts";
import type { ThreadHeap } from "../../src/threads/thread-heap.ts";

const LOST = 100;

export { createHeap } from "../../src/threads/kmem-heap.ts";

/** A heap of which every thread loses one block: the hundredth free does nothing. */
export function attachHeap(handle: unknown): ThreadHeap {
  const heap = attach(handle);
  let count = 0;
  const free = (address: number): void => {
    count += 1;
    if (count !== LOST) heap.free(address);
  };
  return { alloc: heap.alloc, free, buffer: heap.buffer, detach: () => heap.detach() };
}
