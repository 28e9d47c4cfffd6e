import { Buffer } from "node:buffer";
import { classifyShape } from "./classify-text.ts";
import { cleanLine, GOES_ON } from "./clean-line.ts";
import { type EventFieldReader, UNHASHED_REASON } from "./event-fields.ts";
import { emptyAnchor, findEventAnchor } from "./find-event-name.ts";
import { KERNEL_EVENT_NAMES } from "./kernel-events.ts";
import { classifyLine, emptyLineParts, isPlainName, LINE, type LineParts } from "./kernel-line.ts";
import { NONE, printable, SPACE } from "./line-scan.ts";
import type { LineTally } from "./line-tally.ts";
import { fieldsOfCall } from "./perf-trace-text.ts";
import { CUT_PERF_TRACE, FIELDLESS, NAMELESS, UNHASHED } from "./unread-forms.ts";
import { cutsNumber, endsInNeededValue, glueOf, isTail } from "./wrapped-text.ts";

export const EXAMPLE_LENGTH = 200;
export const CUT_REASON = "the line is cut off by the end of the trace";
export const RUN_ON_REASON = "the line is cut off, and the next one runs on from there";
const WRAP_REASON = "an address or a number is cut by a wrapped line";
const UNKNOWN_REASON = "not a line of a kernel trace";
const NAMELESS_REASON = "fields of an event whose name is missing";
const CUT_CALL_REASON = "the closing parenthesis is missing";

/** The most lines that one event is put together from, and the most characters. */
const MAX_WRAPPED_LINES = 16;
const MAX_WRAPPED_LENGTH = 8192;

/** Kinds of lines with which nothing goes on. */
const ENDS_TEXT: ReadonlySet<number> = new Set([LINE.BLANK, LINE.COMMENT, LINE.LOST, LINE.HEADER, LINE.GRAPH]);
/** Seconds and a colon before the first field of a line. */
const TIME_STAMP = /^[^=]{0,200}\d\.\d{3,9}: /;
/** What may stand between a time stamp and the name of an event, or the beginning of one. */
const MAY_BECOME_NAMED = /^(?:\d{1,20}|\(\+\d{1,20}\))?\s*[a-z_:]{0,64}$/;
/** Nothing but a code address, where the fields of an event should be. */
const FIELDLESS_TEXT = /^\s*(?:$|[0-9a-f]{4,16}(?:\s|$))/;
const STARTS_ANY_FIELD = /^\s*[a-z]\w{0,63}=/;
/** Answer for a line that goes on in the middle of a number. */
const CUT = Symbol("cut in a number");

/** A text that may go on in the next line. */
interface Held {
  readonly text: string;
  /** Number of its first line. */
  readonly position: number;
  readonly lineCount: number;
  /** One of GOES_ON: whether the text itself says that it goes on. */
  readonly goesOn: number;
  readonly terminated: boolean;
}

/** What a text is, as far as it can be told without what follows it. */
interface Verdict {
  /** Its kind in LINE; for an event of ours also where its parts stand in `bytes`. */
  readonly kind: number;
  readonly code: number;
  readonly bytes: Buffer;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly textStart: number;
  /** Where the next event of ours in the same text begins, or NONE. */
  readonly restStart: number;
  /** Why an event of ours cannot be used. */
  readonly reason: string | undefined;
  /** Whether more text could make another event of it, or one at all. */
  readonly isOpen: boolean;
}

/**
 * Reads the lines that are not as the recorders print them: quoted, wrapped, coloured, encoded, with other fields or
 * in another order. Takes its time: it works on strings, and tries whether two lines are one.
 */
export class SlowLineReader {
  readonly #tally: LineTally;
  readonly #fields: EventFieldReader;
  readonly #parts: LineParts = emptyLineParts();
  readonly #anchor = emptyAnchor();
  #held: Held | undefined;
  /** Kind of the line before, in LINE. */
  previousKind: number = LINE.BLANK;

  constructor(tally: LineTally, fields: EventFieldReader) {
    this.#tally = tally;
    this.#fields = fields;
  }

  /** Whether a text waits for the line that may go on with it. */
  get isWaiting(): boolean {
    return this.#held !== undefined;
  }

  /** Takes the next line if it goes on with what waits; otherwise what waits is settled without it. */
  goOn(raw: string, terminated: boolean): boolean {
    const held = this.#held!;
    this.#held = undefined;
    const next = cleanLine(raw);
    const isLong = held.lineCount >= MAX_WRAPPED_LINES || held.text.length + raw.length > MAX_WRAPPED_LENGTH;
    const joined = isLong ? undefined : this.#join(held, next.text, raw);
    if (joined === undefined) {
      this.#settle(held);
      return false;
    }
    if (joined !== CUT) {
      const whole = held.goesOn === GOES_ON.SOFTLY ? cleanLine(joined) : { text: joined, goesOn: next.goesOn };
      this.#consider({ ...held, ...whole, lineCount: held.lineCount + 1, terminated });
      return true;
    }
    this.#rejectText(held.position, WRAP_REASON, held.text);
    this.#tally.lines.continuation += held.lineCount;
    this.previousKind = LINE.KMEM_EVENT;
    return true;
  }

  /** Takes a line that begins something new. */
  begin(raw: string, terminated: boolean): void {
    const { text, goesOn } = cleanLine(raw);
    this.#consider({ text, position: this.#tally.lines.total, lineCount: 1, goesOn, terminated });
  }

  /** Settles what waits. */
  end(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#settle(held);
  }

  /** Counts a text as what it is, but keeps it, or the last of the events in it, if it may go on. */
  #consider(text: Held): void {
    if (text.terminated && text.goesOn !== GOES_ON.NO) {
      this.#held = text;
      return;
    }
    const { verdict, start } = this.#countAllButLast(text);
    if (!text.terminated || !verdict.isOpen) {
      this.#count(verdict, text);
      this.#tally.lines.continuation += text.lineCount - 1;
    } else if (start === 0) {
      this.#held = text;
    } else {
      this.#tally.lines.continuation += text.lineCount - 1;
      this.#held = { ...text, text: text.text.slice(start), lineCount: 1 };
    }
  }

  /** Counts a text, and what runs on in it, as what it is. */
  #settle(text: Held): void {
    this.#tally.lines.continuation += text.lineCount - 1;
    this.#count(this.#countAllButLast(text).verdict, text);
  }

  /** Counts the events of ours that stand before the last one in a text, and answers that one. */
  #countAllButLast(text: Held): { readonly verdict: Verdict; readonly start: number } {
    let verdict = this.#judge(text.text);
    let start = 0;
    while (verdict.restStart !== NONE) {
      this.#count(verdict, text);
      this.#tally.lines.ranOn += 1;
      start = verdict.restStart;
      verdict = this.#judgeEvent(verdict.bytes, start);
    }
    return { verdict, start };
  }

  /** The text that the next line makes of a text, CUT when it shows that it was cut in a number, or undefined. */
  #join(held: Held, next: string, raw: string): string | typeof CUT | undefined {
    const alone = this.#judge(next);
    const { isBare, cpuCount } = this.#parts;
    if (held.goesOn !== GOES_ON.NO) {
      // Whatever the line before it ends in, a whole event with a context is one.
      const isWhole = alone.kind === LINE.KMEM_EVENT && alone.reason === undefined && !alone.isOpen;
      if (isWhole && cpuCount > 0) return undefined;
      if (held.goesOn === GOES_ON.SOFTLY) return held.text + raw;
      return held.goesOn === GOES_ON.AT_BLANK ? `${held.text} ${next.trimStart()}` : held.text + next;
    }
    if (ENDS_TEXT.has(alone.kind)) return undefined;
    const before = this.#judge(held.text);
    const continued = next.trimStart();
    const joined = held.text + glueOf(held.text, continued) + continued;
    if (before.kind !== LINE.KMEM_EVENT) {
      // A context without an event: the event must be what comes next, without a context of its own.
      const isNew = (alone.kind === LINE.OTHER_EVENT && !isBare) || cpuCount > 0 || TIME_STAMP.test(next);
      const hasStamp = before.kind === LINE.OTHER_EVENT;
      if (isNew && (hasStamp || cpuCount > 0)) return undefined;
      const { kind, nameStart, nameEnd, isOpen } = this.#judge(joined);
      const isEvent = kind === LINE.KMEM_EVENT || (kind === LINE.OTHER_EVENT && (isOpen || nameStart < nameEnd));
      return isEvent ? joined : undefined;
    }
    if (alone.kind <= LINE.OTHER_EVENT && !beginsWithRest(alone, next)) return undefined;
    const isComplete = before.reason === undefined;
    const isIndented = continued.length < next.length;
    if (endsInNeededValue(held.text) && cutsNumber(continued, isIndented, isComplete)) return CUT;
    if (isComplete) return undefined;
    const after = this.#judge(joined);
    const isWhole = after.kind === LINE.KMEM_EVENT && after.reason === undefined;
    return isWhole || isTail(continued) ? joined : undefined;
  }

  #count(verdict: Verdict, held: Held): void {
    const { kind, code, bytes } = verdict;
    const { text, position } = held;
    const previousKind = this.previousKind;
    this.previousKind = kind;
    if (kind === LINE.KMEM_EVENT) {
      const reason = verdict.reason ?? (verdict.isOpen ? this.#fields.judgeLastAddress() : undefined);
      if (reason === undefined) this.#tally.event(code, this.#fields, bytes, 0);
      else this.#rejectEvent(verdict, reason, held);
    } else if (kind === LINE.OTHER_EVENT) {
      this.#countOther(verdict, held);
    } else if (!this.#tally.plain(kind, bytes, 0, bytes.length)) {
      this.#countUnknown(text, position, previousKind);
    }
  }

  #rejectEvent({ code, textStart, restStart }: Verdict, reason: string, { text, position }: Held): void {
    if (reason === UNHASHED_REASON) this.#tally.forms.count(UNHASHED);
    else if (reason === CUT_CALL_REASON) this.#tally.forms.count(CUT_PERF_TRACE);
    else if (restStart === NONE && FIELDLESS_TEXT.test(text.slice(textStart))) this.#tally.forms.count(FIELDLESS);
    this.#rejectText(position, `${KERNEL_EVENT_NAMES[code]}: ${reason}`, text);
  }

  #countOther({ bytes, nameStart, nameEnd }: Verdict, { text, position, terminated }: Held): void {
    if (!isPlainName(bytes, nameStart, nameEnd) || this.#parts.isBare) {
      const form = this.#tally.forms.detect(text);
      if (form !== undefined) {
        this.#rejectText(position, form.name, text);
        return;
      }
    }
    if (nameStart === nameEnd && hasNeededFields(text)) this.#rejectNameless(position, text);
    // Its name may have been about to become one of ours.
    else if (!terminated && nameStart === nameEnd) this.#rejectText(position, CUT_REASON, text);
    else this.#tally.otherEvent(bytes, nameStart, nameEnd);
  }

  #countUnknown(text: string, position: number, previousKind: number): void {
    const shape = classifyShape(text, previousKind);
    if (shape === LINE.UNKNOWN) {
      const form = this.#tally.forms.detect(text);
      if (form !== undefined) this.#rejectText(position, form.name, text);
      else if (hasNeededFields(text)) this.#rejectNameless(position, text);
      else if (isTailOf(previousKind, text)) {
        this.#tally.lines.continuation += 1;
        this.previousKind = previousKind;
      } else this.#rejectText(position, UNKNOWN_REASON, text);
      return;
    }
    this.previousKind = shape;
    this.#tally.plain(shape, new Uint8Array(0), 0, 0);
  }

  #rejectNameless(position: number, text: string): void {
    this.#tally.forms.count(NAMELESS);
    this.#rejectText(position, NAMELESS_REASON, text);
  }

  #rejectText(position: number, reason: string, text: string): void {
    this.#tally.reject(position, reason, () => {
      const bytes = Buffer.from(text, "latin1");
      return printable(bytes, 0, bytes.length, EXAMPLE_LENGTH);
    });
  }

  /** Finds out what a text is. The fields of an event of ours are in the field reader afterwards. */
  #judge(text: string): Verdict {
    // What ends in the colon of a time stamp has lost the blank behind it.
    const bytes = Buffer.from(text.endsWith(":") ? `${text} ` : text, "latin1");
    const parts = this.#parts;
    classifyLine(bytes, 0, bytes.length, parts);
    const { kind, nameStart, nameEnd, textStart } = parts;
    const isSettled =
      kind === LINE.COMMENT ||
      kind === LINE.BLANK ||
      (kind === LINE.OTHER_EVENT && !parts.isBare && isPlainName(bytes, nameStart, nameEnd));
    if (!isSettled) {
      const event = this.#judgeEvent(bytes, 0);
      if (event.kind === LINE.KMEM_EVENT) return event;
    }
    if (kind === LINE.KMEM_EVENT) return this.#judgeFields(bytes, parts.code, { nameStart, nameEnd, textStart });
    const isOpen =
      (kind === LINE.OTHER_EVENT && nameStart === nameEnd && MAY_BECOME_NAMED.test(text.slice(nameStart))) ||
      (kind === LINE.UNKNOWN && parts.cpuCount > 0);
    return { kind, code: NONE, bytes, nameStart, nameEnd, textStart, restStart: NONE, reason: undefined, isOpen };
  }

  /** The first event of ours from a position on, wherever it stands. */
  #judgeEvent(bytes: Buffer, from: number): Verdict {
    const anchor = this.#anchor;
    if (!findEventAnchor(bytes, from, bytes.length, anchor)) {
      const nowhere = { nameStart: 0, nameEnd: 0, textStart: 0, restStart: NONE };
      return { kind: LINE.UNKNOWN, code: NONE, bytes, ...nowhere, reason: undefined, isOpen: false };
    }
    const { code, start, textStart, isCall } = anchor;
    if (isCall) return this.#judgeCall(bytes, code, start, textStart);
    return this.#judgeFields(bytes, code, { nameStart: start, nameEnd: textStart, textStart });
  }

  #judgeFields(
    bytes: Buffer,
    code: number,
    place: { readonly nameStart: number; readonly nameEnd: number; readonly textStart: number },
  ): Verdict {
    const { textStart } = place;
    const restStart = findEventAnchor(bytes, textStart, bytes.length, this.#anchor) ? this.#anchor.start : NONE;
    const end = restStart === NONE ? bytes.length : restStart;
    // Each field is found by the blank before it.
    const needsBlank = textStart < end && bytes[textStart] !== SPACE;
    const from = needsBlank ? textStart - 1 : textStart;
    const before = bytes[from];
    if (needsBlank) bytes[from] = SPACE;
    const reason = this.#fields.read(code, bytes, from, end);
    if (needsBlank) bytes[from] = before!;
    return { kind: LINE.KMEM_EVENT, code, bytes, ...place, restStart, reason, isOpen: this.#fields.isOpen };
  }

  /** An event in perf trace's form, with its fields in parentheses. */
  #judgeCall(bytes: Buffer, code: number, nameStart: number, textStart: number): Verdict {
    const place = { nameStart, nameEnd: textStart, textStart };
    const fields = fieldsOfCall(code, bytes.toString("latin1", textStart + 1));
    if (fields === undefined) {
      return { kind: LINE.KMEM_EVENT, code, bytes, ...place, restStart: NONE, reason: CUT_CALL_REASON, isOpen: true };
    }
    const canonical = Buffer.from(fields, "latin1");
    const reason = this.#fields.read(code, canonical, 0, canonical.length);
    const verdict = { kind: LINE.KMEM_EVENT, code, bytes: canonical, ...place, restStart: NONE };
    return { ...verdict, reason, isOpen: false };
  }
}

/** Whether the rest of one event stands in a line before another one, as in a paragraph that a mailer filled. */
function beginsWithRest({ kind, nameStart }: Verdict, text: string): boolean {
  return kind === LINE.KMEM_EVENT && nameStart > 0 && isTail(text.slice(0, nameStart));
}

/** Whether a line goes on with an event that needed no more. */
function isTailOf(previousKind: number, text: string): boolean {
  if (previousKind === LINE.KMEM_EVENT) return isTail(text);
  return previousKind === LINE.OTHER_EVENT && STARTS_ANY_FIELD.test(text);
}

function hasNeededFields(text: string): boolean {
  return /(?:^|\s)(?:ptr|bytes_req|pfn)=/.test(text);
}
