import type { Random } from "../../../kmem/test/support/random.ts";
import { bytesOf } from "../trace/support.ts";

const MUTATIONS_MAX = 6;
/** One mutated trace in so many is cut as well, and one in so many has a line longer than readers keep. */
const CUT_EVERY = 8;
const OVERLONG_EVERY = 200;
const OVERLONG_BYTES = 70_000;
const COPY_BYTES_MAX = 200;
const LINES_MOVED_MAX = 8;
const LINE_FEED = 0x0a;
const WORD_WIDTHS = [1, 2, 4, 8] as const;

/** What often means something to a reader of text. */
const SCRAPS: readonly string[] = [
  ..."\n \t\r\\|:[](){},\"'-+<>=;\x1b\0\xff",
  "\r\n\r\n",
  "0x",
  "ffffffffffffffff",
  "-1",
  "1e300",
  "NaN",
  "(nil)",
  "<unfinished ...>",
  "__proto__",
  '"a":{',
  "[[[[",
];
/** Numbers at the edges of what words hold, and longer than any. */
const NUMBERS: readonly string[] = [
  "0",
  "1",
  "16",
  "255",
  "2147483648",
  "4294967295",
  "4294967296",
  "9007199254740993",
  "18446744073709551615",
  "18446744073709551616",
  "9".repeat(40),
  "f".repeat(64),
  "0".repeat(300),
];
const WORDS: readonly bigint[] = [
  0n,
  1n,
  2n ** 7n,
  2n ** 8n - 1n,
  2n ** 15n,
  2n ** 16n - 1n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Damages bytes in some places, at least one of them. */
export type Damage = (bytes: Uint8Array) => Uint8Array;

/** Damage as files, copies and tools do it to lines of text: spliced, doubled, moved lines, and other numbers. */
export function damageText(random: Random): Damage {
  return damage(random, [damageBytes, damageLines, damageNumber]);
}

/** Damage that a binary form takes for something: words, lengths and offsets with other values, and moved parts. */
export function damageBinary(random: Random): Damage {
  return damage(random, [damageBytes, damageWord, copyOver]);
}

type Step = (random: Random, bytes: Uint8Array) => Uint8Array;

function damage(random: Random, steps: readonly Step[]): Damage {
  return (bytes) => {
    let damaged = bytes;
    for (let left = random.below(MUTATIONS_MAX); left >= 0; left -= 1) damaged = random.pick(steps)(random, damaged);
    if (random.below(OVERLONG_EVERY) === 0) damaged = lengthen(random, damaged);
    return random.below(CUT_EVERY) === 0 ? damaged.subarray(0, random.below(damaged.length + 1)) : damaged;
  };
}

function damageBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  const inserted = insertion(random, bytes);
  // What is replaced by as much leaves the rest where the offsets in a file say that it is.
  const isReplaced = random.below(2) === 0;
  const shifted = random.below(3) === 0 ? random.below(30) : random.below(2);
  const removed = isReplaced ? inserted.length : shifted;
  return joined(bytes.subarray(0, at), inserted, bytes.subarray(at + removed));
}

function insertion(random: Random, bytes: Uint8Array): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return new Uint8Array(0);
    case 1:
      return Uint8Array.of(random.below(256));
    case 2:
      return bytesOf(random.pick(SCRAPS));
    default: {
      const start = random.below(bytes.length + 1);
      return bytes.subarray(start, start + random.below(COPY_BYTES_MAX));
    }
  }
}

/** Where the line begins that a random place is in. */
function lineStart(random: Random, bytes: Uint8Array): number {
  return bytes.lastIndexOf(LINE_FEED, Math.max(0, random.below(bytes.length + 1) - 1)) + 1;
}

/** Where some lines end that begin at a place. */
function linesEnd(bytes: Uint8Array, start: number, lineCount: number): number {
  let end = start;
  for (let left = lineCount; left > 0 && end < bytes.length; left -= 1) {
    const feed = bytes.indexOf(LINE_FEED, end);
    end = feed < 0 ? bytes.length : feed + 1;
  }
  return end;
}

/** Leaves lines out, doubles or moves them, or goes on in the middle of one with the rest of another. */
function damageLines(random: Random, bytes: Uint8Array): Uint8Array {
  const start = lineStart(random, bytes);
  const end = linesEnd(bytes, start, 1 + random.below(LINES_MOVED_MAX));
  const lines = bytes.subarray(start, end);
  const without = (): Uint8Array => joined(bytes.subarray(0, start), bytes.subarray(end));
  switch (random.below(4)) {
    case 0:
      return without();
    case 1: {
      const rest = without();
      const to = lineStart(random, rest);
      return joined(rest.subarray(0, to), lines, rest.subarray(to));
    }
    case 2:
      return joined(bytes.subarray(0, end), lines, bytes.subarray(end));
    default: {
      const cut = start + random.below(lines.length + 1);
      const from = lineStart(random, bytes);
      const resumed = from + random.below(linesEnd(bytes, from, 1) - from + 1);
      return joined(bytes.subarray(0, cut), bytes.subarray(resumed));
    }
  }
}

const HEX_DIGIT = /[0-9a-f]/i;

function isHexDigit(byte: number | undefined): boolean {
  return byte !== undefined && HEX_DIGIT.test(String.fromCharCode(byte));
}

/** Puts another number in the place of the next one, or changes one of its digits. */
function damageNumber(random: Random, bytes: Uint8Array): Uint8Array {
  let start = random.below(bytes.length + 1);
  while (start < bytes.length && !isHexDigit(bytes[start])) start += 1;
  let end = start;
  while (isHexDigit(bytes[end])) end += 1;
  if (random.below(3) > 0) return joined(bytes.subarray(0, start), bytesOf(random.pick(NUMBERS)), bytes.subarray(end));
  const digit = bytesOf(random.below(16).toString(16));
  const at = start + random.below(end - start + 1);
  return joined(bytes.subarray(0, at), digit, bytes.subarray(at + 1));
}

/** Gives a word another value: one at an edge, one about as large as the file, or the one that it has and a bit. */
function damageWord(random: Random, bytes: Uint8Array): Uint8Array {
  const width = random.pick(WORD_WIDTHS);
  if (bytes.length < width) return bytes;
  const anywhere = random.below(bytes.length - width + 1);
  const at = random.below(2) === 0 ? anywhere : anywhere - (anywhere % width);
  const damaged = bytes.slice();
  const isLittle = random.below(8) > 0;
  const order = (index: number): number => at + (isLittle ? index : width - 1 - index);
  let value = 0n;
  for (let index = width - 1; index >= 0; index -= 1) value = value * 256n + BigInt(damaged[order(index)]!);
  const near = BigInt(random.below(33) - 16);
  const choices = [random.pick(WORDS), BigInt(bytes.length) + near, value + near, value * 2n];
  let rest = BigInt.asUintN(width * 8, random.pick(choices));
  for (let index = 0; index < width; index += 1) {
    damaged[order(index)] = Number(rest % 256n);
    rest /= 256n;
  }
  return damaged;
}

/** Writes a part over another. */
function copyOver(random: Random, bytes: Uint8Array): Uint8Array {
  const damaged = bytes.slice();
  const from = random.below(bytes.length + 1);
  damaged.copyWithin(random.below(bytes.length + 1), from, from + random.below(COPY_BYTES_MAX));
  return damaged;
}

function lengthen(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  const long = new Uint8Array(OVERLONG_BYTES).fill(random.below(2) === 0 ? random.below(256) : (bytes[at] ?? 0));
  return joined(bytes.subarray(0, at), long, bytes.subarray(at));
}

/** Byte arrays as one. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
