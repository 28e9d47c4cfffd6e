import type { OpCache, OpHeader } from "../trace/op-stream.ts";
import type { ReplayCache, ReplayHeap } from "./replay-heap.ts";

/** What operations are applied to, and where the blocks are. */
export interface ReplayTarget {
  readonly heap: ReplayHeap;
  /** By cache id. */
  readonly caches: readonly ReplayCache[];
  /** By slot. */
  readonly addresses: Uint32Array;
  /** Caches that the heap could not make; their objects come from `heap.alloc`. */
  readonly substituteCacheCount: number;
}

/** Makes the caches of a workload in a heap, and room for its addresses. */
export function openTarget(heap: ReplayHeap, header: OpHeader, opCaches: readonly OpCache[]): ReplayTarget {
  let substituteCacheCount = 0;
  const caches = opCaches.map(({ objectBytes }, id) => {
    try {
      return heap.createCache({ name: `trace-${id}`, sizeBytes: objectBytes });
    } catch {
      // Objects too large for a slab, or more caches than a heap has room for.
      substituteCacheCount += 1;
      return { alloc: () => heap.alloc(objectBytes), free: (address: number) => heap.free(address) };
    }
  });
  return { heap, caches, addresses: new Uint32Array(header.slotCount), substituteCacheCount };
}
