import { attachmentOf } from "../heap/access.ts";
import type { Cache } from "../heap/cache.ts";
import type { Heap } from "../heap/heap.ts";
import { type Checks, readOptions, requireCount } from "../memory/arguments.ts";
import { CallLog, type WriteCall } from "./call-log.ts";
import { TraceKind } from "./layout.ts";

/** How a heap is recorded. */
export interface RecordOptions {
  /** Calls that are kept: the oldest go when there are more. 1 to 2^26, 16 bytes each; default 65,536. */
  readonly callCount?: number;
}

const RECORD_CHECKS: Checks<RecordOptions> = { callCount: requireCount };
const DEFAULT_CALLS = 65_536;

/** This thread's calls of a heap that are recorded. */
export interface HeapRecording {
  /** Byte at which the log of the calls begins. */
  readonly address: number;
  /**
   * Ends the recording; the heap's functions are what they were. What was recorded stays in the heap, for a
   * `CallReader` and for dumps. Does nothing when it has ended.
   */
  stop(): void;
  /** As `stop`, and gives the pages of what was recorded back. Does nothing when that has been done. */
  discard(): void;
}

type Call = (...args: never[]) => unknown;
type Calls = Record<string, Call>;
type BlockCalls = Pick<Heap, "alloc" | "tryAlloc" | "free">;
type MoreCalls = Pick<Heap, "calloc" | "realloc" | "alignedAlloc" | "allocWait">;

/** Recordings that go on, by heap. */
const recordings = /* @__PURE__ */ new WeakMap<object, HeapRecording>();

/**
 * Writes each allocation and free of blocks that this thread makes through `heap` into a log of the thread's own, in
 * pages of the heap, until it is stopped: those of `alloc`, `tryAlloc`, `calloc`, `realloc`, `alignedAlloc`,
 * `allocWait` and `free`, and of caches that it makes or opens meanwhile. A realloc is a free and an allocation, and a
 * free that is refused is recorded. `CallReader` reads the logs of all threads. Functions taken from the heap before
 * (`const { alloc } = heap`) are not recorded. A heap has one recording at a time in each thread: another one ends it.
 * Undefined without pages for the log. Throws BAD_ARGUMENT, and DETACHED. O(calls kept).
 */
export function recordHeap(heap: Heap, options: RecordOptions = {}): HeapRecording | undefined {
  const { layers } = attachmentOf(heap);
  const { callCount = DEFAULT_CALLS } = readOptions("options", options, RECORD_CHECKS);
  const log = CallLog.create(layers, callCount);
  if (log === undefined) return undefined;
  recordings.get(heap)?.stop();
  const recording = new Recording(heap, log);
  recordings.set(heap, recording);
  return recording;
}

class Recording implements HeapRecording {
  readonly #heap: Heap;
  readonly #log: CallLog;
  readonly #write: WriteCall;
  /** What each object's functions were, by name; undefined where its class has the function. */
  readonly #former = new Map<object, Map<string, Call | undefined>>();
  /** Set inside of a recorded call that may make others: those are no calls of the user's. */
  readonly #inside = { isSet: false };
  #isDiscarded = false;

  constructor(heap: Heap, log: CallLog) {
    this.#heap = heap;
    this.#log = log;
    this.#write = log.write;
    this.#wrapBlockCalls();
    this.#wrapMoreCalls();
    for (const name of ["createCache", "openCache"] as const) {
      const open = heap[name].bind(heap) as (...args: unknown[]) => Cache;
      this.#replace(heap, name, (...args: unknown[]) => this.#wrapCache(open(...args)));
    }
  }

  get address(): number {
    return this.#log.address;
  }

  stop(): void {
    if (recordings.get(this.#heap) === this) recordings.delete(this.#heap);
    for (const [object, functions] of this.#former) {
      for (const [name, former] of functions) {
        if (former === undefined) delete (object as Calls)[name];
        else (object as Calls)[name] = former;
      }
    }
    this.#former.clear();
    if (!this.#isDiscarded) this.#log.publish();
  }

  discard(): void {
    this.stop();
    if (this.#isDiscarded) return;
    this.#isDiscarded = true;
    this.#log.end();
  }

  /** The calls of the fast path, which have nothing around them that is not needed. */
  #wrapBlockCalls(): void {
    const heap = this.#heap;
    const write = this.#write;
    const inside = this.#inside;
    const { alloc, tryAlloc, free } = heap;
    const calls: BlockCalls = {
      alloc: (sizeBytes) => {
        const address = alloc(sizeBytes);
        if (!inside.isSet) write(TraceKind.KMALLOC, address, sizeBytes);
        return address;
      },
      tryAlloc: (sizeBytes) => {
        const address = tryAlloc(sizeBytes);
        if (!inside.isSet) write(TraceKind.KMALLOC, address, sizeBytes);
        return address;
      },
      free: (address) => {
        // Before it is done: after it the block may be another thread's. One that is refused stays in the log.
        if (typeof address === "number" && address !== 0 && !inside.isSet) write(TraceKind.KFREE, address, 0);
        free(address);
      },
    };
    const followed = attachmentOf(heap).layers.memory.isShared ? calls : this.#following(calls);
    for (const [name, call] of Object.entries(followed)) this.#replace(heap, name, call);
  }

  /** Memory that is not shared may give a heap new functions as it grows: they are recorded, too. */
  #following(calls: BlockCalls): BlockCalls {
    const heap = this.#heap;
    const follow =
      (call: (sizeBytes: number) => number) =>
      (sizeBytes: number): number => {
        try {
          return call(sizeBytes);
        } finally {
          const isNew = heap.alloc !== followed.alloc && this.#former.has(heap) && Object.hasOwn(heap, "alloc");
          if (isNew) this.#wrapBlockCalls();
        }
      };
    const followed: BlockCalls = { ...calls, alloc: follow(calls.alloc), tryAlloc: follow(calls.tryAlloc) };
    return followed;
  }

  #wrapMoreCalls(): void {
    const heap = this.#heap;
    const write = this.#write;
    const made = (address: number, sizeBytes: number): number => {
      if (!this.#inside.isSet) write(TraceKind.KMALLOC, address, sizeBytes);
      return address;
    };
    const { calloc, realloc, alignedAlloc, allocWait } = heap;
    const calls: MoreCalls = {
      calloc: (count, sizeBytes) =>
        made(
          this.#within(() => calloc.call(heap, count, sizeBytes)),
          count * sizeBytes,
        ),
      alignedAlloc: (alignmentBytes, sizeBytes) =>
        made(
          this.#within(() => alignedAlloc.call(heap, alignmentBytes, sizeBytes)),
          sizeBytes,
        ),
      allocWait: (sizeBytes, options) =>
        made(
          this.#within(() => allocWait.call(heap, sizeBytes, options)),
          sizeBytes,
        ),
      realloc: (address, sizeBytes) => {
        const hasBlock = typeof address === "number" && address !== 0 && !this.#inside.isSet;
        if (hasBlock) write(TraceKind.KFREE, address, 0);
        try {
          return made(
            this.#within(() => realloc.call(heap, address, sizeBytes)),
            sizeBytes,
          );
        } catch (error) {
          // The block, if it is one, is where it was.
          const usableBytes = hasBlock ? usableOrNone(heap, address) : 0;
          if (usableBytes > 0) write(TraceKind.KMALLOC, address, usableBytes);
          throw error;
        }
      },
    };
    for (const [name, call] of Object.entries(calls)) if (name in heap) this.#replace(heap, name, call);
  }

  #wrapCache(cache: Cache): Cache {
    const write = this.#write;
    const { caches } = attachmentOf(this.#heap).layers;
    const kind = caches.find(cache.name) ?? 0;
    const made = (address: number): number => {
      write(TraceKind.CACHE_ALLOC, address, kind);
      return address;
    };
    const { alloc, tryAlloc, allocWait, free } = cache;
    const calls: Pick<Cache, "alloc" | "tryAlloc" | "allocWait" | "free"> = {
      alloc: () => made(alloc.call(cache)),
      tryAlloc: () => made(tryAlloc.call(cache)),
      allocWait: (options) => made(allocWait.call(cache, options)),
      free: (address) => {
        if (typeof address === "number" && address !== 0) write(TraceKind.CACHE_FREE, address, kind);
        free.call(cache, address);
      },
    };
    for (const [name, call] of Object.entries(calls)) this.#replace(cache, name, call);
    return cache;
  }

  /** Runs what may call other functions of the heap. */
  #within<Result>(call: () => Result): Result {
    const wasInside = this.#inside.isSet;
    this.#inside.isSet = true;
    try {
      return call();
    } finally {
      this.#inside.isSet = wasInside;
    }
  }

  /** Puts a function in the place of an object's own. */
  #replace(object: object, name: string, call: Call): void {
    const known = this.#former.get(object) ?? new Map<string, Call | undefined>();
    this.#former.set(object, known);
    known.set(name, Object.hasOwn(object, name) ? (object as Calls)[name]! : undefined);
    (object as Calls)[name] = call;
  }
}

/** Bytes that a live block can hold; 0 for what is none. */
function usableOrNone(heap: Heap, address: number): number {
  try {
    return heap.usableSize(address);
  } catch {
    return 0;
  }
}
