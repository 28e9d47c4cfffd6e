import { StatCollector } from "kmem-cli/internal/insight/collector";
import { type StatReport, statReport } from "kmem-cli/internal/insight/stat-report";
import { type EventStream, NO_TIME } from "kmem-cli/internal/trace/event-context";
import {
  LOG2_ALIGN_SHIFT,
  OP,
  OP_CODE_MASK,
  OP_NAMES,
  OPERATION,
  type OpSink,
  PAGE_BYTES,
  WORDS_PER_OP,
} from "kmem-cli/internal/trace/op-stream";
import type { TraceSummary } from "kmem-cli/internal/trace/trace-summary";

/** Events whose operations lie in one array. */
export const CHUNK_EVENTS = 65_536;
/** Events from one note of what is live to the next. */
const MARK_EVENTS = 1024;
/** Operations that name pages. */
const PAGE_OPS: ReadonlySet<number> = new Set([OP.PAGE_ALLOC, OP.PAGE_FREE, OP.PAGE_RUN]);

/** What is live at a moment of a trace. */
export interface LivePoint {
  /** Events that have happened. */
  readonly event: number;
  /** Nanoseconds since the first event; undefined where the trace has no times. */
  readonly timeNs: number | undefined;
  readonly liveBytes: number;
  readonly liveBlocks: number;
  /** Bytes of pages, which in a kernel's trace lie under the objects. */
  readonly pageBytes: number;
}

/** One event, with who caused it. */
export interface EventDetail {
  readonly event: number;
  readonly name: string;
  readonly slot: number;
  readonly bytes: number;
  readonly frames: readonly string[];
}

/** Operations with what was live now and then, in arrays that workers can share. */
export class TraceStore implements OpSink {
  /** Operations as the files of operations have them, `CHUNK_EVENTS` in each array. */
  readonly chunks: Uint32Array[] = [];
  readonly collector: StatCollector;
  readonly #stream: EventStream;
  readonly #stacks: Uint32Array[] = [];
  readonly #times: Float64Array[] = [];
  /** Of each stretch of MARK_EVENTS: live bytes, blocks and bytes of pages before it, and the most bytes in it. */
  readonly #marks: number[][] = [];
  /** Frees after which pages of their block are still live, by event. */
  readonly #partialFrees = new Set<number>();
  #count = 0;
  #liveBytes = 0;
  #liveBlocks = 0;
  #pageBytes = 0;
  #firstTime = NO_TIME;
  #peak = { bytes: 0, event: 0 };

  constructor(stream: EventStream) {
    this.#stream = stream;
    this.collector = new StatCollector(stream);
  }

  get eventCount(): number {
    return this.#count;
  }

  /** Where the most bytes are live, as `kmem stat` counts them. */
  get peak(): { readonly bytes: number; readonly event: number } {
    return this.#peak;
  }

  get hasTimes(): boolean {
    return this.#firstTime !== NO_TIME;
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    const { context } = this.#stream;
    const isPartial = code === OP.PAGE_FREE && size * PAGE_BYTES < this.collector.live.requested[slot]!;
    if (isPartial) this.#partialFrees.add(this.#count);
    this.collector.op(code, log2Align, slot, size, aux);
    const at = this.#count % CHUNK_EVENTS;
    if (at === 0) this.#addChunk();
    const words = this.chunks.at(-1)!;
    const word = at * WORDS_PER_OP;
    words[word + OPERATION.CODE] = code | (log2Align << LOG2_ALIGN_SHIFT);
    words[word + OPERATION.SLOT] = slot;
    words[word + OPERATION.SIZE] = size;
    words[word + OPERATION.AUX] = aux;
    this.#stacks.at(-1)![at] = context.stack;
    if (this.#firstTime === NO_TIME) this.#firstTime = context.timeNs;
    this.#times.at(-1)![at] = context.timeNs === NO_TIME ? 0 : context.timeNs - this.#firstTime;
    if (this.#count % MARK_EVENTS === 0) this.#marks.push([this.#liveBytes, this.#liveBlocks, this.#pageBytes, 0]);
    this.#count += 1;
    this.#follow();
  }

  /** Takes over what is live from the collector, and notes the peak. */
  #follow(): void {
    const { objects, pages } = this.collector;
    this.#liveBytes = objects.total.liveBytes;
    this.#liveBlocks = objects.total.liveCount + pages.total.liveCount;
    this.#pageBytes = pages.total.liveBytes;
    const bytes = Math.max(this.#liveBytes, this.#pageBytes);
    const mark = this.#marks.at(-1)!;
    if (bytes > mark[3]!) mark[3] = bytes;
    if (bytes > this.#peak.bytes) this.#peak = { bytes, event: this.#count };
  }

  #addChunk(): void {
    const words = CHUNK_EVENTS * WORDS_PER_OP;
    // Shared, so that the workers that replay need no copy; a page that is not isolated has no shared memory.
    const isShared = typeof SharedArrayBuffer !== "undefined";
    const byteLength = words * Uint32Array.BYTES_PER_ELEMENT;
    this.chunks.push(new Uint32Array(isShared ? new SharedArrayBuffer(byteLength) : new ArrayBuffer(byteLength)));
    this.#stacks.push(new Uint32Array(CHUNK_EVENTS));
    this.#times.push(new Float64Array(CHUNK_EVENTS));
  }

  /** What is live after so many events. O(MARK_EVENTS). */
  pointAt(event: number): LivePoint {
    const wanted = Math.max(0, Math.min(this.#count, Math.floor(event)));
    const mark = Math.min(Math.floor(wanted / MARK_EVENTS), this.#marks.length - 1);
    let [liveBytes = 0, liveBlocks = 0, pageBytes = 0] = this.#marks[mark] ?? [];
    for (let at = Math.max(0, mark) * MARK_EVENTS; at < wanted; at++) {
      const [bytes, blocks, pages] = this.#changeOf(at);
      liveBytes += bytes;
      liveBlocks += blocks;
      pageBytes += pages;
    }
    return { event: wanted, timeNs: this.timeAt(wanted), liveBytes, liveBlocks, pageBytes };
  }

  /** Nanoseconds from the first event to the one before a moment. */
  timeAt(event: number): number | undefined {
    if (!this.hasTimes) return undefined;
    const at = Math.max(0, event - 1);
    return this.#times[Math.floor(at / CHUNK_EVENTS)]?.[at % CHUNK_EVENTS] ?? 0;
  }

  /** What an event changes in live bytes, blocks, and bytes of pages. */
  #changeOf(event: number): readonly [number, number, number] {
    const words = this.chunks[Math.floor(event / CHUNK_EVENTS)]!;
    const word = (event % CHUNK_EVENTS) * WORDS_PER_OP;
    const size = words[word + OPERATION.SIZE]!;
    const aux = words[word + OPERATION.AUX]!;
    switch (words[word + OPERATION.CODE]! & OP_CODE_MASK) {
      case OP.FREE:
      case OP.CACHE_FREE:
        return [-size, -1, 0];
      case OP.REALLOC:
        return [size - aux, 0, 0];
      case OP.PAGE_ALLOC:
        return [0, 1, 2 ** size * PAGE_BYTES];
      case OP.PAGE_RUN:
        return [0, 1, size * PAGE_BYTES];
      case OP.PAGE_FREE:
        return [0, this.#partialFrees.has(event) ? 0 : -1, -size * PAGE_BYTES];
      default:
        return [size, 1, 0];
    }
  }

  /** One event, with its call stack. */
  eventAt(event: number): EventDetail | undefined {
    if (!(event >= 0 && event < this.#count)) return undefined;
    const words = this.chunks[Math.floor(event / CHUNK_EVENTS)]!;
    const word = (event % CHUNK_EVENTS) * WORDS_PER_OP;
    const code = words[word + OPERATION.CODE]! & OP_CODE_MASK;
    const size = words[word + OPERATION.SIZE]!;
    const bytes = code === OP.PAGE_ALLOC ? 2 ** size * PAGE_BYTES : PAGE_OPS.has(code) ? size * PAGE_BYTES : size;
    const stack = this.#stacks[Math.floor(event / CHUNK_EVENTS)]![event % CHUNK_EVENTS]!;
    const frames = this.#stream.tables.framesOf(stack);
    return { event, name: OP_NAMES[code] ?? `operation ${code}`, slot: words[word + OPERATION.SLOT]!, bytes, frames };
  }

  /**
   * The course of what is live from one event to another in at most `count` points: of each stretch its end. O(count).
   */
  course(from: number, to: number, count: number): LivePoint[] {
    const steps = Math.max(1, Math.min(count, to - from));
    return Array.from({ length: steps + 1 }, (_, step) =>
      this.pointAt(from + Math.round(((to - from) * step) / steps)),
    );
  }

  /** All figures, as `kmem stat --json` prints them. */
  report(summary: TraceSummary): StatReport {
    return statReport(summary, this.collector, this.#stream);
  }
}
