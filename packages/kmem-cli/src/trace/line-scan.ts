import { Buffer } from "node:buffer";

/**
 * Scanning of trace lines in place, byte by byte: no strings, no regular expressions, no garbage. All functions
 * take the bytes and a half-open range, and answer positions in the same bytes.
 */

export const SPACE = 0x20;
export const COLON = 0x3a;
export const LINE_FEED = 0x0a;
/** An opening one. */
export const BRACKET = 0x5b;
export const ZERO = 0x30;
const NINE = 0x39;
const OPENING = 0x28;
const CAPITAL_X = 0x58;
const SMALL_A = 0x61;
const SMALL_X = 0x78;
const SMALL_Z = 0x7a;
const UNDERSCORE = 0x5f;

/** Answer of the functions below when what they look for is not there, or not well-formed. */
export const NONE = -1;

const NOT_HEX = 0xff;
const HEX_VALUES: Uint8Array = hexValues();

/** Widths that a kernel prints a pointer with when it does not put 0x before it: 32-bit and 64-bit. */
const POINTER_DIGITS_32 = 8;
export const POINTER_DIGITS_64 = 16;
/** Digits of a kernel's address as a decimal number; all of them lie in the upper half of 64 bits. */
const POINTER_DIGITS_DECIMAL = [19, 20] as const;
const UPPER_HALF = 1n << 63n;
const LIMIT_64 = 1n << 64n;

const BITS_PER_DIGIT = 4;
/** What is above these bits of a word moves into the next one when a hexadecimal digit comes in. */
const CARRY_SHIFT = 28;
const HEX_BASE = 16;
const DECIMAL_BASE = 10;

/** How printf implementations write a null pointer in words. */
const NULL_WORDS: readonly Uint8Array[] = [asciiBytes("(nil)"), asciiBytes("(null)")];

/** A 64-bit number as two 32-bit halves, signed as JS bit operations leave them. */
export interface Word64 {
  high: number;
  low: number;
}

/** A pointer, and how it was written. */
export interface PointerToken extends Word64 {
  /** Hexadecimal digits; 0 for a null in words. */
  digitCount: number;
  /** Whether 0x stood before the digits. */
  prefixed: boolean;
}

/** The bytes of a text that has nothing but ASCII in it. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function hexValues(): Uint8Array {
  const values = new Uint8Array(256).fill(NOT_HEX);
  for (const [value, digit] of [..."0123456789abcdef"].entries()) {
    values[digit.charCodeAt(0)] = value;
    values[digit.toUpperCase().charCodeAt(0)] = value;
  }
  return values;
}

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

export function isHexDigit(byte: number): boolean {
  // Behind the end of the bytes there is no byte at all, and no value for it.
  return (HEX_VALUES[byte] ?? NOT_HEX) !== NOT_HEX;
}

/** Whether a byte may be in the name of an event or of a field. */
export function isNameByte(byte: number): boolean {
  return (byte >= SMALL_A && byte <= SMALL_Z) || byte === UNDERSCORE || isDigit(byte);
}

/** Whether the bytes from a position on are exactly these. */
export function startsWith(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start < word.length) return false;
  for (let i = 0; i < word.length; i += 1) {
    if (bytes[start + i] !== word[i]) return false;
  }
  return true;
}

/** Whether a byte stands in the range. */
export function holdsByte(bytes: Uint8Array, start: number, end: number, byte: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] === byte) return true;
  return false;
}

/** Where a word begins in the range, or NONE. */
export function findWord(bytes: Uint8Array, start: number, end: number, word: Uint8Array): number {
  const first = word[0]!;
  const second = word[1]!;
  const lastStart = end - word.length;
  for (let at = start; at <= lastStart; at += 1) {
    if (bytes[at] === first && bytes[at + 1] === second && startsWith(bytes, at, end, word)) return at;
  }
  return NONE;
}

/** Position behind a run of blanks. */
export function skipSpaces(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === SPACE) at += 1;
  return at;
}

/** Position of the next blank, or the end. */
export function skipToken(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== SPACE) at += 1;
  return at;
}

function hasHexPrefix(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at > 2 && bytes[at] === ZERO && (bytes[at + 1] === SMALL_X || bytes[at + 1] === CAPITAL_X);
}

function isTokenEnd(bytes: Uint8Array, at: number, end: number): boolean {
  return at === end || bytes[at] === SPACE;
}

/**
 * Reads a pointer: bare hexadecimal of full width, hexadecimal of any width after 0x, a null in words, or the decimal
 * number of an address in the kernel's half. A bare pointer of any other width has been cut off and is refused.
 *
 * @returns the position behind it, or NONE; the value goes to `into`.
 */
export function readPointer(bytes: Uint8Array, start: number, end: number, into: PointerToken): number {
  let at = skipSpaces(bytes, start, end);
  if (bytes[at] === OPENING) return readNullWord(bytes, at, end, into);
  const prefixed = hasHexPrefix(bytes, at, end);
  if (prefixed) at += 2;
  const firstDigit = at;
  let high = 0;
  let low = 0;
  for (; at < end; at += 1) {
    const digit = HEX_VALUES[bytes[at]!]!;
    if (digit === NOT_HEX) break;
    high = (high << BITS_PER_DIGIT) | (low >>> CARRY_SHIFT);
    low = (low << BITS_PER_DIGIT) | digit;
  }
  const digitCount = at - firstDigit;
  const widthFits = prefixed
    ? digitCount > 0 && digitCount <= POINTER_DIGITS_64
    : digitCount === POINTER_DIGITS_64 || digitCount === POINTER_DIGITS_32;
  if (!isTokenEnd(bytes, at, end)) return NONE;
  if (!widthFits) return prefixed ? NONE : readDecimalPointer(bytes, firstDigit, at, into);
  into.high = high;
  into.low = low;
  into.digitCount = digitCount;
  into.prefixed = prefixed;
  return at;
}

/** A pointer that was printed as a decimal number; the token is known to end at `end`. */
function readDecimalPointer(bytes: Uint8Array, start: number, end: number, into: PointerToken): number {
  const [least, most] = POINTER_DIGITS_DECIMAL;
  if (end - start < least || end - start > most) return NONE;
  let value = 0n;
  for (let at = start; at < end; at += 1) {
    if (!isDigit(bytes[at]!)) return NONE;
    value = value * BigInt(DECIMAL_BASE) + BigInt(bytes[at]! - ZERO);
  }
  if (value < UPPER_HALF || value >= LIMIT_64) return NONE;
  into.high = Number(value >> 32n) | 0;
  into.low = Number(value & 0xffff_ffffn) | 0;
  into.digitCount = POINTER_DIGITS_64;
  into.prefixed = true;
  return end;
}

function readNullWord(bytes: Uint8Array, at: number, end: number, into: PointerToken): number {
  for (const word of NULL_WORDS) {
    if (startsWith(bytes, at, end, word) && isTokenEnd(bytes, at + word.length, end)) {
      into.high = 0;
      into.low = 0;
      into.digitCount = 0;
      into.prefixed = false;
      return at + word.length;
    }
  }
  return NONE;
}

/**
 * Reads a number without a sign, decimal or hexadecimal after 0x. Beyond 2^53 the result is rounded, which keeps
 * it recognisable as too large.
 *
 * @returns the number, or NONE when the token is anything else.
 */
export function readNumber(bytes: Uint8Array, start: number, end: number): number {
  const prefixed = hasHexPrefix(bytes, start, end);
  const base = prefixed ? HEX_BASE : DECIMAL_BASE;
  const firstDigit = prefixed ? start + 2 : start;
  let at = firstDigit;
  let value = 0;
  for (; at < end; at += 1) {
    const digit = HEX_VALUES[bytes[at]!]!;
    if (digit >= base) break;
    value = value * base + digit;
  }
  return at > firstDigit && isTokenEnd(bytes, at, end) ? value : NONE;
}

/** The bytes as a string, one character each. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

const LAST_ASCII = 0x7e;

/** The bytes as text for a person, cut to a length, with what is not printable ASCII shown as a dot. */
export function printable(bytes: Uint8Array, start: number, end: number, maxLength: number): string {
  const shown = bytes.subarray(start, Math.min(end, start + maxLength));
  const text = Array.from(shown, (byte) => (byte >= SPACE && byte <= LAST_ASCII ? String.fromCharCode(byte) : "."));
  return end - start > maxLength ? `${text.join("")}…` : text.join("");
}
