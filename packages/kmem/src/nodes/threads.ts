import { layersOf } from "../heap/access.ts";
import type { HeapHandle } from "../heap/handle.ts";
import type { Heap } from "../heap/heap.ts";
import { type Registration, registration } from "../memory/dispose.ts";
import { openAll } from "./machine.ts";

/** Reserves a slot on each node for one thread; when one has none, those of the others are free again. */
export function reserveAll(heaps: readonly Heap[]): HeapHandle[] {
  const reserve = (heap: Heap): { heap: Heap; handle: HeapHandle } => ({ heap, handle: heap.reserve() });
  const giveBack = ({ heap, handle }: ReturnType<typeof reserve>): void => {
    if (handle.place !== undefined) layersOf(heap).slots.release(handle.place.slot);
  };
  return openAll(heaps, reserve, giveBack).map(({ handle }) => handle);
}

/** Watches a thread on each node; the result ends all of these watches. */
export function watchAll<Heap>(
  heaps: readonly Heap[],
  watch: (heap: Heap, node: number) => Registration,
): Registration {
  const ends = openAll(heaps, watch, (end) => end());
  return registration(() => {
    for (const end of ends) end();
  });
}
