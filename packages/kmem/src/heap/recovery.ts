import { reapSlot as reapLayers } from "../kmalloc/reap.ts";
import { type ReapOptions, readReapOptions } from "../kmalloc/reap-options.ts";
import type { ReapReport } from "../kmalloc/reap-report.ts";
import { badArgument, reading, requireObject } from "../memory/arguments.ts";
import type { Registration } from "../memory/dispose.ts";
import { KmemError } from "../memory/errors.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { accessTo } from "./access.ts";
import { hasSameBytes } from "./attachment.ts";
import { layersToChange } from "./full-layers.ts";
import { type HeapHandle, isHandle, openHandle } from "./handle.ts";
import type { Heap } from "./heap.ts";
import { type WatchedWorker, type WatchOptions, watchPlace } from "./watch.ts";

/**
 * Recovers from the death of the thread that had a slot of a heap: repairs what it left half done, takes back its
 * caches and its locks, and keeps, frees or gives on its blocks. Only for a thread that is gone for certain: one that
 * runs on corrupts the heap. Any thread may call it, several at once, and again after one that died in it. Objects of a
 * `DebugHeap` that are freed are poisoned. Throws BAD_ARGUMENT, and DETACHED. O(heap).
 */
export function reapSlot(heap: Heap, slot: number, options: ReapOptions = {}): ReapReport {
  const { extension } = accessTo(heap);
  const recover = (how: ReapOptions): ReapReport => reapLayers(layersToChange(heap), slot, how, extension?.cleanup);
  return extension === undefined ? recover(options) : extension.reap(slot, readReapOptions(options), recover);
}

/**
 * Recovers as soon as a worker has ended without `detach`, however that came about: see {@link reapSlot}. `handle` is
 * from `heap.reserve()`, and the worker attaches with it. The result ends the watch. In Node by the worker's exit
 * event, and even while this thread waits for a lock that the worker holds; in a browser by a Web Lock that the worker
 * takes. One that has ended already is recovered from at once. Throws BAD_ARGUMENT for a worker or options that are
 * none and for a handle of another heap, and NO_SLOT where the handle's slot is not its worker's any more.
 */
export function watchWorker(
  heap: Heap,
  worker: WatchedWorker,
  handle: HeapHandle,
  options: WatchOptions = {},
): Registration {
  const layers = layersToChange(heap);
  requireObject("handle", handle);
  const { memory, start, place } = openHandle(handle);
  if (place === undefined || !isHandle(handle)) {
    throw new KmemError("BAD_ARGUMENT", "to watch a worker takes a handle from heap.reserve()", {});
  }
  const buffer = reading("handle.memory", memory, () => ("buffer" in memory ? memory.buffer : memory));
  const isOurs = memory === layers.memory.source || hasSameBytes(layers, buffer);
  if (!isOurs || start !== layers.geometry.baseFrame * PAGE_SIZE) {
    throw badArgument("handle", "a handle of this heap", handle);
  }
  return watchPlace(layers, worker, { memory, place }, options, (slot, how) => reapSlot(heap, slot, how));
}
