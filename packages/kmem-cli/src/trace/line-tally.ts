import type { BrokenLog } from "./broken-log.ts";
import type { EventFieldReader, EventFields } from "./event-fields.ts";
import type { KernelContextReader } from "./kernel-context.ts";
import { KERNEL_EVENT, KERNEL_EVENT_NAMES, type KernelEventSink } from "./kernel-events.ts";
import { LINE, lostEventCount } from "./kernel-line.ts";
import { NameTable, NO_NAME } from "./name-table.ts";
import { FormDetector, type UnreadForm } from "./unread-forms.ts";

/**
 * How many lines of a kernel trace were what. `total` and `ranOn` together are all the others, and the broken
 * lines, together.
 */
export interface LineCounts {
  total: number;
  /** Lines that ran on from where the line before them was cut off or ended; they are not in `total`. */
  ranOn: number;
  /** Lines with one of the memory manager's events that a replay is made of. */
  kmemEvent: number;
  /** Lines with any other event. */
  otherEvent: number;
  comment: number;
  blank: number;
  /** Lines of stack traces. */
  stack: number;
  /** Lines that say that the recorder lost events. */
  lost: number;
  /** Lines of trace-cmd's that stand before the events, and of the kernel's around a dump of its trace. */
  header: number;
  /** Lines that go on with the line before them, which something wrapped. */
  continuation: number;
  /** Calls and returns of the function_graph tracer. */
  functionGraph: number;
}

/** What a kernel trace held, apart from what its events mean. */
export interface KernelTraceCounts {
  readonly lines: Readonly<LineCounts>;
  /** Well-formed events by name; of those that are not ours, each name the trace has. */
  readonly events: Readonly<Record<string, number>>;
  /** Events that the recorder says it lost. */
  readonly lostEventCount: number;
  /** What other than a kernel trace its lines were recognised as, most lines first. */
  readonly unread: readonly UnreadForm[];
}

const NAMELESS_EVENT = "(no name)";

/** Counts the lines and hands on the events of one kernel trace, however they are found. */
export class LineTally {
  readonly lines: LineCounts = {
    total: 0,
    ranOn: 0,
    kmemEvent: 0,
    otherEvent: 0,
    comment: 0,
    blank: 0,
    stack: 0,
    lost: 0,
    header: 0,
    continuation: 0,
    functionGraph: 0,
  };
  /** The names of slab caches, for the name ids that the sink is given. */
  readonly cacheNames: NameTable = new NameTable();
  readonly forms: FormDetector = new FormDetector();
  readonly #sink: KernelEventSink;
  readonly #broken: BrokenLog;
  readonly #context: KernelContextReader | undefined;
  readonly #eventCounts = new Array<number>(KERNEL_EVENT_NAMES.length).fill(0);
  readonly #otherNames = new NameTable();
  readonly #otherCounts: number[] = [];
  #lostEventCount = 0;

  constructor(sink: KernelEventSink, broken: BrokenLog, context?: KernelContextReader) {
    this.#sink = sink;
    this.#broken = broken;
    this.#context = context;
  }

  /** Counts a line that cannot be used. */
  reject(position: number, reason: string, text: () => string): void {
    this.#broken.add(position, reason, text);
  }

  /** Hands on an event whose fields have been read; `lineStart` is where its line begins. */
  event(code: number, reader: EventFieldReader, bytes: Uint8Array, lineStart: number): void {
    const { fields } = reader;
    reader.accept();
    this.#context?.read(bytes, lineStart, fields.textStart, fields.textEnd, fields.allocatedBytes);
    this.lines.kmemEvent += 1;
    this.#eventCounts[code]! += 1;
    const { high, low } = fields;
    switch (code) {
      case KERNEL_EVENT.KMALLOC:
      case KERNEL_EVENT.KMALLOC_NODE:
        this.#sink.kmalloc(high, low, fields.requestedBytes, fields.allocatedBytes);
        return;
      case KERNEL_EVENT.KFREE:
        this.#sink.kfree(high, low);
        return;
      case KERNEL_EVENT.CACHE_ALLOC:
      case KERNEL_EVENT.CACHE_ALLOC_NODE: {
        const nameId = this.#nameId(fields, bytes);
        this.#sink.cacheAlloc(high, low, nameId, fields.requestedBytes, fields.allocatedBytes);
        return;
      }
      case KERNEL_EVENT.CACHE_FREE:
        this.#sink.cacheFree(high, low, this.#nameId(fields, bytes));
        return;
      case KERNEL_EVENT.PAGE_ALLOC:
        this.#sink.pageAlloc(fields.pageFrame, fields.order);
        return;
      case KERNEL_EVENT.PAGE_FREE_BATCHED:
        return;
      default:
        this.#sink.pageFree(fields.pageFrame, fields.order);
    }
  }

  /** Counts an event of another kind by its name, which may be empty. */
  otherEvent(bytes: Uint8Array, nameStart: number, nameEnd: number): void {
    const nameId = this.#otherNames.intern(bytes, nameStart, nameEnd);
    this.#otherCounts[nameId] = (this.#otherCounts[nameId] ?? 0) + 1;
    this.lines.otherEvent += 1;
  }

  /** Counts a line that has no event in it, by its kind in LINE; false when it is of none that a trace has. */
  plain(kind: number, bytes: Uint8Array, start: number, end: number): boolean {
    const lines = this.lines;
    switch (kind) {
      case LINE.COMMENT:
        lines.comment += 1;
        return true;
      case LINE.BLANK:
        lines.blank += 1;
        return true;
      case LINE.STACK:
        lines.stack += 1;
        return true;
      case LINE.LOST:
        lines.lost += 1;
        this.#lostEventCount += lostEventCount(bytes, start, end);
        return true;
      case LINE.HEADER:
        lines.header += 1;
        return true;
      case LINE.GRAPH:
        lines.functionGraph += 1;
        return true;
      default:
        return false;
    }
  }

  /** What has been counted so far. */
  counts(): KernelTraceCounts {
    // A map and not an object: a trace may name an event as it likes, `__proto__` included.
    const counts = new Map<string, number>();
    const add = (name: string, count: number | undefined): void => {
      if (count !== undefined && count > 0) counts.set(name, (counts.get(name) ?? 0) + count);
    };
    for (const [code, count] of this.#eventCounts.entries()) add(KERNEL_EVENT_NAMES[code]!, count);
    for (const [nameId, count] of this.#otherCounts.entries()) {
      add(nameId === NO_NAME ? NAMELESS_EVENT : this.#otherNames.name(nameId), count);
    }
    return {
      lines: { ...this.lines },
      events: Object.fromEntries(counts),
      lostEventCount: this.#lostEventCount,
      unread: this.forms.forms(),
    };
  }

  /** The id of a cache's name; a name may hold blanks, and none may stand there. */
  #nameId({ nameStart, nameEnd }: EventFields, bytes: Uint8Array): number {
    return nameStart >= nameEnd ? NO_NAME : this.cacheNames.intern(bytes, nameStart, nameEnd);
  }
}
