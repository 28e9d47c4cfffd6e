import type { BrokenLog } from "./broken-log.ts";
import { cleanLine } from "./clean-line.ts";
import { EventFieldReader } from "./event-fields.ts";
import { emptyAnchor, findEventAnchor } from "./find-event-name.ts";
import type { KernelContextReader } from "./kernel-context.ts";
import { KERNEL_EVENT_NAMES, type KernelEventSink } from "./kernel-events.ts";
import {
  classifyLine,
  emptyLineParts,
  findRunOn,
  isPlainName,
  LINE,
  type LineParts,
  readEventName,
} from "./kernel-line.ts";
import { asciiBytes, findWord, latin1, NONE, printable, SPACE } from "./line-scan.ts";
import { type LineSink, LineSplitter } from "./line-splitter.ts";
import { type KernelTraceCounts, LineTally } from "./line-tally.ts";
import type { NameTable } from "./name-table.ts";
import { CUT_REASON, EXAMPLE_LENGTH, RUN_ON_REASON, SlowLineReader } from "./slow-lines.ts";

const CALLED_FROM = asciiBytes(" <-");

/**
 * Reads the text of ftrace, perf script and trace-cmd report, and hands its events on. Lines in the forms that these
 * print by themselves are read where they lie; all others go to the SlowLineReader.
 */
export class KernelTraceReader implements LineSink {
  readonly #tally: LineTally;
  readonly #slow: SlowLineReader;
  readonly #fields = new EventFieldReader();
  readonly #splitter = new LineSplitter(this);
  readonly #parts: LineParts = emptyLineParts();
  readonly #anchor = emptyAnchor();
  readonly #secondAnchor = emptyAnchor();
  #cut = false;
  /** Whether the first line with a processor number stood in its columns. */
  #keepsColumns: boolean | undefined;

  /** `context`, where somebody wants to know more of an event than what it does. */
  constructor(sink: KernelEventSink, broken: BrokenLog, context?: KernelContextReader) {
    this.#tally = new LineTally(sink, broken, context);
    this.#slow = new SlowLineReader(this.#tally, this.#fields);
  }

  /** The names of slab caches, for the name ids that the sink is given. */
  get cacheNames(): NameTable {
    return this.#tally.cacheNames;
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
    this.#slow.end();
  }

  /** Lines that have been read so far. */
  get lineCount(): number {
    return this.#tally.lines.total;
  }

  /** What has been read so far. */
  counts(): KernelTraceCounts {
    return this.#tally.counts();
  }

  line(bytes: Uint8Array, start: number, end: number, terminated: boolean): void {
    this.#tally.lines.total += 1;
    if (this.#cut && !terminated) {
      this.#slow.end();
      this.#reject(CUT_REASON, bytes, start, end);
      return;
    }
    const slow = this.#slow;
    if (slow.isWaiting && slow.goOn(latin1(bytes, start, end), terminated)) return;
    const parts = this.#parts;
    classifyLine(bytes, start, end, parts, this.#splitter.marks);
    const hasEvent = parts.kind <= LINE.OTHER_EVENT || parts.kind === LINE.STACK;
    const ranOn = hasEvent && this.#rejectCutLines(bytes, start, end);
    if (this.#takeQuickly(bytes, start, end, terminated)) slow.previousKind = parts.kind;
    else if (ranOn) this.#takeRest(bytes, start, end, terminated);
    else slow.begin(latin1(bytes, start, end), terminated);
  }

  overlongLine(bytes: Uint8Array, start: number, end: number): void {
    this.#slow.end();
    this.#tally.lines.total += 1;
    this.#reject("the line is too long", bytes, start, end);
  }

  #reject(reason: string, bytes: Uint8Array, start: number, end: number): void {
    this.#tally.reject(this.#tally.lines.total, reason, () => printable(bytes, start, end, EXAMPLE_LENGTH));
  }

  /**
   * Reports each cut line that another runs on from, and leaves the last one of them in the parts. Answers whether
   * there was any.
   */
  #rejectCutLines(bytes: Uint8Array, start: number, end: number): boolean {
    const parts = this.#parts;
    let found = false;
    if (parts.cpuCount > 0) {
      // Text that somebody has indented or trimmed is out of its columns from the first line on, and means nothing.
      this.#keepsColumns ??= parts.inColumns;
      // A task's name is shorter than its columns, so what is left of a cut line begins with a blank.
      const leftColumns = this.#keepsColumns && !parts.inColumns && bytes[start] === SPACE;
      if ((parts.cpuCount > 1 || leftColumns) && !isWrappedUp(bytes, start, end)) {
        found = this.#rejectCutLine(bytes, start, end);
      }
    }
    if (this.#splitter.lastColon < parts.textStart) return found;
    for (let colon = findRunOn(bytes, end, parts); colon !== NONE; colon = findRunOn(bytes, end, parts)) {
      found = this.#rejectCutLine(bytes, start, end);
      readEventName(bytes, colon, end, parts);
    }
    return found;
  }

  #rejectCutLine(bytes: Uint8Array, start: number, end: number): true {
    this.#reject(RUN_ON_REASON, bytes, start, end);
    this.#tally.lines.ranOn += 1;
    return true;
  }

  /** Takes a line that is whole and needs no further thought; answers whether it was one. */
  #takeQuickly(bytes: Uint8Array, start: number, end: number, terminated: boolean): boolean {
    const parts = this.#parts;
    const tally = this.#tally;
    switch (parts.kind) {
      case LINE.KMEM_EVENT: {
        const fields = this.#fields;
        const reason = fields.read(parts.code, bytes, parts.textStart, end);
        if (reason !== undefined || fields.isOpen || parts.strayColon) return false;
        tally.event(parts.code, fields, bytes, start);
        return true;
      }
      case LINE.OTHER_EVENT:
        if (parts.isBare || !isPlainName(bytes, parts.nameStart, parts.nameEnd)) {
          return this.#takeByName(bytes, start, end) || (terminated && this.#takeFunction(bytes, end));
        }
        tally.otherEvent(bytes, parts.nameStart, parts.nameEnd);
        return true;
      case LINE.UNKNOWN:
        return this.#takeByName(bytes, start, end);
      case LINE.STACK:
      case LINE.GRAPH:
        if (this.#takeByName(bytes, start, end)) return true;
        return this.#anchor.start === NONE && tally.plain(parts.kind, bytes, start, end);
      default:
        return tally.plain(parts.kind, bytes, start, end);
    }
  }

  /** Takes an event that only its name shows, if it is the only one in its line. */
  #takeByName(bytes: Uint8Array, start: number, end: number): boolean {
    const anchor = this.#anchor;
    if (!findEventAnchor(bytes, start, end, anchor)) {
      anchor.start = NONE;
      return false;
    }
    if (anchor.isCall || bytes[anchor.textStart] !== SPACE) return false;
    if (findEventAnchor(bytes, anchor.textStart, end, this.#secondAnchor)) return false;
    const fields = this.#fields;
    if (fields.read(anchor.code, bytes, anchor.textStart, end) !== undefined || fields.isOpen) return false;
    this.#parts.kind = LINE.KMEM_EVENT;
    this.#tally.event(anchor.code, fields, bytes, start);
    return true;
  }

  /** Takes an entry of the function tracer, `vfs_read <-ksys_read`, which has a context and no name. */
  #takeFunction(bytes: Uint8Array, end: number): boolean {
    const { cpuCount, nameStart, nameEnd, isBare } = this.#parts;
    if (isBare || cpuCount !== 1 || nameStart !== nameEnd || nameStart === end || this.#anchor.start !== NONE)
      return false;
    if (findWord(bytes, nameStart, end, CALLED_FROM) === NONE) return false;
    this.#tally.otherEvent(bytes, nameStart, nameEnd);
    return true;
  }

  /** Takes what is left of a line behind the last of those that were cut off in it. */
  #takeRest(bytes: Uint8Array, start: number, end: number, terminated: boolean): void {
    const { kind, code, nameStart, nameEnd, textStart } = this.#parts;
    this.#slow.previousKind = kind;
    if (kind === LINE.KMEM_EVENT) {
      const reason = this.#fields.read(code, bytes, textStart, end) ?? this.#openReason();
      if (reason === undefined) this.#tally.event(code, this.#fields, bytes, start);
      else this.#reject(`${KERNEL_EVENT_NAMES[code]}: ${reason}`, bytes, start, end);
    } else if (kind === LINE.OTHER_EVENT) {
      // Its name may have been about to become one of ours.
      if (!terminated && nameStart === nameEnd) this.#reject(CUT_REASON, bytes, start, end);
      else this.#tally.otherEvent(bytes, nameStart, nameEnd);
    } else {
      this.#tally.plain(kind, bytes, start, end);
    }
  }

  #openReason(): string | undefined {
    return this.#fields.isOpen ? this.#fields.judgeLastAddress() : undefined;
  }
}

/** Whether a mailer, a browser or a log has put something around a line, so that its columns say nothing. */
function isWrappedUp(bytes: Uint8Array, start: number, end: number): boolean {
  const raw = latin1(bytes, start, end);
  return cleanLine(raw).text !== raw.trimEnd();
}
