import { GFP_KERNEL } from "../gfp/flags.ts";
import { attachmentOf } from "../heap/access.ts";
import type { Heap } from "../heap/heap.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { type Checks, readOptions, requireBoolean } from "../memory/arguments.ts";
import { GRANULE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { classTables } from "../slab/class-tables.ts";
import { CacheRecord } from "../slab/layout.ts";
import { MAX_CLASS_BYTES } from "../slab/size-classes.ts";
import { CallStream, findCallLogs, type LoggedCall } from "./call-stream.ts";
import { NO_NODE, TraceKind } from "./layout.ts";
import type { TraceEvent } from "./reader.ts";

const US_PER_MS = 1000;

/** How calls are read. */
export interface CallReadOptions {
  /**
   * Whether nothing more will come: all recordings have been stopped, their threads are gone, or it is a dump. Then
   * unpublished calls are read too, and none is held back for another thread's before it. Default false.
   */
  readonly isLast?: boolean;
}

const READ_CHECKS: Checks<CallReadOptions> = { isLast: requireBoolean };

/**
 * Reads the calls that the threads of a heap have recorded, from whatever thread, while they go on; it never waits for
 * them and never holds them up. The threads' logs are merged in the order in which it happened: each thread's calls in
 * theirs, and a block is made before it is freed and freed before it is made again, whoever does either. Times are
 * exact to 64 calls of a thread.
 */
export class CallReader {
  readonly #layers: Layers;
  readonly #streams: CallStream[] = [];
  readonly #kindBySize = classTables().kindBySize;
  readonly #bytesByKind = classTables().bytesByKind;
  #originMs: number | undefined;
  /** The ticket after that of the last call that was handed on; undefined at first. */
  #nextTicket: number | undefined;
  #count = 0;

  /** Throws BAD_ARGUMENT for what is no heap, and DETACHED. */
  constructor(heap: Heap) {
    this.#layers = attachmentOf(heap).layers;
  }

  /** Calls that were overwritten before they were read, as far as it is known now. */
  get lostCount(): number {
    return this.#streams.reduce((sum, { lostCount }) => sum + lostCount, 0);
  }

  /**
   * The calls since the last read that are published: each thread publishes 64 at a time, and the rest when its
   * recording is stopped. A call is held back as long as another thread may still publish one before it: read again, or
   * say that this is the last time. Throws BAD_ARGUMENT. O(frames + calls * threads).
   */
  read(options: CallReadOptions = {}): TraceEvent[] {
    const { isLast = false } = readOptions("options", options, READ_CHECKS);
    this.#pull(isLast);
    const events: TraceEvent[] = [];
    for (let next = this.#nextStream(isLast); next !== undefined; next = this.#nextStream(isLast)) {
      const call = next.take();
      this.#nextTicket = (call.ticket + 1) >>> 0;
      events.push(this.#event(next, call));
    }
    return events;
  }

  /** Pulls from all logs. Those of other threads whose calls came before the ones that were read exist by now. */
  #pull(isLast: boolean): void {
    for (const stream of this.#streams) stream.pull(isLast);
    for (let found = this.#findStreams(); found.length > 0; found = this.#findStreams()) {
      for (const stream of found) stream.pull(isLast);
      this.#streams.push(...found);
    }
  }

  #findStreams(): CallStream[] {
    const known = new Set(this.#streams.map(({ address }) => address));
    const found = [...findCallLogs(this.#layers)].filter((address) => !known.has(address));
    return found.map((address) => new CallStream(this.#layers, address));
  }

  /** The stream with the next call; undefined where there is none, or one before it may be published yet. */
  #nextStream(isLast: boolean): CallStream | undefined {
    let first: CallStream | undefined;
    let isSure = true;
    for (const stream of this.#streams) {
      if (stream.head === undefined) isSure = false;
      else if (first === undefined || isBefore(stream, first)) first = stream;
    }
    const isNext = this.#streams.length === 1 || isSure || isLast || first?.head?.ticket === this.#nextTicket;
    return isNext ? first : undefined;
  }

  #event({ slot, originMs }: CallStream, { kind, ptr, detail, timeUs }: LoggedCall): TraceEvent {
    this.#originMs ??= Math.min(...this.#streams.map((stream) => stream.originMs));
    const isCache = kind === TraceKind.CACHE_ALLOC || kind === TraceKind.CACHE_FREE;
    const isMade = kind === TraceKind.KMALLOC || kind === TraceKind.CACHE_ALLOC;
    const bytesReq = !isMade ? 0 : isCache ? this.#objectBytes(detail) : detail;
    return {
      number: this.#count++,
      kind,
      slot,
      timeUs: Math.max(0, Math.round((originMs - this.#originMs) * US_PER_MS) + timeUs),
      callSite: 0,
      ptr,
      bytesReq,
      bytesAlloc: kind === TraceKind.KMALLOC ? this.#blockBytes(ptr, detail) : bytesReq,
      gfp: isMade ? GFP_KERNEL : 0,
      node: NO_NODE,
      name: isCache ? detail : 0,
    };
  }

  /** Bytes of an object of a cache; 0 once it is destroyed. */
  #objectBytes(kind: number): number {
    const { caches } = this.#layers;
    return caches.isUsed(kind) ? caches.get(kind, CacheRecord.OBJECT_BYTES) : 0;
  }

  /** Bytes of the block that a heap has for so many: of its size class, or whole pages. */
  #blockBytes(ptr: number, bytes: number): number {
    if (ptr === 0) return 0;
    if (bytes > MAX_CLASS_BYTES) return Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
    const granules = Math.ceil(bytes / 2 ** GRANULE_SHIFT);
    return this.#bytesByKind[this.#kindBySize[granules]];
  }
}

/** Whether the head of a stream came before that of another. */
function isBefore(one: CallStream, other: CallStream): boolean {
  const later = (one.head!.ticket - other.head!.ticket) | 0;
  // Without tickets there is one thread, which has recorded one log after the other.
  return later === 0 ? one.originMs < other.originMs : later < 0;
}
