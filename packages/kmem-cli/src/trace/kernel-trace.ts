import type { BrokenLog } from "./broken-log.ts";
import { KERNEL_EVENT, KERNEL_EVENT_NAMES, type KernelEventSink } from "./kernel-events.ts";
import {
  classifyLine,
  emptyLineParts,
  findRunOn,
  LINE,
  type LineParts,
  lostEventCount,
  readEventName,
} from "./kernel-line.ts";
import { asciiBytes, findWord, NONE, printable, readNumber, readPointer, type Word64 } from "./line-scan.ts";
import { type LineSink, LineSplitter } from "./line-splitter.ts";
import { NameTable, NO_NAME } from "./name-table.ts";

/**
 * How many lines of a kernel trace were what. `total` and `ranOn` together are all the others, and the broken
 * lines, together.
 */
export interface LineCounts {
  total: number;
  /** Lines that ran on from where the line before them was cut off; they are not in `total`. */
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
  /** Lines of trace-cmd's that stand before the events. */
  header: number;
}

/** What a kernel trace held, apart from what its events mean. */
export interface KernelTraceCounts {
  readonly lines: Readonly<LineCounts>;
  /** Well-formed events by name; of those that are not ours, each name the trace has. */
  readonly events: Readonly<Record<string, number>>;
  /** Events that the recorder says it lost. */
  readonly lostEventCount: number;
}

const BLANK_THEN = (field: string): Uint8Array => asciiBytes(` ${field}`);
const PTR = BLANK_THEN("ptr=");
const BYTES_REQ = BLANK_THEN("bytes_req=");
const BYTES_ALLOC = BLANK_THEN("bytes_alloc=");
const GFP_FLAGS = BLANK_THEN("gfp_flags=");
const NAME = BLANK_THEN("name=");
const PFN = BLANK_THEN("pfn=");
const ORDER = BLANK_THEN("order=");

const MAX_SIZE_BYTES = 2 ** 32 - 1;
/** The highest order that a Linux configuration in use has (arm64 with pages of 64 KiB); x86 stops at 10. */
const MAX_PAGE_ORDER = 13;
/** A page frame number fits in 52 bits; the mark for "no page" has all 64 set and is here rounded. */
const PAGE_FRAME_LIMIT = 2 ** 52;
const NO_PAGE_FLOOR = 2 ** 63;
const NO_PAGE_CEILING = 2 ** 64;

const EXAMPLE_LENGTH = 200;
const NAMELESS_EVENT = "(no name)";
const CUT_REASON = "the line is cut off by the end of the trace";
const RUN_ON_REASON = "the line is cut off, and the next one runs on from there";

/** Reads the text of ftrace, perf script and trace-cmd report, and hands its events on. */
export class KernelTraceReader implements LineSink {
  readonly #sink: KernelEventSink;
  readonly #broken: BrokenLog;
  readonly #splitter = new LineSplitter(this);
  readonly #parts: LineParts = emptyLineParts();
  readonly #address: Word64 = { high: 0, low: 0 };
  readonly #eventCounts = new Array<number>(KERNEL_EVENT_NAMES.length).fill(0);
  readonly #otherNames = new NameTable();
  readonly #otherCounts: number[] = [];
  readonly #lines: LineCounts = {
    total: 0,
    ranOn: 0,
    kmemEvent: 0,
    otherEvent: 0,
    comment: 0,
    blank: 0,
    stack: 0,
    lost: 0,
    header: 0,
  };
  #lostEventCount = 0;
  #cut = false;
  /** Whether the first line with a processor number stood in its columns. */
  #keepsColumns: boolean | undefined;

  /** The names of slab caches, for the name ids that the sink is given. */
  readonly cacheNames: NameTable = new NameTable();

  constructor(sink: KernelEventSink, broken: BrokenLog) {
    this.#sink = sink;
    this.#broken = broken;
  }

  /** Takes the next bytes of the trace. */
  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
  }

  /**
   * Ends the trace. A last line without a line feed counts like any other, unless the trace is known to have
   * been cut: then what it seems to say cannot be relied on.
   */
  end(cut = false): void {
    this.#cut = cut;
    this.#splitter.end();
  }

  /** What has been read so far. */
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
    return { lines: { ...this.#lines }, events: Object.fromEntries(counts), lostEventCount: this.#lostEventCount };
  }

  line(bytes: Uint8Array, start: number, end: number, terminated: boolean): void {
    this.#lines.total += 1;
    if (this.#cut && !terminated) {
      this.#reject(CUT_REASON, bytes, start, end);
      return;
    }
    const parts = this.#parts;
    classifyLine(bytes, start, end, parts);
    if (parts.kind <= LINE.OTHER_EVENT || parts.kind === LINE.STACK) this.#rejectCutLines(bytes, start, end);
    if (parts.kind === LINE.KMEM_EVENT) this.#takeEvent(bytes, start, end);
    else this.#countOtherLine(bytes, start, end, terminated);
  }

  overlongLine(bytes: Uint8Array, start: number, end: number): void {
    this.#lines.total += 1;
    this.#reject("the line is too long", bytes, start, end);
  }

  #reject(reason: string, bytes: Uint8Array, start: number, end: number): void {
    this.#broken.add(this.#lines.total, reason, () => printable(bytes, start, end, EXAMPLE_LENGTH));
  }

  /** Reports each cut line that another runs on from, and leaves the last one of them in the parts. */
  #rejectCutLines(bytes: Uint8Array, start: number, end: number): void {
    const parts = this.#parts;
    if (parts.cpuCount > 0) {
      // Text that somebody has indented or trimmed is out of its columns from the first line on, and means nothing.
      this.#keepsColumns ??= parts.inColumns;
      if (parts.cpuCount > 1 || (this.#keepsColumns && !parts.inColumns)) this.#rejectCutLine(bytes, start, end);
    }
    for (let colon = findRunOn(bytes, end, parts); colon !== NONE; colon = findRunOn(bytes, end, parts)) {
      this.#rejectCutLine(bytes, start, end);
      readEventName(bytes, colon, end, parts);
    }
  }

  #rejectCutLine(bytes: Uint8Array, start: number, end: number): void {
    this.#reject(RUN_ON_REASON, bytes, start, end);
    this.#lines.ranOn += 1;
  }

  #takeEvent(bytes: Uint8Array, start: number, end: number): void {
    const code = this.#parts.code;
    const reason = this.#readEvent(code, bytes, this.#parts.textStart, end);
    if (reason === undefined) {
      this.#lines.kmemEvent += 1;
      this.#eventCounts[code]! += 1;
    } else {
      this.#reject(`${KERNEL_EVENT_NAMES[code]}: ${reason}`, bytes, start, end);
    }
  }

  #countOtherLine(bytes: Uint8Array, start: number, end: number, terminated: boolean): void {
    const lines = this.#lines;
    switch (this.#parts.kind) {
      case LINE.OTHER_EVENT: {
        if (!terminated && this.#parts.nameStart === this.#parts.nameEnd) {
          // Its name may have been about to become one of ours.
          this.#reject(CUT_REASON, bytes, start, end);
          return;
        }
        const nameId = this.#otherNames.intern(bytes, this.#parts.nameStart, this.#parts.nameEnd);
        this.#otherCounts[nameId] = (this.#otherCounts[nameId] ?? 0) + 1;
        lines.otherEvent += 1;
        return;
      }
      case LINE.COMMENT:
        lines.comment += 1;
        return;
      case LINE.BLANK:
        lines.blank += 1;
        return;
      case LINE.STACK:
        lines.stack += 1;
        return;
      case LINE.LOST:
        lines.lost += 1;
        this.#lostEventCount += lostEventCount(bytes, start, end);
        return;
      case LINE.HEADER:
        lines.header += 1;
        return;
      default:
        this.#reject("not a line of a kernel trace", bytes, start, end);
    }
  }

  /** Reads the fields of one event and hands it on, or answers why it cannot be used. */
  #readEvent(code: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    switch (code) {
      case KERNEL_EVENT.KMALLOC:
      case KERNEL_EVENT.KMALLOC_NODE:
      case KERNEL_EVENT.CACHE_ALLOC:
      case KERNEL_EVENT.CACHE_ALLOC_NODE:
        return this.#readAlloc(code, bytes, start, end);
      case KERNEL_EVENT.KFREE:
      case KERNEL_EVENT.CACHE_FREE:
        return this.#readFree(code, bytes, start, end);
      default:
        return this.#readPages(code, bytes, start, end);
    }
  }

  #readAlloc(code: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    const pointer = findWord(bytes, start, end, PTR);
    if (pointer === NONE) return "no ptr= field";
    const pointerEnd = readPointer(bytes, pointer + PTR.length, end, this.#address);
    if (pointerEnd === NONE) return "ptr= is not an address";
    const requested = findWord(bytes, pointerEnd, end, BYTES_REQ);
    if (requested === NONE) return "no bytes_req= field";
    const requestedBytes = readNumber(bytes, requested + BYTES_REQ.length, end);
    if (requestedBytes === NONE || requestedBytes > MAX_SIZE_BYTES) return "bytes_req= is not a 32-bit number";
    const allocated = findWord(bytes, requested + BYTES_REQ.length, end, BYTES_ALLOC);
    if (allocated === NONE) return "no bytes_alloc= field";
    const allocatedBytes = readNumber(bytes, allocated + BYTES_ALLOC.length, end);
    if (allocatedBytes === NONE || allocatedBytes > MAX_SIZE_BYTES) return "bytes_alloc= is not a 32-bit number";
    // All kernels print the flags next; a line without them was cut, perhaps within the last number.
    if (findWord(bytes, allocated + BYTES_ALLOC.length, end, GFP_FLAGS) === NONE) return "no gfp_flags= field";

    const { high, low } = this.#address;
    if (code === KERNEL_EVENT.KMALLOC || code === KERNEL_EVENT.KMALLOC_NODE) {
      this.#sink.kmalloc(high, low, requestedBytes, allocatedBytes);
    } else {
      const nameId = this.#readName(bytes, pointerEnd, requested);
      this.#sink.cacheAlloc(high, low, nameId, requestedBytes, allocatedBytes);
    }
    return undefined;
  }

  #readFree(code: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    const pointer = findWord(bytes, start, end, PTR);
    if (pointer === NONE) return "no ptr= field";
    const pointerEnd = readPointer(bytes, pointer + PTR.length, end, this.#address);
    if (pointerEnd === NONE) return "ptr= is not an address";
    const { high, low } = this.#address;
    if (code === KERNEL_EVENT.KFREE) this.#sink.kfree(high, low);
    else this.#sink.cacheFree(high, low, this.#readName(bytes, pointerEnd, end));
    return undefined;
  }

  /** The cache name between two positions. It is the last field there, so it may hold blanks. */
  #readName(bytes: Uint8Array, start: number, end: number): number {
    if (start === end) return NO_NAME;
    const name = findWord(bytes, start, end, NAME);
    return name === NONE ? NO_NAME : this.cacheNames.intern(bytes, name + NAME.length, end);
  }

  #readPages(code: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    const frame = findWord(bytes, start, end, PFN);
    if (frame === NONE) return "no pfn= field";
    let pageFrame = readNumber(bytes, frame + PFN.length, end);
    if (pageFrame > NO_PAGE_FLOOR && pageFrame <= NO_PAGE_CEILING) pageFrame = 0;
    if (pageFrame === NONE || pageFrame >= PAGE_FRAME_LIMIT) return "pfn= is not a page frame number";
    // These have order 0 by definition, and some forms of the text leave it out.
    if (code === KERNEL_EVENT.PAGE_FREE_BATCHED) return undefined;
    const orderAt = findWord(bytes, frame + PFN.length, end, ORDER);
    if (orderAt === NONE) return "no order= field";
    const order = readNumber(bytes, orderAt + ORDER.length, end);
    if (order === NONE || order > MAX_PAGE_ORDER) return `order= is not 0 to ${MAX_PAGE_ORDER}`;
    if (code === KERNEL_EVENT.PAGE_ALLOC) this.#sink.pageAlloc(pageFrame, order);
    else this.#sink.pageFree(pageFrame, order);
    return undefined;
  }
}
