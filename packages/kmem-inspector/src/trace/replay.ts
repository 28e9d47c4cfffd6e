import { type BaseHeap, dumpHeap, PAGE_SIZE } from "kmem";
import { OP_LOOPS, type OpLoop } from "kmem-cli/internal/replay/replay-ops";
import type { ReplayTarget } from "kmem-cli/internal/replay/replay-target";
import { openTarget } from "kmem-cli/internal/replay/replay-target";
import {
  OP,
  OP_CODE_MASK,
  OPERATION,
  type OpCache,
  type OpTotals,
  WORDS_PER_OP,
} from "kmem-cli/internal/trace/op-stream";
import { ALLOCATORS, type AllocatorName } from "./allocators.ts";
import { CHUNK_EVENTS } from "./trace-store.ts";

/** What a replay is made of. */
export interface ReplayPlan {
  readonly chunks: readonly Uint32Array[];
  readonly eventCount: number;
  readonly totals: OpTotals;
  readonly caches: readonly OpCache[];
}

/** What an allocator made of a trace: the bytes that it occupied after each of so many stretches of events. */
export interface ReplayCourse {
  readonly allocator: AllocatorName;
  readonly events: readonly number[];
  readonly footprintBytes: readonly number[];
  readonly failureCount: number;
  /** The first event that it had no memory for. */
  readonly firstFailure: number | undefined;
  readonly peakFootprintBytes: number;
}

/** How full each page of an allocator's memory is of live blocks: 0 empty, {@link FULL} full. */
export interface Occupancy {
  readonly event: number;
  readonly levels: Uint8Array;
  readonly liveBytes: number;
  readonly footprintBytes: number;
}

/** The level of a page that is full of live blocks. */
export const FULL = 8;
/** Points of a course. */
const COURSE_POINTS = 2000;

/** A trace on an allocator, which can be brought to any event: from the beginning, where that lies behind. */
export class Replay {
  readonly #allocator: AllocatorName;
  readonly #plan: ReplayPlan;
  readonly #loop: OpLoop;
  #target: ReplayTarget;
  /** Bytes of the live block of each slot; 0 where none is. */
  #sizes: Uint32Array;
  #event = 0;

  constructor(allocator: AllocatorName, plan: ReplayPlan) {
    this.#allocator = allocator;
    this.#plan = plan;
    this.#loop = plan.totals.kind === "kernel" ? OP_LOOPS.objects : OP_LOOPS.blocks;
    this.#target = this.#newTarget();
    this.#sizes = new Uint32Array(plan.totals.slotCount);
  }

  /** Events that have happened. */
  get event(): number {
    return this.#event;
  }

  /** Replays all of it and notes what the allocator occupies on the way. */
  course(): ReplayCourse {
    const { eventCount } = this.#plan;
    const events: number[] = [];
    const footprintBytes: number[] = [];
    let failureCount = 0;
    let firstFailure: number | undefined;
    let peakFootprintBytes = 0;
    this.#restart();
    const step = Math.max(1, Math.ceil(eventCount / COURSE_POINTS));
    for (let end = Math.min(step, eventCount); this.#event < eventCount; end = Math.min(end + step, eventCount)) {
      const from = this.#event;
      const failures = this.#advance(end);
      if (failures > 0) firstFailure ??= this.#firstFailureIn(from, end);
      failureCount += failures;
      const footprint = this.#target.heap.footprintBytes;
      events.push(end);
      footprintBytes.push(footprint);
      peakFootprintBytes = Math.max(peakFootprintBytes, footprint);
    }
    return { allocator: this.#allocator, events, footprintBytes, failureCount, firstFailure, peakFootprintBytes };
  }

  /** How full the pages are after so many events. */
  occupancyAt(event: number): Occupancy {
    this.seek(event);
    const { heap, addresses } = this.#target;
    const pageCount = Math.ceil((heap.buffer?.byteLength ?? 0) / PAGE_SIZE);
    const bytes = new Float64Array(pageCount);
    let liveBytes = 0;
    let lastPage = 0;
    for (const [slot, size] of this.#sizes.entries()) {
      const address = addresses[slot]!;
      if (size === 0 || address === 0) continue;
      liveBytes += size;
      for (let at = address; at < address + size; ) {
        const page = Math.floor(at / PAGE_SIZE);
        const end = Math.min(address + size, (page + 1) * PAGE_SIZE);
        if (page < pageCount) bytes[page]! += end - at;
        lastPage = Math.max(lastPage, page);
        at = end;
      }
    }
    const usedPages = Math.min(pageCount, Math.max(lastPage + 1, Math.ceil(heap.footprintBytes / PAGE_SIZE)));
    const levels = Uint8Array.from(bytes.subarray(0, usedPages), (sum) =>
      Math.min(FULL, Math.ceil((FULL * sum) / PAGE_SIZE)),
    );
    return { event: this.#event, levels, liveBytes, footprintBytes: heap.footprintBytes };
  }

  /** The dump of the heap after so many events; undefined for an allocator that is no heap of the library. */
  dumpAt(event: number): Uint8Array | undefined {
    this.seek(event);
    return this.#allocator === "kmem" ? dumpHeap(this.#target.heap as unknown as BaseHeap) : undefined;
  }

  /** Brings the heap to the state after so many events. */
  seek(event: number): void {
    const wanted = Math.max(0, Math.min(this.#plan.eventCount, event));
    if (wanted < this.#event) this.#restart();
    this.#advance(wanted);
  }

  #newTarget(): ReplayTarget {
    const { totals, caches, eventCount } = this.#plan;
    const { peakLiveBytes, peakLiveBlockCount, requestedBytes } = totals;
    const plan = { peakLiveBytes, peakLiveBlockCount, requestedBytes, opCount: eventCount };
    const heap = ALLOCATORS[this.#allocator].createHeap(plan);
    return openTarget(heap, { ...totals, opCount: eventCount, cacheCount: caches.length }, caches);
  }

  #restart(): void {
    this.#target = this.#newTarget();
    this.#sizes = new Uint32Array(this.#plan.totals.slotCount);
    this.#event = 0;
  }

  /** Replays up to an event; answers how many allocations failed. */
  #advance(end: number): number {
    let failures = 0;
    while (this.#event < end) {
      const words = this.#plan.chunks[Math.floor(this.#event / CHUNK_EVENTS)]!;
      const first = this.#event % CHUNK_EVENTS;
      const count = Math.min(CHUNK_EVENTS - first, end - this.#event);
      const [startWord, endWord] = [first * WORDS_PER_OP, (first + count) * WORDS_PER_OP];
      failures += this.#loop(this.#target, words, startWord, endWord);
      followSizes(words, startWord, endWord, this.#sizes);
      this.#event += count;
    }
    return failures;
  }

  /** Looks event by event for the first allocation between two events that fails. */
  #firstFailureIn(from: number, end: number): number {
    const other = new Replay(this.#allocator, this.#plan);
    other.seek(from);
    while (other.event < end) if (other.#advance(other.event + 1) > 0) return other.event - 1;
    return from;
  }
}

/** Notes the bytes of what each slot holds. Blocks of pages are no part of it. */
function followSizes(words: Uint32Array, startWord: number, endWord: number, sizes: Uint32Array): void {
  for (let at = startWord; at < endWord; at += WORDS_PER_OP) {
    const slot = words[at + OPERATION.SLOT]!;
    switch (words[at + OPERATION.CODE]! & OP_CODE_MASK) {
      case OP.FREE:
      case OP.CACHE_FREE:
        sizes[slot] = 0;
        break;
      case OP.PAGE_ALLOC:
      case OP.PAGE_FREE:
      case OP.PAGE_RUN:
        break;
      default:
        sizes[slot] = words[at + OPERATION.SIZE]!;
    }
  }
}
