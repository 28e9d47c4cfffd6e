// What the library does in a page that is not isolated and so has no SharedArrayBuffer.

import { dumpHeap, Heap, loadDump } from "kmem";
import { type Refusal, refusal } from "./refusal.ts";

export { useHeap } from "./load.ts";
export { loadEntries } from "./load-entries.ts";

/** Makes a heap that is to be shared, as is the default. */
export function createShared(): Refusal | undefined {
  return refusal(() => Heap.create());
}

/** Opens the dump of a heap; gives a byte that a block there had in it, and the kind of memory that it is in now. */
export function openDump(): { memoryKind: string; byte: number } {
  const heap = Heap.create({ shared: false });
  const block = heap.alloc(100);
  heap.u8(block)[99] = 42;
  const loaded = loadDump(dumpHeap(heap));
  return { memoryKind: loaded.memoryKind, byte: loaded.u8(block)[99] };
}
