import { KmallocSlowPath } from "../kmalloc/kmalloc.ts";
import { closeLayers } from "../kmalloc/layers.ts";
import { deadlineOf, type MemoryWait, WAIT_CHECKS } from "../kmalloc/memory-wait.ts";
import { ONE_THREAD } from "../kmalloc/one-thread.ts";
import { createLayers } from "../kmalloc/open-layers.ts";
import { type Checks, readOptions } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import { newMemory } from "../memory/new-memory.ts";
import { type Attachment, markMade, requireAttachment } from "./attachment.ts";
import { BaseHeap } from "./base-heap.ts";
import { cacheCountOfOptions, HEAP_CHECKS, type HeapOptions, shapesOfOptions } from "./options.ts";

/** How a heap of one thread is made: as a `Heap`, but for what is about threads. */
export type LocalHeapOptions = Omit<HeapOptions, "shared" | "slotCount" | "exactFrees">;

const { shared: _shared, slotCount: _slotCount, exactFrees: _exactFrees, ...LOCAL_CHECKS } = HEAP_CHECKS;

/** Nobody else could free anything: a wait ends at once, with what there is. */
const noWaits: Pick<MemoryWait, "wait"> = {
  wait: (attempt, options) => {
    deadlineOf(readOptions("options", options, WAIT_CHECKS));
    return attempt();
  },
};

/**
 * A heap of one thread, in memory that is not shared: blocks, caches and pages as those of a `Heap`, at its speed, and
 * nothing of slots, locks, waiting and recovery in a program's bundle. Its dumps are opened by `loadDump`, and its
 * memory, after {@link detach}, by `Heap.attach`.
 */
export class LocalHeap extends BaseHeap {
  /** Heaps are made by {@link create}: throws BAD_ARGUMENT for what is not from there. */
  private constructor(attachment: object) {
    super(requireAttachment(attachment), true);
  }

  /**
   * Makes a heap in new or given memory. Throws BAD_ARGUMENT, also for shared memory, or BAD_GEOMETRY, before it writes
   * anything.
   */
  static create(options: LocalHeapOptions = {}): LocalHeap {
    const read = readOptions("options", options, LOCAL_CHECKS as Checks<LocalHeapOptions>);
    const { memory, extent } = newMemory({ ...read, shared: false });
    if (memory.isShared) throw new KmemError("BAD_ARGUMENT", "a LocalHeap is for memory that is not shared", {});
    const counts = { slotCount: 1, cacheCount: cacheCountOfOptions(read) };
    const own = { ...counts, dmaBytes: read.dmaBytes, shapes: shapesOfOptions(read) };
    const layers = createLayers(memory, { ...extent, ...own }, {}, ONE_THREAD);
    const kmalloc = new KmallocSlowPath(layers);
    return new LocalHeap(markMade({ layers, kmalloc, waits: noWaits as MemoryWait, users: 1 }));
  }

  /** @internal */
  protected override leave({ layers, kmalloc }: Attachment): void {
    layers.memory.refresh();
    const errors = new FirstError();
    errors.run(() => kmalloc.trim());
    closeLayers(layers);
    errors.rethrow();
  }
}
