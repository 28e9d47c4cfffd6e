import { type EventStream, NO_TIME } from "../trace/event-context.ts";
import { OP, type OpSink, PAGE_BYTES } from "../trace/op-stream.ts";
import { addAlloc, type Figures, noFigures } from "./allocation-figures.ts";
import { LiveTable } from "./live-table.ts";

/** Buckets of a histogram: powers of two. */
const BUCKETS = 64;

/** A histogram by powers of two: bucket n counts values from 2^(n-1) below 2^n; bucket 0 counts 0. */
export type Histogram = Float64Array;

/** The bucket of a value. */
function bucketOf(value: number): number {
  return value < 1 ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log2(value)) + 1);
}

/** One family of allocations: objects (malloc, kmalloc and slab caches), or pages. */
export interface Family {
  readonly total: Figures;
  /** By stack id. */
  readonly sites: Map<number, Figures>;
  /** By thread id of who allocated. */
  readonly threads: Map<number, Figures>;
  /** By cache id plus 1, 0 for what is of no cache; of pages, by order. */
  readonly kinds: Map<number, Figures>;
  /** Sizes as requested, and lifetimes of what was freed: nanoseconds, or events where the trace has no times. */
  readonly sizes: Histogram;
  readonly lifetimes: Histogram;
}

function newFamily(): Family {
  const sizes = new Float64Array(BUCKETS);
  const lifetimes = new Float64Array(BUCKETS);
  return { total: noFigures(), sites: new Map(), threads: new Map(), kinds: new Map(), sizes, lifetimes };
}

/** Counts the operations of a trace by call site, thread, cache and size, and follows what is live. */
export class StatCollector implements OpSink {
  readonly objects: Family = newFamily();
  readonly pages: Family = newFamily();
  /** By slot, where it was asked for. */
  readonly blocks: Map<number, Figures> | undefined;
  readonly live: LiveTable = new LiveTable();
  /** The most bytes that were live in both families together, and when: see `born`. */
  peak: { bytes: number; at: number; allocCount: number } = { bytes: 0, at: 0, allocCount: 0 };
  hasTimes = false;
  firstTime: number = NO_TIME;
  lastTime: number = 0;
  readonly #stream: EventStream;
  #allocCount = 0;
  #eventCount = 0;

  /** `countsBlocks` keeps figures of each slot, too. */
  constructor(stream: EventStream, countsBlocks = false) {
    this.#stream = stream;
    this.blocks = countsBlocks ? new Map() : undefined;
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  op(code: number, _log2Align: number, slot: number, size: number, aux: number): void {
    this.#eventCount += 1;
    const { timeNs } = this.#stream.context;
    if (timeNs !== NO_TIME) {
      if (!this.hasTimes) this.firstTime = timeNs;
      this.hasTimes = true;
      if (timeNs > this.lastTime) this.lastTime = timeNs;
    }
    switch (code) {
      case OP.FREE:
      case OP.CACHE_FREE:
        this.#free(this.objects, slot);
        return;
      case OP.PAGE_FREE:
        this.#freePages(slot, size * PAGE_BYTES);
        return;
      case OP.PAGE_ALLOC:
        this.#alloc(this.pages, slot, 2 ** size * PAGE_BYTES, size);
        return;
      case OP.PAGE_RUN:
        this.#alloc(this.pages, slot, size * PAGE_BYTES, Math.ceil(Math.log2(size)));
        return;
      case OP.REALLOC:
        this.#realloc(slot, size);
        return;
      default:
        this.#alloc(this.objects, slot, size, code === OP.CACHE_ALLOC || code === OP.CACHE_BUILD ? aux + 1 : 0);
    }
  }

  #now(): number {
    return this.hasTimes ? this.#stream.context.timeNs : this.#eventCount;
  }

  #alloc(family: Family, slot: number, requestedBytes: number, kind: number): void {
    const { context } = this.#stream;
    const { live } = this;
    live.reach(slot);
    const allocatedBytes = family === this.pages ? requestedBytes : Math.max(context.allocatedBytes, requestedBytes);
    this.#allocCount += 1;
    live.requested[slot] = requestedBytes;
    live.allocated[slot] = allocatedBytes;
    live.born[slot] = this.#now();
    live.number[slot] = this.#allocCount;
    live.stack[slot] = context.stack;
    live.cpu[slot] = context.cpu;
    live.thread[slot] = context.thread;
    live.kind[slot] = kind;
    family.sizes[bucketOf(requestedBytes)]! += 1;
    this.#each(family, slot, (figures) => addAlloc(figures, requestedBytes, allocatedBytes));
    this.#notePeak();
  }

  #realloc(slot: number, size: number): void {
    const { live } = this;
    const family = this.objects;
    const oldBytes = live.requested[slot]!;
    const oldAllocated = live.allocated[slot]!;
    const kind = live.kind[slot]!;
    // As heaptrack has it: the old block is freed, and another one allocated where realloc was called.
    this.#each(family, slot, (figures) => remove(figures, oldBytes, oldAllocated));
    this.#alloc(family, slot, size, kind);
  }

  #free(family: Family, slot: number): void {
    const { live } = this;
    const { context } = this.#stream;
    const requestedBytes = live.requested[slot]!;
    const allocatedBytes = live.allocated[slot]!;
    const isPingPong = context.cpu !== 0 && live.cpu[slot] !== 0 && live.cpu[slot] !== context.cpu;
    const isTemporary = live.number[slot] === this.#allocCount;
    family.lifetimes[bucketOf(Math.max(0, this.#now() - live.born[slot]!))]! += 1;
    this.#each(family, slot, (figures) => {
      remove(figures, requestedBytes, allocatedBytes);
      if (isPingPong) figures.pingPongCount += 1;
      if (isTemporary) figures.temporaryCount += 1;
    });
    live.number[slot] = 0;
  }

  #freePages(slot: number, bytes: number): void {
    const { live } = this;
    if (bytes >= live.requested[slot]!) {
      this.#free(this.pages, slot);
      return;
    }
    live.requested[slot]! -= bytes;
    live.allocated[slot]! -= bytes;
    this.#each(this.pages, slot, (figures) => {
      figures.liveBytes -= bytes;
      figures.liveAllocatedBytes -= bytes;
    });
  }

  #each(family: Family, slot: number, change: (figures: Figures) => void): void {
    const { live } = this;
    change(family.total);
    change(of(family.sites, live.stack[slot]!));
    change(of(family.threads, live.thread[slot]!));
    change(of(family.kinds, live.kind[slot]!));
    if (this.blocks !== undefined) change(of(this.blocks, slot));
  }

  #notePeak(): void {
    // The pages under the slabs are events as well, so that the families are not to be added up.
    const bytes = Math.max(this.objects.total.liveBytes, this.pages.total.liveBytes);
    if (bytes <= this.peak.bytes) return;
    this.peak.bytes = bytes;
    this.peak.at = this.#now();
    this.peak.allocCount = this.#allocCount;
  }
}

function of(figures: Map<number, Figures>, key: number): Figures {
  const known = figures.get(key);
  if (known !== undefined) return known;
  const fresh = noFigures();
  figures.set(key, fresh);
  return fresh;
}

function remove(figures: Figures, requestedBytes: number, allocatedBytes: number): void {
  figures.freeCount += 1;
  figures.liveCount -= 1;
  figures.liveBytes -= requestedBytes;
  figures.liveAllocatedBytes -= allocatedBytes;
}
