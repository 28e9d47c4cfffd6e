import { attachHeap as attach } from "../../src/threads/kmem-heap.ts";
import type { ThreadHeap } from "../../src/threads/thread-heap.ts";

export { createHeap } from "../../src/threads/kmem-heap.ts";

/** A heap that its threads never leave. */
export function attachHeap(handle: unknown): ThreadHeap {
  const { alloc, free, buffer } = attach(handle);
  return { alloc, free, buffer, detach: () => {} };
}
