import { GFP_KERNEL } from "../gfp/flags.ts";
import { attachmentOf } from "../heap/access.ts";
import type { Cache } from "../heap/cache.ts";
import type { Heap } from "../heap/heap.ts";
import { badArgument, reading } from "../memory/arguments.ts";
import { TraceRing } from "./ring.ts";

/** A heap's calls that are recorded. */
export interface HeapRecording {
  /** Where the events are: any thread reads them with a `TraceReader` of its own. */
  readonly ring: TraceRing;
  /** Ends the recording; the heap's functions are what they were. Does nothing when it has ended. */
  stop(): void;
}

type Call = (...args: never[]) => unknown;
type Calls = Record<string, Call>;

/** Recordings that go on, by heap. */
const recordings = /* @__PURE__ */ new WeakMap<object, HeapRecording>();

/**
 * Writes each allocation and free of blocks that this thread makes through `heap` into a ring, until it is stopped:
 * those of `alloc`, `tryAlloc`, `calloc`, `realloc`, `alignedAlloc`, `allocWait` and `free`, and of caches that it
 * makes or opens meanwhile. A realloc is a free and an allocation. A free is written before it is done, so that no
 * other thread's allocation of the place stands before it; one that is refused stays in the ring. Where the ring is
 * full the oldest events go, and `TraceReader` counts them. Functions taken from the heap before (`const { alloc } =
 * heap`) are not recorded. A heap has one recording at a time in each thread: another one ends it. Throws BAD_ARGUMENT,
 * and DETACHED. O(1).
 */
export function recordHeap(heap: Heap, ring: TraceRing): HeapRecording {
  attachmentOf(heap);
  if (!reading("ring", ring, () => ring instanceof TraceRing)) throw badArgument("ring", "a TraceRing", ring);
  recordings.get(heap)?.stop();
  const recording = new Recording(heap, ring);
  recordings.set(heap, recording);
  return recording;
}

class Recording implements HeapRecording {
  readonly ring: TraceRing;
  readonly #heap: Heap;
  /** What each object's functions were, by name; undefined where its class has the function. */
  readonly #former = new Map<object, Map<string, Call | undefined>>();
  /** Set inside of a recorded call: what it calls itself is no call of the user's. */
  #isInside = false;

  constructor(heap: Heap, ring: TraceRing) {
    this.#heap = heap;
    this.ring = ring;
    this.#wrapBlocks();
    this.#wrap(heap, "calloc", (call, count: number, size: number) => this.#made(call(count, size), count * size));
    this.#wrap(heap, "alignedAlloc", (call, align: number, size: number) => this.#made(call(align, size), size));
    this.#wrap(heap, "allocWait", (call, size: number, options?: never) => this.#made(call(size, options), size));
    this.#wrap(heap, "realloc", (call, address: number, size: number) => {
      const moved = call(address, size) as number;
      if (address !== 0) this.ring.kfree(address);
      return this.#made(moved, size);
    });
    for (const name of ["createCache", "openCache"]) {
      this.#wrap(heap, name, (call, ...args) => this.#wrapCache((call as Call)(...(args as never[])) as Cache));
    }
  }

  stop(): void {
    if (recordings.get(this.#heap) === this) recordings.delete(this.#heap);
    for (const [object, functions] of this.#former) {
      for (const [name, former] of functions) {
        if (former === undefined) delete (object as Calls)[name];
        else define(object, name, former);
      }
    }
    this.#former.clear();
  }

  #wrapBlocks(): void {
    const heap = this.#heap;
    this.#wrap(heap, "alloc", (call, size: number) => this.#made(call(size), size));
    this.#wrap(heap, "tryAlloc", (call, size: number) => this.#made(call(size), size));
    this.#wrap(heap, "free", (call, address: number) => {
      if (address !== 0 && typeof address === "number") this.ring.kfree(address);
      return call(address);
    });
  }

  #wrapCache(cache: Cache): Cache {
    const { caches } = attachmentOf(this.#heap).layers;
    const kind = caches.find(cache.name) ?? 0;
    const made = (address: unknown): unknown => {
      this.ring.cacheAlloc(address as number, kind, cache.sizeBytes, cache.sizeBytes, GFP_KERNEL);
      return address;
    };
    this.#wrap(cache, "alloc", (call) => made(call()));
    this.#wrap(cache, "tryAlloc", (call) => made(call()));
    this.#wrap(cache, "allocWait", (call, options?: never) => made(call(options)));
    this.#wrap(cache, "free", (call, address: number) => {
      if (address !== 0 && typeof address === "number") this.ring.cacheFree(address, kind);
      return call(address);
    });
    return cache;
  }

  /** Writes an allocation that has been made; 0 has failed. */
  #made(address: unknown, sizeBytes: number): unknown {
    const usable = address === 0 ? 0 : this.#heap.usableSize(address as number);
    this.ring.kmalloc(address as number, sizeBytes, usable, GFP_KERNEL);
    return address;
  }

  /** Puts a function in the place of an object's own; `record` is given that one, bound to the object. */
  #wrap(
    object: object,
    name: string,
    record: (call: (...args: unknown[]) => unknown, ...args: never[]) => unknown,
  ): void {
    const functions = object as Calls;
    const former = functions[name];
    if (former === undefined) return;
    const known = this.#former.get(object) ?? new Map<string, Call | undefined>();
    this.#former.set(object, known);
    known.set(name, Object.hasOwn(object, name) ? former : undefined);
    const call = (...args: unknown[]): unknown => former.apply(object, args as never[]);
    const recorded = (...args: never[]): unknown => {
      if (this.#isInside) return call(...args);
      this.#isInside = true;
      try {
        return record(call, ...args);
      } finally {
        this.#isInside = false;
        this.#followGrowth(object, name, recorded);
      }
    };
    define(object, name, recorded);
  }

  /** Memory that is not shared gives a heap new functions as it grows: they are recorded, too. */
  #followGrowth(object: object, name: string, recorded: Call): void {
    if (object !== this.#heap || !this.#former.has(object)) return;
    if ((object as Calls)[name] !== recorded && Object.hasOwn(object, name)) this.#wrapBlocks();
  }
}

function define(object: object, name: string, value: Call): void {
  Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true });
}
