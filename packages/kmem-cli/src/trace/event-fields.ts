import { KERNEL_EVENT } from "./kernel-events.ts";
import {
  asciiBytes,
  findWord,
  isHexDigit,
  NONE,
  POINTER_DIGITS_64,
  type PointerToken,
  readNumber,
  readPointer,
  SPACE,
  skipSpaces,
  skipToken,
  startsWith,
} from "./line-scan.ts";

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

/** What kernels print for addresses as long as the key of their hashes is not there yet. */
const UNHASHED_WORDS: readonly Uint8Array[] = [asciiBytes("(____ptrval____)"), asciiBytes("(ptrval)")];
/** Why an event without an address cannot be used, behind the event's name. */
export const UNHASHED_REASON = "ptr= is (____ptrval____), which is no address";
/** Why an address that ends its line is not believed. */
const CUT_ADDRESS_REASON = "ptr= is cut off";

/** No kernel keeps an object where a 32-bit address of this kind points; it is the beginning of a 64-bit one. */
const CUT_MARK = 0xffff;
const CUT_MARK_DIGITS = 4;
const BITS_PER_DIGIT = 4;
const WORD_BITS = 32;
/** What kmalloc(0) answers and kfree takes. */
const ZERO_SIZE_PTR = 0x10;
/** A code address behind a cache's name, where perf script prints `ip` in the same line. */
const MIN_CODE_DIGITS = 8;
const ASTERISK = 0x2a;

/** The fields of one event; those that its kind does not have mean nothing. */
export interface EventFields extends PointerToken {
  /** Where the text of the fields begins and ends. */
  textStart: number;
  textEnd: number;
  requestedBytes: number;
  allocatedBytes: number;
  /** Where the cache's name stands; nothing stands there where the line has none. */
  nameStart: number;
  nameEnd: number;
  /** 0 for an allocation that failed. */
  pageFrame: number;
  order: number;
}

/** Reads the fields of events, whatever stands between them, and judges whether an address is whole. */
export class EventFieldReader {
  readonly fields: EventFields = {
    high: 0,
    low: 0,
    digitCount: 0,
    prefixed: false,
    textStart: 0,
    textEnd: 0,
    requestedBytes: 0,
    allocatedBytes: 0,
    nameStart: 0,
    nameEnd: 0,
    pageFrame: 0,
    order: 0,
  };
  /**
   * Whether more text behind the end could change what was read last: a field is missing, or what cannot be read, or
   * an address of a width that this trace has not shown, stands at the very end.
   */
  isOpen = false;
  /** The numbers of digits that whole addresses of this trace had, one bit each: bare, and after 0x. */
  #bareWidths = 0;
  #prefixedWidths = 0;
  /** The width of the address that was read last, if it had fewer digits than 64 bits have and did not end its line. */
  #shortWidth = 0;

  /** Reads the fields in start … end - 1, a blank before each; answers why they cannot be used, if so. */
  read(code: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    this.isOpen = false;
    this.#shortWidth = 0;
    this.fields.textStart = start;
    this.fields.textEnd = end;
    switch (code) {
      case KERNEL_EVENT.KMALLOC:
      case KERNEL_EVENT.KMALLOC_NODE:
      case KERNEL_EVENT.CACHE_ALLOC:
      case KERNEL_EVENT.CACHE_ALLOC_NODE:
        return this.#readAlloc(bytes, start, end);
      case KERNEL_EVENT.KFREE:
      case KERNEL_EVENT.CACHE_FREE:
        return this.#readFree(bytes, start, end);
      default:
        return this.#readPages(code, bytes, start, end);
    }
  }

  /** Why the address that was read last, which ended its line, cannot be whole; undefined where it may be. */
  judgeLastAddress(): string | undefined {
    const { high, low, prefixed } = this.fields;
    const is64Bit = ((prefixed ? this.#prefixedWidths : this.#bareWidths) & (1 << POINTER_DIGITS_64)) !== 0;
    if (startsLikeKernelHalf(this.fields)) return CUT_ADDRESS_REASON;
    const isSpecial = prefixed && high === 0 && (low === 0 || low === ZERO_SIZE_PTR);
    return is64Bit && !isSpecial ? CUT_ADDRESS_REASON : undefined;
  }

  #missing(field: string): string {
    this.isOpen = true;
    return `no ${field} field`;
  }

  #malformed(bytes: Uint8Array, start: number, end: number, reason: string): string {
    this.isOpen = skipToken(bytes, skipSpaces(bytes, start, end), end) === end;
    return reason;
  }

  /** Reads the address; answers the position behind it, or a reason. */
  #readAddress(bytes: Uint8Array, start: number, end: number): number | string {
    const pointer = findWord(bytes, start, end, PTR);
    if (pointer === NONE) return this.#missing("ptr=");
    const fields = this.fields;
    const at = pointer + PTR.length;
    const pointerEnd = readPointer(bytes, at, end, fields);
    if (pointerEnd === NONE) {
      const isUnhashed = UNHASHED_WORDS.some((word) => startsWith(bytes, skipSpaces(bytes, at, end), end, word));
      return isUnhashed ? UNHASHED_REASON : this.#malformed(bytes, at, end, "ptr= is not an address");
    }
    if (fields.digitCount === 0) return pointerEnd;
    if (fields.digitCount === POINTER_DIGITS_64) {
      if (fields.prefixed) this.#prefixedWidths |= 1 << POINTER_DIGITS_64;
      else this.#bareWidths |= 1 << POINTER_DIGITS_64;
      return pointerEnd;
    }
    return this.#isWhole(skipSpaces(bytes, pointerEnd, end) === end) ? pointerEnd : CUT_ADDRESS_REASON;
  }

  /** Takes an address with fewer digits than 64 bits have; one in the middle of its line was not cut by the line. */
  #isWhole(endsLine: boolean): boolean {
    const { digitCount, prefixed } = this.fields;
    const width = 1 << digitCount;
    const isShown = ((prefixed ? this.#prefixedWidths : this.#bareWidths) & width) !== 0;
    if (endsLine) {
      this.isOpen = !isShown || startsLikeKernelHalf(this.fields);
      return true;
    }
    if (startsLikeKernelHalf(this.fields)) return false;
    this.#shortWidth = width;
    return true;
  }

  /** Notes that the event that was read last is one: the width of its address is that of a whole one. */
  accept(): void {
    if (this.#shortWidth === 0) return;
    if (this.fields.prefixed) this.#prefixedWidths |= this.#shortWidth;
    else this.#bareWidths |= this.#shortWidth;
  }

  #readAlloc(bytes: Uint8Array, start: number, end: number): string | undefined {
    const pointerEnd = this.#readAddress(bytes, start, end);
    if (typeof pointerEnd === "string") return pointerEnd;
    const requested = findWord(bytes, pointerEnd, end, BYTES_REQ);
    if (requested === NONE) return this.#missing("bytes_req=");
    const requestedAt = requested + BYTES_REQ.length;
    const requestedBytes = readNumber(bytes, requestedAt, end);
    if (requestedBytes === NONE || requestedBytes > MAX_SIZE_BYTES) {
      return this.#malformed(bytes, requestedAt, end, "bytes_req= is not a 32-bit number");
    }
    const allocated = findWord(bytes, requestedAt, end, BYTES_ALLOC);
    if (allocated === NONE) return this.#missing("bytes_alloc=");
    const allocatedAt = allocated + BYTES_ALLOC.length;
    const allocatedBytes = readNumber(bytes, allocatedAt, end);
    if (allocatedBytes === NONE || allocatedBytes > MAX_SIZE_BYTES) {
      return this.#malformed(bytes, allocatedAt, end, "bytes_alloc= is not a 32-bit number");
    }
    // All kernels print the flags next; a line without them was cut, perhaps within the last number.
    if (findWord(bytes, allocatedAt, end, GFP_FLAGS) === NONE) return this.#missing("gfp_flags=");
    const fields = this.fields;
    fields.requestedBytes = requestedBytes;
    fields.allocatedBytes = allocatedBytes;
    const name = findWord(bytes, pointerEnd, requested, NAME);
    fields.nameStart = name === NONE ? requested : name + NAME.length;
    fields.nameEnd = requested;
    return undefined;
  }

  #readFree(bytes: Uint8Array, start: number, end: number): string | undefined {
    const pointerEnd = this.#readAddress(bytes, start, end);
    if (typeof pointerEnd === "string") return pointerEnd;
    const fields = this.fields;
    const name = pointerEnd === end ? NONE : findWord(bytes, pointerEnd, end, NAME);
    fields.nameStart = name === NONE ? end : name + NAME.length;
    fields.nameEnd = name === NONE ? end : nameEnd(bytes, fields.nameStart, end);
    return undefined;
  }

  #readPages(code: number, bytes: Uint8Array, start: number, end: number): string | undefined {
    const frame = findWord(bytes, start, end, PFN);
    if (frame === NONE) return this.#missing("pfn=");
    const frameAt = frame + PFN.length;
    let pageFrame = readNumber(bytes, frameAt, end);
    if (pageFrame > NO_PAGE_FLOOR && pageFrame <= NO_PAGE_CEILING) pageFrame = 0;
    if (pageFrame === NONE || pageFrame >= PAGE_FRAME_LIMIT) {
      return this.#malformed(bytes, frameAt, end, "pfn= is not a page frame number");
    }
    this.fields.pageFrame = pageFrame;
    // These have order 0 by definition, and some forms of the text leave it out.
    this.fields.order = 0;
    if (code === KERNEL_EVENT.PAGE_FREE_BATCHED) return undefined;
    const orderField = findWord(bytes, frameAt, end, ORDER);
    if (orderField === NONE) return code === KERNEL_EVENT.PAGEVEC_FREE ? undefined : this.#missing("order=");
    const orderAt = orderField + ORDER.length;
    const order = readNumber(bytes, orderAt, end);
    if (order === NONE || order > MAX_PAGE_ORDER) {
      return this.#malformed(bytes, orderAt, end, `order= is not 0 to ${MAX_PAGE_ORDER}`);
    }
    this.fields.order = order;
    return undefined;
  }
}

/** Whether these are the first digits of an address of 64 bits in the kernel's half, as x86 and ARM print it. */
function startsLikeKernelHalf({ high, low, digitCount }: PointerToken): boolean {
  if (digitCount <= CUT_MARK_DIGITS || digitCount >= POINTER_DIGITS_64) return false;
  const shift = (digitCount - CUT_MARK_DIGITS) * BITS_PER_DIGIT;
  const firstDigits =
    shift >= WORD_BITS ? high >>> (shift - WORD_BITS) : (high << (WORD_BITS - shift)) | (low >>> shift);
  return firstDigits === CUT_MARK;
}

/** The end of a cache's name: the line's, or where perf's code address or the end of a comment follows it. */
function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = skipToken(bytes, start, end);
  while (at < end) {
    const next = skipSpaces(bytes, at, end);
    if (next === end || bytes[next] === ASTERISK) return at;
    const tokenEnd = skipToken(bytes, next, end);
    if (tokenEnd - next >= MIN_CODE_DIGITS && isHexToken(bytes, next, tokenEnd)) return at;
    at = tokenEnd;
  }
  return at;
}

function isHexToken(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (!isHexDigit(bytes[at]!)) return false;
  return bytes[start] !== SPACE;
}
