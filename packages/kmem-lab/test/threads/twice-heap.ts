import { attachHeap as attach } from "../../src/threads/kmem-heap.ts";
import type { ThreadHeap } from "../../src/threads/thread-heap.ts";

const EVERY = 50;

export { createHeap } from "../../src/threads/kmem-heap.ts";

/** A heap that hands the latest block out again from time to time: what the seals are there to find. */
export function attachHeap(handle: unknown): ThreadHeap {
  const heap = attach(handle);
  let [count, latest] = [0, 0];
  const alloc = (sizeBytes: number): number => {
    count += 1;
    if (count % EVERY !== 0) latest = heap.alloc(sizeBytes);
    return latest;
  };
  return { alloc, free: heap.free, buffer: heap.buffer, detach: () => heap.detach() };
}
