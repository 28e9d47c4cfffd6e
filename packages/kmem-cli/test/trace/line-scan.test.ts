import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  asciiBytes,
  findWord,
  NONE,
  printable,
  readNumber,
  readPointer,
  skipSpaces,
  skipToken,
  startsWith,
  type Word64,
} from "../../src/trace/line-scan.ts";
import { bytesOf } from "./support.ts";

function pointer(text: string): string | undefined {
  const into: Word64 = { high: 0, low: 0 };
  const bytes = bytesOf(text);
  if (readPointer(bytes, 0, bytes.length, into) === NONE) return undefined;
  return (into.high >>> 0).toString(16).padStart(8, "0") + (into.low >>> 0).toString(16).padStart(8, "0");
}

function number(text: string): number {
  const bytes = bytesOf(text);
  return readNumber(bytes, 0, bytes.length);
}

describe("readPointer", () => {
  it("reads what ftrace, perf and trace-cmd print", () => {
    expect(pointer("ffff8885019e6780")).toBe("ffff8885019e6780");
    expect(pointer("ffff8885019e6780 name=x")).toBe("ffff8885019e6780");
    expect(pointer("00000000b91db25c")).toBe("00000000b91db25c");
    expect(pointer("0xffff88f701107a78 bytes_req=8")).toBe("ffff88f701107a78");
    expect(pointer("0x0 (0)")).toBe("0000000000000000");
    expect(pointer("c147dd20")).toBe("00000000c147dd20");
    expect(pointer("FFFF8885019E6780")).toBe("ffff8885019e6780");
  });

  it("reads nulls in words, with and without the blanks that fill their column", () => {
    for (const text of ["(nil)", "(null)", "          (null)", "(nil) name=x"]) {
      expect(pointer(text)).toBe("0000000000000000");
    }
    expect(pointer("(nil")).toBeUndefined();
    expect(pointer("(nil)x")).toBeUndefined();
  });

  it("refuses a pointer that is cut, too long, or none", () => {
    for (const text of [
      "ffff8885019e678",
      "ffff8885019e67801",
      "0x",
      "0xffff8885019e67801",
      "",
      "name=x",
      "ffffg885",
    ]) {
      expect(pointer(text)).toBeUndefined();
    }
  });

  it("keeps all 64 bits apart", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const digits = value.toString(16).padStart(16, "0");
        expect(pointer(digits)).toBe(digits);
        expect(pointer(`0x${value.toString(16)}`)).toBe(digits);
      }),
    );
  });
});

describe("readNumber", () => {
  it("reads decimal, and hexadecimal after 0x", () => {
    expect(number("8392 bytes_alloc=8448")).toBe(8392);
    expect(number("0x20c8 (8392)")).toBe(8392);
    expect(number("0")).toBe(0);
    expect(number("4294967296")).toBe(2 ** 32);
  });

  it("keeps what is too large recognisable", () => {
    expect(number("0xffffffffffffffff")).toBeGreaterThan(2 ** 63);
    expect(number("9".repeat(400))).toBe(Number.POSITIVE_INFINITY);
  });

  it("refuses anything else", () => {
    for (const text of ["", "-1", "12x", "1.5", "0x", "0xg", "x", " 1", "12,"]) expect(number(text)).toBe(NONE);
  });
});

describe("words and tokens", () => {
  const bytes = bytesOf("ab ptr=ptr=  end");

  it("finds the first place of a word within the range only", () => {
    expect(findWord(bytes, 0, bytes.length, asciiBytes("ptr="))).toBe(3);
    expect(findWord(bytes, 4, bytes.length, asciiBytes("ptr="))).toBe(7);
    expect(findWord(bytes, 4, 10, asciiBytes("ptr="))).toBe(NONE);
    expect(findWord(bytes, 13, bytes.length, asciiBytes("end!"))).toBe(NONE);
  });

  it("does what indexOf does", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", " "), maxLength: 30 });
    const word = fc.string({ unit: fc.constantFrom("a", "b", " "), minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(text, word, (haystack, needle) => {
        expect(findWord(bytesOf(haystack), 0, haystack.length, asciiBytes(needle))).toBe(haystack.indexOf(needle));
      }),
    );
  });

  it("compares within the range only", () => {
    expect(startsWith(bytes, 3, 7, asciiBytes("ptr="))).toBe(true);
    expect(startsWith(bytes, 3, 6, asciiBytes("ptr="))).toBe(false);
    expect(startsWith(bytes, 2, 7, asciiBytes("ptr="))).toBe(false);
  });

  it("skips blanks and tokens", () => {
    expect(skipSpaces(bytes, 11, bytes.length)).toBe(13);
    expect(skipSpaces(bytes, 0, bytes.length)).toBe(0);
    expect(skipToken(bytes, 0, bytes.length)).toBe(2);
    expect(skipToken(bytes, 13, bytes.length)).toBe(bytes.length);
  });

  it("shows bytes to a person without control characters", () => {
    expect(printable(bytesOf("a\tb\x1b[0m\xff"), 0, 8, 100)).toBe("a.b.[0m.");
    expect(printable(bytesOf("abcdef"), 1, 6, 3)).toBe("bcd…");
    expect(printable(bytesOf("abcdef"), 1, 4, 3)).toBe("bcd");
  });
});
