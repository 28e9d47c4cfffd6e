import type { EventStream } from "./event-context.ts";
import { NO_TIME, UNKNOWN_ID } from "./event-context.ts";
import { asciiBytes, COLON, findWord, isDigit, NONE, SPACE, skipSpaces, ZERO } from "./line-scan.ts";

const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const POINT = 0x2e;
const CALL_SITE = asciiBytes(" call_site=");
const PTR = asciiBytes(" ptr=");
const NS_PER_SECOND = 1e9;
/** Digits of a fraction of a second in nanoseconds. */
const NS_DIGITS = 9;
const BASE = 10;

/** Reads what stands around an event of kernel text: the task, the processor, the time, and the call site. */
export class KernelContextReader {
  readonly #stream: EventStream;

  constructor(stream: EventStream) {
    this.#stream = stream;
  }

  /**
   * Fills the stream's context.
   *
   * @param start where the line begins; `fields` where the event's fields begin, at their first blank.
   */
  read(bytes: Uint8Array, start: number, fields: number, end: number, allocatedBytes: number): void {
    const { context, tables } = this.#stream;
    context.allocatedBytes = allocatedBytes;
    context.stack = this.#readSite(bytes, fields, end);
    context.thread = UNKNOWN_ID;
    context.cpu = UNKNOWN_ID;
    let at = start;
    for (; at < fields; at += 1) {
      if (bytes[at] !== BRACKET || bytes[at - 1] !== SPACE || !isDigit(bytes[at + 1]!)) continue;
      const cpuEnd = this.#readCpu(bytes, at + 1, fields);
      if (cpuEnd === NONE) continue;
      const taskStart = skipSpaces(bytes, start, at);
      let taskEnd = at;
      while (taskEnd > taskStart && bytes[taskEnd - 1] === SPACE) taskEnd -= 1;
      context.thread = tables.threads.intern(bytes, taskStart, taskEnd);
      at = cpuEnd;
      break;
    }
    context.timeNs = readTime(bytes, at === fields ? start : at, fields);
  }

  #readCpu(bytes: Uint8Array, start: number, end: number): number {
    let cpu = 0;
    let at = start;
    for (; at < end && isDigit(bytes[at]!); at += 1) cpu = cpu * BASE + bytes[at]! - ZERO;
    if (bytes[at] !== CLOSING_BRACKET) return NONE;
    this.#stream.context.cpu = cpu + 1;
    return at + 1;
  }

  #readSite(bytes: Uint8Array, fields: number, end: number): number {
    const site = findWord(bytes, fields, end, CALL_SITE);
    if (site === NONE) return UNKNOWN_ID;
    const siteStart = site + CALL_SITE.length;
    const pointer = findWord(bytes, siteStart, end, PTR);
    if (pointer === NONE) return UNKNOWN_ID;
    const { frames, stacks } = this.#stream.tables;
    return stacks.intern(UNKNOWN_ID, frames.intern(bytes, siteStart, pointer));
  }
}

/** The first time in seconds with a fraction and a colon behind it, in nanoseconds. */
function readTime(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    if (bytes[at] !== POINT || !isDigit(bytes[at - 1] ?? 0) || !isDigit(bytes[at + 1] ?? 0)) continue;
    let first = at;
    while (first > start && isDigit(bytes[first - 1]!)) first -= 1;
    let seconds = 0;
    for (let place = first; place < at; place += 1) seconds = seconds * BASE + bytes[place]! - ZERO;
    let fraction = 0;
    let digitCount = 0;
    let place = at + 1;
    for (; place < end && isDigit(bytes[place]!); place += 1) {
      if (digitCount === NS_DIGITS) continue;
      fraction = fraction * BASE + bytes[place]! - ZERO;
      digitCount += 1;
    }
    if (bytes[place] !== COLON) continue;
    return seconds * NS_PER_SECOND + fraction * BASE ** (NS_DIGITS - digitCount);
  }
  return NO_TIME;
}
