import { kernelEventCode } from "./kernel-events.ts";
import {
  asciiBytes,
  BRACKET,
  COLON,
  holdsByte,
  isDigit,
  isHexDigit,
  isNameByte,
  NONE,
  SPACE,
  skipSpaces,
  skipToken,
  startsWith,
  ZERO,
} from "./line-scan.ts";
import type { LineMarks } from "./line-splitter.ts";

/** What a line of kernel trace text is. */
export const LINE = {
  /** An event of the memory manager: `code` says which, its fields are textStart … end. */
  KMEM_EVENT: 0,
  /** Any other event: its name is nameStart … nameEnd. */
  OTHER_EVENT: 1,
  COMMENT: 2,
  BLANK: 3,
  STACK: 4,
  LOST: 5,
  HEADER: 6,
  /** Nothing that a kernel trace has in it. */
  UNKNOWN: 7,
  /** A call or a return of the function_graph tracer. */
  GRAPH: 8,
} as const;

/** Where things stand in a line; one object is filled again and again. */
export interface LineParts {
  kind: number;
  code: number;
  nameStart: number;
  nameEnd: number;
  textStart: number;
  /** Processor numbers before the time stamp; a second one means that a cut line stands before this one. */
  cpuCount: number;
  /** Whether task and processor stand in the columns that ftrace, perf and trace-cmd give them. */
  inColumns: boolean;
  /** Whether the event has no context: its name stands at the beginning of the line. */
  isBare: boolean;
  /** Whether a colon stands in the fields of one of our events, where none belongs: another event may begin there. */
  strayColon: boolean;
}

/** Parts that say nothing yet. */
export function emptyLineParts(): LineParts {
  return {
    kind: LINE.UNKNOWN,
    code: NONE,
    nameStart: 0,
    nameEnd: 0,
    textStart: 0,
    cpuCount: 0,
    inColumns: false,
    isBare: false,
    strayColon: false,
  };
}

const HASH = 0x23;
const TAB = 0x09;
const DASH = 0x2d;
const OPENING = 0x28;
const CLOSING = 0x29;
const SLASH = 0x2f;
const POINT = 0x2e;
const CLOSING_BRACKET = 0x5d;
const BAR = 0x7c;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
const EQUALS = 0x3d;
const SMALL_A = 0x61;
const SMALL_Z = 0x7a;
const SMALL_M = 0x6d;
const SMALL_S = 0x73;
const SMALL_U = 0x75;

/**
 * ftrace, perf and trace-cmd all print the task's name right-aligned in 16 columns. A name has at most 15 bytes
 * and may hold anything, even what looks like an event, so the search for the time stamp begins behind it.
 */
const TASK_COLUMNS = 16;

/** What stands before the first bar of function_graph's lines, a task's name included, is shorter than this. */
const MAX_GRAPH_HEAD_BYTES = 80;

/** A blank and one digit. */
const MIN_STAMP_BYTES = 2;
/** A digit, the unit's two letters and the mark. */
const MARKED_STAMP_BYTES = 4;

const STACK_ARROW = asciiBytes("=>");
const STACK_TITLE = asciiBytes("<stack");
const CPU_PREFIX = asciiBytes("CPU");
const LOST_WORD = asciiBytes("LOST");
const DROPPED_WORD = asciiBytes("DROPPED");
const EMPTY_WORD = asciiBytes("empty");
const CPUS_HEADER = asciiBytes("cpus=");
const VERSION_HEADER = asciiBytes("version =");
const KMEM_SYSTEM = asciiBytes("kmem:");
const FIRST_FIELDS = ["call_site=", "page=", "pfn="].map(asciiBytes);

/** Hexadecimal digits that a return address at the head of a perf call chain has at least. */
const MIN_ADDRESS_DIGITS = 8;

/** Finds out what a line is and where its event stands; sooner, where its colons and brackets are known. */
export function classifyLine(bytes: Uint8Array, start: number, end: number, parts: LineParts, marks?: LineMarks): void {
  parts.cpuCount = 0;
  parts.isBare = false;
  parts.strayColon = false;
  // A line without an event may run on from its first byte; what stood here is the place in a line before.
  parts.textStart = start;
  if (startsWithKmemEvent(bytes, start, end, parts)) return;
  const first = bytes[start];
  if (start < end && first !== HASH && first !== TAB && findEvent(bytes, start, end, parts, marks)) return;
  parts.kind = classifyRest(bytes, start, end, parts);
}

/** The event of a line without context (options/context-info=0): it begins with the event's name. */
function startsWithKmemEvent(bytes: Uint8Array, start: number, end: number, parts: LineParts): boolean {
  const first = bytes[start]!;
  if (start === end || first < SMALL_A || first > SMALL_Z) return false;
  const tokenEnd = skipToken(bytes, start, end);
  if (bytes[tokenEnd - 1] !== COLON) return false;
  const code = kernelEventCode(bytes, start, tokenEnd - 1);
  if (code === NONE) return false;
  const text = skipSpaces(bytes, tokenEnd, end);
  if (!FIRST_FIELDS.some((field) => startsWith(bytes, text, end, field))) return false;
  setEvent(parts, LINE.KMEM_EVENT, code, start, tokenEnd - 1);
  parts.textStart = tokenEnd;
  return true;
}

/** Finds the colon behind the time stamp and reads the event's name that follows it. */
function findEvent(
  bytes: Uint8Array,
  start: number,
  end: number,
  parts: LineParts,
  marks: LineMarks | undefined,
): boolean {
  const first = searchStart(bytes, start, end) + MIN_STAMP_BYTES;
  if (marks === undefined) {
    for (let at = first; at < end - 1; at += 1) if (isEventAt(bytes, at, start, end, parts)) return true;
    return false;
  }
  for (let mark = marks.start; mark < marks.end; mark += 1) {
    const at = marks.places[mark]!;
    if (at >= first && at < end - 1 && isEventAt(bytes, at, start, end, parts)) return true;
  }
  return false;
}

/** Counts a processor number that begins at a place; reads the event's name after a time stamp that ends there. */
function isEventAt(bytes: Uint8Array, at: number, start: number, end: number, parts: LineParts): boolean {
  const byte = bytes[at];
  if (byte === BRACKET) {
    if (!startsCpu(bytes, at, end)) return false;
    parts.cpuCount += 1;
    parts.inColumns = endsTask(bytes, start, at);
    return false;
  }
  if (byte !== COLON || bytes[at + 1] !== SPACE || !endsTimeStamp(bytes, start, at)) return false;
  readEventName(bytes, at, end, parts);
  return true;
}

/**
 * trace_pipe has been seen to drop the end of a line and to go on with the next one right there, several times in
 * a file. This finds such a next line: it answers the colon behind a second time stamp, or NONE.
 *
 * @param parts what was found in the line so far; the events of others may hold any text, so there a time stamp
 *   counts only after a processor number.
 */
export function findRunOn(bytes: Uint8Array, end: number, parts: LineParts): number {
  const start = parts.textStart;
  let mayFollow = parts.kind === LINE.KMEM_EVENT;
  for (let at = start; at < end - 1; at += 1) {
    const byte = bytes[at];
    if (!mayFollow && byte === BRACKET) mayFollow = startsCpu(bytes, at, end);
    if (byte !== COLON) continue;
    if (mayFollow && bytes[at + 1] === SPACE && endsTimeStamp(bytes, start, at)) return at;
    parts.strayColon = true;
  }
  return NONE;
}

/** Whether what stands between a task's columns and a position is its number: `-pid`, ` pid` or `-pid (tgid)`. */
function endsTask(bytes: Uint8Array, start: number, position: number): boolean {
  let at = start + TASK_COLUMNS;
  if (bytes[at] !== DASH && bytes[at] !== SPACE) return false;
  at = skipSpaces(bytes, at, position);
  // perf prints -1 for a task that it does not know.
  if (bytes[at] === DASH) at += 1;
  while (at < position && (isDigit(bytes[at]!) || bytes[at] === SLASH)) at += 1;
  at = skipSpaces(bytes, at, position);
  if (bytes[at] === OPENING) {
    while (at < position && bytes[at] !== CLOSING) at += 1;
    at = skipSpaces(bytes, at + 1, position);
  }
  return at === position;
}

/** Whether a bracket begins a processor number, as in ` [001]`, and not the seconds of dmesg. */
function startsCpu(bytes: Uint8Array, bracket: number, end: number): boolean {
  if (bytes[bracket - 1] !== SPACE || !isDigit(bytes[bracket + 1]!)) return false;
  const numberEnd = skipHex(bytes, bracket + 1, end);
  return numberEnd < end && bytes[numberEnd] === CLOSING_BRACKET;
}

function searchStart(bytes: Uint8Array, start: number, end: number): number {
  if (end - start <= TASK_COLUMNS || bytes[start] !== SPACE) return start;
  const separator = bytes[start + TASK_COLUMNS];
  return separator === DASH || separator === SPACE ? start + TASK_COLUMNS : start;
}

/**
 * Whether a colon stands behind a time stamp: seconds or a counter (`4.241525:`, `26547201532:`), microseconds with
 * a delay mark (`38789us!:`, `38943us :`), or the milliseconds of the verbose latency format (`(+0.001ms):`).
 */
function endsTimeStamp(bytes: Uint8Array, start: number, colon: number): boolean {
  const last = bytes[colon - 1]!;
  if (isDigit(last)) {
    let at = colon - 1;
    while (at > start && (isDigit(bytes[at]!) || bytes[at] === POINT)) at -= 1;
    return bytes[at] === SPACE;
  }
  if (colon - start < MARKED_STAMP_BYTES || bytes[colon - 2] !== SMALL_S) return false;
  const unit = bytes[colon - 3];
  return isDigit(bytes[colon - 4]!) && (unit === SMALL_U || (unit === SMALL_M && last === CLOSING));
}

/** Reads the name of the event that stands behind a time stamp's colon. */
export function readEventName(bytes: Uint8Array, colon: number, end: number, parts: LineParts): void {
  const nameStart = skipSpaces(bytes, colon + 1, end);
  const tokenEnd = skipToken(bytes, nameStart, end);
  parts.textStart = tokenEnd;
  if (startsWith(bytes, nameStart, end, STACK_TITLE)) {
    parts.kind = LINE.STACK;
    return;
  }
  if (tokenEnd === nameStart || bytes[tokenEnd - 1] !== COLON) {
    // An entry without a name, such as the function tracer's `vfs_read <-ksys_read`.
    setEvent(parts, LINE.OTHER_EVENT, NONE, nameStart, nameStart);
    return;
  }
  const nameEnd = tokenEnd - 1;
  const inKmem = startsWith(bytes, nameStart, nameEnd, KMEM_SYSTEM);
  const code = kernelEventCode(bytes, inKmem ? nameStart + KMEM_SYSTEM.length : nameStart, nameEnd);
  setEvent(parts, code === NONE ? LINE.OTHER_EVENT : LINE.KMEM_EVENT, code, nameStart, nameEnd);
}

function setEvent(parts: LineParts, kind: number, code: number, nameStart: number, nameEnd: number): void {
  parts.kind = kind;
  parts.code = code;
  parts.nameStart = nameStart;
  parts.nameEnd = nameEnd;
}

/** The kind of a line in which no time stamp and no event of ours was found. */
function classifyRest(bytes: Uint8Array, start: number, end: number, parts: LineParts): number {
  if (start < end && bytes[start] === HASH) return LINE.COMMENT;
  const text = skipBlank(bytes, start, end);
  if (text === end) return LINE.BLANK;
  if (startsWith(bytes, text, end, STACK_ARROW) || isCallChainLine(bytes, text, end, text > start)) return LINE.STACK;
  if (startsWith(bytes, start, end, CPU_PREFIX)) return classifyCpuLine(bytes, start, end);
  if (isGraphLine(bytes, text, end)) return LINE.GRAPH;
  if (startsWith(bytes, start, end, CPUS_HEADER) || startsWith(bytes, start, end, VERSION_HEADER)) return LINE.HEADER;
  return classifyBareEvent(bytes, start, end, parts);
}

function skipBlank(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at += 1;
  return at;
}

/** A return address, and nothing or its symbol behind it, as perf script prints call chains. */
function isCallChainLine(bytes: Uint8Array, start: number, end: number, isIndented: boolean): boolean {
  const tokenEnd = skipHex(bytes, start, end);
  if (tokenEnd === start) return false;
  if (tokenEnd === end) return tokenEnd - start >= MIN_ADDRESS_DIGITS;
  if (bytes[tokenEnd] !== SPACE) return false;
  // The fields of an event that something wrapped in the middle of an address.
  if (holdsByte(bytes, tokenEnd, end, EQUALS)) return false;
  return tokenEnd - start >= MIN_ADDRESS_DIGITS || (isIndented && bytes[end - 1] === CLOSING);
}

function skipHex(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isHexDigit(bytes[at]!)) at += 1;
  return at;
}

/**
 * ` 1)   0.123 us    |  beta_put();`: a processor and a parenthesis, then a bar. With funcgraph-abstime a time and
 * a bar stand before them.
 */
function isGraphLine(bytes: Uint8Array, start: number, end: number): boolean {
  const bar = bytes.subarray(start, Math.min(end, start + MAX_GRAPH_HEAD_BYTES)).indexOf(BAR);
  if (bar < 0) return false;
  const cpuEnd = skipDigits(bytes, start, end);
  if (cpuEnd > start && bytes[cpuEnd] === CLOSING) return true;
  const secondStart = skipSpaces(bytes, start + bar + 1, end);
  const secondEnd = skipDigits(bytes, secondStart, end);
  return secondEnd > secondStart && secondEnd < end && bytes[secondEnd] === CLOSING;
}

function skipDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isDigit(bytes[at]!)) at += 1;
  return at;
}

/** `CPU:0 [LOST 8249 EVENTS]`, trace-cmd's `CPU:1 [12 EVENTS DROPPED]` and `CPU 0 is empty`. */
function classifyCpuLine(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at = skipToken(bytes, at, end) + 1) {
    const word = bytes[at] === BRACKET ? at + 1 : at;
    if (startsWith(bytes, word, end, LOST_WORD) || startsWith(bytes, word, end, DROPPED_WORD)) return LINE.LOST;
    if (startsWith(bytes, word, end, EMPTY_WORD)) return LINE.HEADER;
  }
  return LINE.UNKNOWN;
}

/**
 * An event of another kind in a line without context: `name: `, or `system:name: `, which may stand further in, since
 * perf script aligns names to the right.
 */
function classifyBareEvent(bytes: Uint8Array, start: number, end: number, parts: LineParts): number {
  const nameStart = skipBlank(bytes, start, end);
  let at = skipName(bytes, nameStart, end);
  const systemEnd = at;
  if (bytes[at] === COLON && at + 1 < end && bytes[at + 1] !== SPACE) at = skipName(bytes, at + 1, end);
  const isPlaced = nameStart === start || at > systemEnd;
  const isName = at > nameStart && !isDigit(bytes[nameStart]!) && bytes[at - 1] !== COLON;
  if (!isPlaced || !isName || at + 1 >= end || bytes[at] !== COLON || bytes[at + 1] !== SPACE) return LINE.UNKNOWN;
  const code = kernelEventCode(bytes, nameStart, at);
  setEvent(parts, LINE.OTHER_EVENT, code, nameStart, at);
  parts.textStart = at + 1;
  parts.isBare = true;
  return code === NONE ? LINE.OTHER_EVENT : LINE.KMEM_EVENT;
}

function skipName(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isNameByte(bytes[at]!)) at += 1;
  return at;
}

/** Whether the name of an event is one that needs no second look: letters, and at most one colon. */
export function isPlainName(bytes: Uint8Array, start: number, end: number): boolean {
  let colonCount = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte === COLON) colonCount += 1;
    else if (!isNameByte(byte) && !isCapital(byte) && byte !== DASH && byte !== POINT) return false;
  }
  return start < end && colonCount <= 1 && !isDigit(bytes[start]!);
}

function isCapital(byte: number): boolean {
  return byte >= CAPITAL_A && byte <= CAPITAL_Z;
}

/** The count in a line about lost events, or 0 where the line gives none. */
export function lostEventCount(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== BRACKET) at += 1;
  while (at < end && !isDigit(bytes[at]!)) at += 1;
  let count = 0;
  for (; at < end && isDigit(bytes[at]!); at += 1) count = count * 10 + (bytes[at]! - ZERO);
  return count;
}
