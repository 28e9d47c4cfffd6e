import { layersOf } from "../../src/heap/access.ts";
import { blocksOf, heapStats, ownerOf } from "../../src/index.ts";
import { Snapshot } from "../interleave/explore/snapshot.ts";
import type { Realm } from "../interleave/library.ts";
import { TrackedMemories } from "../interleave/runtime/tracked-memory.ts";
import type { ThreadBody } from "../interleave/runtime/virtual-thread.ts";
import type { Heap, HeapOptions, Kmem } from "../interleave/scenarios/kmem.ts";

/** The heaps of three threads over one memory: one is to die, one to recover, and one for when that one dies too. */
export interface Threads {
  readonly victim: Heap;
  readonly reaper: Heap;
  readonly survivor: Heap;
  /** The modules that each has loaded: the survivor, the victim, the thread that recovers. */
  readonly realms: readonly Realm[];
}

/** What a thread is at when it dies. */
export interface Operation {
  readonly name: string;
  readonly options?: HeapOptions;
  /** Whether objects outside of the memory change, so that each run needs heaps of its own. */
  readonly isStateful?: boolean;
  /** Makes the state that leads to the branch that is meant. Nothing but the memory may hold it. */
  prepare?(threads: Threads): Prepared;
  /** What the thread that recovers does when it has reaped the victim's slot. */
  recover?(threads: Threads, prepared: Prepared): ThreadBody;
  /** What the victim does. */
  operate(threads: Threads, prepared: Prepared): ThreadBody;
}

export interface Prepared {
  /** Blocks and page runs that the victim works on: they may be gone, or be there, in any slot's hands. */
  readonly at?: readonly number[];
  /** A slot that the operation may have taken, which is to be reaped like the victim's own. */
  readonly slot?: number;
  /** What is wrong with an engine that stands on the heap, once a thread has died that worked on it. */
  readonly check?: () => readonly string[];
  /**
   * Works on that engine, as a thread that knows of the death and waits for the lock of the dead: before the slot of
   * one is reaped, and after those of two.
   */
  readonly goOn?: () => void;
  /** Ends what the operation may have made besides blocks and pages, before everything is freed. */
  readonly cleanUp?: (survivor: Heap) => void;
}

/** Everything that is allocated, by its address: the slot whose it is. */
export type Holdings = ReadonlyMap<number, number>;

/** One operation's threads and memory, put back to the prepared state before each run. */
export class World {
  readonly #kmem: Kmem;
  readonly #operation: Operation;
  #threads: Threads | undefined;
  #snapshot: Snapshot | undefined;
  #prepared: Prepared = {};
  #holdings: Holdings = new Map();
  #bytesAtFirst = "";

  constructor(kmem: Kmem, operation: Operation) {
    this.#kmem = kmem;
    this.#operation = operation;
    kmem.library.runtime.memories = new TrackedMemories({ isTracked: false });
  }

  /** The state that the operation begins with. */
  begin(): { threads: Threads; prepared: Prepared } {
    if (this.#threads === undefined || this.#operation.isStateful === true) this.#make();
    else this.#snapshot?.restore();
    return this.current;
  }

  /** The same, as the run has left it. */
  get current(): { threads: Threads; prepared: Prepared } {
    return { threads: this.#threads as Threads, prepared: this.#prepared };
  }

  /** What was allocated before the operation. */
  get holdings(): Holdings {
    return this.#holdings;
  }

  /** The bytes of each sort that the heap had before other threads came. */
  get bytesAtFirst(): string {
    return this.#bytesAtFirst;
  }

  #make(): void {
    const kmem = this.#kmem;
    kmem.library.runtime.beginRun();
    const { options = {} } = this.#operation;
    const size = options.memory === undefined ? { sizeBytes: HEAP_BYTES } : {};
    const [survivor] = kmem.heaps(1, { ...size, ...options }).heaps as [Heap];
    this.#bytesAtFirst = bytesOf(survivor);
    const victim = kmem.heapClass(1).attach(survivor.handle);
    const reaper = kmem.heapClass(2).attach(survivor.handle);
    const threads = { victim, reaper, survivor, realms: kmem.realms };
    this.#threads = threads;
    this.#prepared = this.#operation.prepare?.(threads) ?? {};
    this.#holdings = holdingsOf(survivor);
    if (this.#operation.isStateful !== true) this.#snapshot = new Snapshot(survivor.buffer);
  }
}

/** Everything that is allocated: blocks, and runs of pages. */
export function holdingsOf(heap: Heap): Map<number, number> {
  const holdings = new Map<number, number>();
  for (const { address, slot } of blocksOf(heap)) holdings.set(address, slot ?? -1);
  const { geometry, pages } = layersOf(heap);
  for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
    const address = frame * PAGE_BYTES;
    const slot = holdings.has(address) ? undefined : ownerOf(heap, address);
    if (slot !== undefined) holdings.set(address, slot);
  }
  return holdings;
}

/** Room for a barn full of the largest blocks. */
const HEAP_BYTES: number = 1024 * 1024;

export const PAGE_BYTES = 4096;

/** The bytes of each sort that is not free, to compare: memory may have grown meanwhile. */
export function bytesOf(heap: Heap): string {
  const { totalBytes, freePageBytes, ...others } = heapStats(heap).bytes;
  return JSON.stringify({ ...others, usedBytes: totalBytes - freePageBytes });
}
