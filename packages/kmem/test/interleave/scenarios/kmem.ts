import { fileURLToPath } from "node:url";
import type * as HeapModule from "../../../src/heap/heap.ts";
import { type ExploreOptions, type ExploreReport, explore } from "../explore/explore.ts";
import type { Scenario } from "../explore/scenario.ts";
import { InstrumentedLibrary, type Realm } from "../library.ts";
import { TrackedMemories } from "../runtime/tracked-memory.ts";

export type Heap = HeapModule.Heap;
export type HeapOptions = NonNullable<Parameters<typeof HeapModule.Heap.create>[0]>;

/** What the threads of a scenario work on: each has its own `Heap`, of its own realm. */
export interface Heaps {
  readonly heaps: readonly Heap[];
}

const SOURCES = fileURLToPath(new URL("../../../src", import.meta.url));
/** Threads in the largest scenario. */
const REALM_COUNT = 4;
/** Small, so that a check of all of it is quick. */
const HEAP_BYTES = 512 * 1024;
const SLOT_COUNT = 4;

export interface KmemOptions {
  /** Locks are taken in one step; see {@link Realm.abstractLocks}. Default: as the library takes them. */
  readonly areLocksAbstract?: boolean;
  /** Locks are not taken at all, to see that scenarios notice. Default: they are. */
  readonly areLocksMissing?: boolean;
  /** Modules that are loaded beside the heap's. */
  readonly entries?: readonly string[];
  /** New values of module constants, as the transform takes them. */
  readonly constants?: Readonly<Record<string, string>>;
}

/** Threads then go to sleep after one vain attempt, which after hundreds they would do at no other place. */
export const SPIN_ONCE: Readonly<Record<string, string>> = { "sync/lock.ts SPIN_LIMIT": "1" };
/** Assertions read what the code itself does not, locks among it: without them there is less to interleave. */
export const NO_ASSERTIONS: Readonly<Record<string, string>> = { "memory/assert.ts ASSERTIONS": "false" };
/** Where threads run one at a time, assertions cost nothing but their time. */
export const WITH_ASSERTIONS: Readonly<Record<string, string>> = { "memory/assert.ts ASSERTIONS": "true" };

/** Few steps fill or empty a sheaf in every slot, however large the memory. */
const SMALL_SHEAVES: Readonly<Record<string, string>> = { "slab/area.ts LARGE_AREA_SHARE": "0" };

/** Else a thread would look for the heap that it attaches among those of earlier runs, until they are garbage. */
const ATTACHED_PER_RUN: Readonly<Record<string, string>> = { "heap/attachment.ts attachments": "$rt.perRun()" };

/** One instrumented copy of the library with the realms of its threads. */
export class Kmem {
  readonly library: InstrumentedLibrary;
  readonly realms: readonly Realm[];

  constructor({ areLocksAbstract = false, areLocksMissing = false, entries = [], constants = {} }: KmemOptions = {}) {
    this.library = new InstrumentedLibrary(SOURCES, {
      entries: ["heap/heap.ts", "heap/recovery.ts", "heap/inspect.ts", ...entries],
      constants: { ...constants, ...SMALL_SHEAVES, ...ATTACHED_PER_RUN },
    });
    this.realms = Array.from({ length: REALM_COUNT }, () => {
      const realm = this.library.realm();
      if (areLocksMissing) return realm.withoutFunctions("sync/lock.ts", ["acquireLock", "releaseLock"]);
      return areLocksAbstract ? realm.abstractLocks("sync/lock.ts", "acquireLock", "releaseLock") : realm;
    });
  }

  heapClass(thread: number): typeof HeapModule.Heap {
    return (this.realms[thread] as Realm).module<typeof HeapModule>("heap/heap.ts").Heap;
  }

  /** A new heap that so many threads are attached to. */
  heaps(threadCount: number, options: HeapOptions = {}): Heaps {
    const size = options.memory === undefined ? { sizeBytes: HEAP_BYTES } : {};
    const first = this.heapClass(0).create({ slotCount: SLOT_COUNT, ...size, ...options });
    const others = Array.from({ length: threadCount - 1 }, (_, other) =>
      this.heapClass(other + 1).attach(first.handle),
    );
    return { heaps: [first, ...others] };
  }

  /** Explores a scenario with nothing known of it yet. */
  explore<World>(scenario: Scenario<World>, options: ExploreOptions = {}): ExploreReport {
    this.library.runtime.memories = new TrackedMemories();
    this.library.runtime.unplacedSites.clear();
    return explore(this.library.runtime, scenario, options);
  }

  /** Places where shared accesses could not be scheduled, for a test to find none. */
  get unplaced(): string[] {
    return [...this.library.runtime.unplacedSites].map((site) => this.library.place(site));
  }
}

/** Everything is in the buffer, so that runs need no set-up of their own. */
export function memoriesOf({ heaps }: Heaps): readonly ArrayBufferLike[] {
  return [(heaps[0] as Heap).buffer];
}
