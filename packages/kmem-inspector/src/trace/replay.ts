import { type BaseHeap, dumpHeap, PAGE_SIZE } from "kmem";
import { OP_LOOPS, type OpLoop } from "kmem-cli/internal/replay/replay-ops";
import type { ReplayTarget } from "kmem-cli/internal/replay/replay-target";
import { openTarget } from "kmem-cli/internal/replay/replay-target";
import { OPERATION, type OpCache, type OpTotals, WORDS_PER_OP } from "kmem-cli/internal/trace/op-stream";
import { ALLOCATORS, type AllocatorName } from "./allocators.ts";
import { ReplayRecord } from "./replay-record.ts";
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

/** A trace on an allocator: its course, its pages after any event, and the heap itself after any. */
export class Replay {
  readonly #allocator: AllocatorName;
  readonly #plan: ReplayPlan;
  readonly #loop: OpLoop;
  #target: ReplayTarget;
  #record: ReplayRecord | undefined;
  #event = 0;

  constructor(allocator: AllocatorName, plan: ReplayPlan) {
    this.#allocator = allocator;
    this.#plan = plan;
    this.#loop = plan.totals.kind === "kernel" ? OP_LOOPS.objects : OP_LOOPS.blocks;
    this.#target = this.#newTarget();
  }

  /** Replays all of it, and notes where each block is and what the allocator occupies. O(events). */
  course(): ReplayCourse {
    this.#restart();
    const record = new ReplayRecord(this.#plan.chunks);
    const failures = this.#recordAll(record);
    this.#record = record;
    const { eventCount } = this.#plan;
    const step = Math.max(1, Math.ceil(eventCount / COURSE_POINTS));
    const pointCount = Math.ceil(eventCount / step);
    const events = Array.from({ length: pointCount }, (_, point) => Math.min(eventCount, (point + 1) * step));
    return {
      allocator: this.#allocator,
      events,
      footprintBytes: events.map((event) => record.footprintAt(event)),
      failureCount: failures.count,
      firstFailure: failures.first,
      peakFootprintBytes: record.peakFootprintBytes,
    };
  }

  /** How full the pages are after so many events. The course comes first. */
  occupancyAt(event: number): Occupancy {
    if (this.#record === undefined) this.course();
    const { pages, liveBytes, footprintBytes } = this.#record!.at(event);
    const pageCount = Math.ceil((this.#target.heap.buffer?.byteLength ?? 0) / PAGE_SIZE);
    const usedPages = Math.min(pageCount, Math.max(pages.length, Math.ceil(footprintBytes / PAGE_SIZE)));
    const levels = new Uint8Array(usedPages);
    for (let page = 0; page < Math.min(pages.length, usedPages); page++) {
      levels[page] = Math.min(FULL, Math.ceil((FULL * pages[page]!) / PAGE_SIZE));
    }
    const wanted = Math.max(0, Math.min(this.#plan.eventCount, event));
    return { event: wanted, levels, liveBytes, footprintBytes };
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
    this.#event = 0;
  }

  /** Replays up to an event. */
  #advance(end: number): void {
    while (this.#event < end) {
      const words = this.#plan.chunks[Math.floor(this.#event / CHUNK_EVENTS)]!;
      const first = this.#event % CHUNK_EVENTS;
      const count = Math.min(CHUNK_EVENTS - first, end - this.#event);
      this.#loop(this.#target, words, first * WORDS_PER_OP, (first + count) * WORDS_PER_OP);
      this.#event += count;
    }
  }

  /** Replays event by event, and notes each. */
  #recordAll(record: ReplayRecord): { readonly count: number; readonly first: number | undefined } {
    const { chunks, eventCount } = this.#plan;
    const { heap, addresses } = this.#target;
    let count = 0;
    let first: number | undefined;
    for (; this.#event < eventCount; this.#event++) {
      const words = chunks[Math.floor(this.#event / CHUNK_EVENTS)]!;
      const word = (this.#event % CHUNK_EVENTS) * WORDS_PER_OP;
      const slot = words[word + OPERATION.SLOT]!;
      const former = addresses[slot]!;
      const failures = this.#loop(this.#target, words, word, word + WORDS_PER_OP);
      if (failures > 0) first ??= this.#event;
      count += failures;
      record.note(former, addresses[slot]!, heap.footprintBytes);
    }
    return { count, first };
  }
}
