import type { Layers } from "../kmalloc/layers.ts";
import type { Reservation } from "../sync/reservation.ts";
import { openAll } from "./machine.ts";

/** A node's heap, as far as threads come and go. */
interface ReservingHeap<Handle> {
  readonly layers: Layers;
  reserve(): Handle;
}

/** Reserves a slot on each node for one thread; when one has none, those of the others are free again. */
export function reserveAll<Handle extends { readonly place?: Reservation }>(
  heaps: readonly ReservingHeap<Handle>[],
): Handle[] {
  const reserve = (heap: ReservingHeap<Handle>): { heap: ReservingHeap<Handle>; handle: Handle } => ({
    heap,
    handle: heap.reserve(),
  });
  const giveBack = ({ heap, handle }: ReturnType<typeof reserve>): void => {
    if (handle.place !== undefined) heap.layers.slots.give(handle.place.slot);
  };
  return openAll(heaps, reserve, giveBack).map(({ handle }) => handle);
}

/** Watches a thread on each node; the result ends all of these watches. */
export function watchAll<Heap>(heaps: readonly Heap[], watch: (heap: Heap, node: number) => () => void): () => void {
  const ends = openAll(heaps, watch, (end) => end());
  return () => {
    for (const end of ends) end();
  };
}
