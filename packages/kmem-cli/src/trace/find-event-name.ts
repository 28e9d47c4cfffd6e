import { kernelEventCode } from "./kernel-events.ts";
import { asciiBytes, COLON, isDigit, isNameByte, NONE, SPACE, skipSpaces, startsWith } from "./line-scan.ts";

/** Where an event of the memory manager stands in a line, by its name alone. */
export interface EventAnchor {
  code: number;
  /** Where the name begins, with the `kmem:` that may stand before it. */
  start: number;
  /** Behind the name and its colon; at the parenthesis where `isCall`. */
  textStart: number;
  /** Whether the fields stand in parentheses behind the name, as perf trace writes them. */
  isCall: boolean;
}

/** An anchor that says nothing yet. */
export function emptyAnchor(): EventAnchor {
  return { code: NONE, start: 0, textStart: 0, isCall: false };
}

const SMALL_K = 0x6b;
const SMALL_M = 0x6d;
const OPENING = 0x28;
const SLASH = 0x2f;
const EQUALS = 0x3d;
const SYSTEM = asciiBytes("kmem");

/** What may not stand right before an event's name: it would be the end of another name, a path or a value. */
const JOINS_NAMES: Uint8Array = joinsNames();

function joinsNames(): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of "abcdefghijklmnopqrstuvwxyz0123456789_.$@/=-") {
    table[character.charCodeAt(0)] = 1;
    table[character.toUpperCase().charCodeAt(0)] = 1;
  }
  return table;
}

/**
 * Finds the first event of ours in a line by what it is called, wherever it stands: in a comment of function_graph,
 * behind a period or a time difference, without context, quoted. What follows the name must look like fields.
 */
export function findEventAnchor(bytes: Uint8Array, from: number, end: number, anchor: EventAnchor): boolean {
  for (let at = from; at < end; at += 1) {
    const byte = bytes[at];
    if (byte !== SMALL_K && byte !== SMALL_M) continue;
    if (at > from && JOINS_NAMES[bytes[at - 1]!] !== 0) continue;
    const nameEnd = skipName(bytes, at, end);
    const code = kernelEventCode(bytes, at, nameEnd);
    if (code !== NONE && endsName(bytes, nameEnd, end, anchor)) {
      const start = systemStart(bytes, from, at);
      if (start !== NONE) {
        anchor.code = code;
        anchor.start = start;
        return true;
      }
    }
    at = nameEnd - 1;
  }
  return false;
}

function skipName(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isNameByte(bytes[at]!)) at += 1;
  return Math.max(at, start + 1);
}

/** Where the name begins with its system, or NONE when it is the name of an event of another system. */
function systemStart(bytes: Uint8Array, from: number, name: number): number {
  if (name === from || bytes[name - 1] !== COLON) return name;
  let at = name - 1;
  while (at > from && isNameByte(bytes[at - 1]!)) at -= 1;
  const isKmem = name - 1 - at === SYSTEM.length && startsWith(bytes, at, name, SYSTEM);
  if (isKmem) return at;
  // No blank behind the colon of a time stamp, of its unit or of nothing at all.
  return at === name - 1 || isDigit(bytes[at]!) ? name : NONE;
}

/** Whether a name ends here and fields begin: behind a colon, behind blanks, or in parentheses. */
function endsName(bytes: Uint8Array, nameEnd: number, end: number, anchor: EventAnchor): boolean {
  const at = skipModifiers(bytes, nameEnd, end);
  anchor.isCall = false;
  if (bytes[at] === COLON && at < end) {
    anchor.textStart = skipPrecision(bytes, at + 1, end);
    const text = skipSpaces(bytes, anchor.textStart, end);
    return text === end || bytes[text] === OPENING || startsField(bytes, text, end, true);
  }
  anchor.textStart = at;
  if (bytes[at] === OPENING && at < end) {
    anchor.isCall = true;
    return startsArgument(bytes, at + 1, end);
  }
  return at < end && bytes[at] === SPACE && startsField(bytes, skipSpaces(bytes, at, end), end, false);
}

/** perf's `/call-graph=fp/` behind the name of an event. */
function skipModifiers(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || bytes[start] !== SLASH) return start;
  let at = start + 1;
  while (at < end && bytes[at] !== SLASH && bytes[at] !== SPACE) at += 1;
  return bytes[at] === SLASH && at < end ? at + 1 : start;
}

/** perf's `k:` behind the colon of an event that was asked for as `kmem:kmalloc:k`. */
function skipPrecision(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isNameByte(bytes[at]!)) at += 1;
  return at > start && at < end && bytes[at] === COLON ? at + 1 : start;
}

/** Whether a field begins here: a name and `=`, or, where a line may be cut, a name up to the end. */
function startsField(bytes: Uint8Array, start: number, end: number, mayBeCut: boolean): boolean {
  let at = start;
  while (at < end && isNameByte(bytes[at]!)) at += 1;
  if (at === start) return false;
  return at < end ? bytes[at] === EQUALS : mayBeCut;
}

function startsArgument(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && isNameByte(bytes[at]!)) at += 1;
  return at > start && at < end - 1 && bytes[at] === COLON && bytes[at + 1] === SPACE;
}
