import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  asciiBytes,
  findWord,
  holdsByte,
  isHexDigit,
  isNameByte,
  latin1,
  NONE,
  type PointerToken,
  printable,
  readNumber,
  readPointer,
  skipSpaces,
  skipToken,
  startsWith,
} from "../../src/trace/line-scan.ts";
import { bytesOf } from "./support.ts";

function pointer(text: string): string | undefined {
  const into: PointerToken = { high: 0, low: 0, digitCount: 0, prefixed: false };
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

  it("reads decimal numbers of addresses in the kernel's half", () => {
    expect(pointer("18446612682095780352")).toBe(18446612682095780352n.toString(16));
    expect(pointer("9223372036854775808 (x)")).toBe("8000000000000000");
    for (const text of [
      "9223372036854775807",
      "18446744073709551616",
      "1844661268209578035f",
      "184466126820957803520",
    ]) {
      expect(pointer(text)).toBeUndefined();
    }
  });

  it("says how many digits there were", () => {
    const read = (text: string): PointerToken => {
      const into = { high: 0, low: 0, digitCount: -1, prefixed: false };
      expect(readPointer(bytesOf(text), 0, text.length, into)).toBe(text.length);
      return into;
    };
    expect(read("0xc147dd20")).toMatchObject({ digitCount: 8, prefixed: true });
    expect(read("00000000b91db25c")).toMatchObject({ digitCount: 16, prefixed: false });
    expect(read("(nil)")).toMatchObject({ digitCount: 0, prefixed: false });
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

  it("knows the bytes of names and of hexadecimal numbers, and none behind the end", () => {
    const of = (test: (byte: number) => boolean): string =>
      Array.from({ length: 256 }, (_, byte) => (test(byte) ? String.fromCharCode(byte) : "")).join("");
    expect(of(isNameByte)).toBe("0123456789_abcdefghijklmnopqrstuvwxyz");
    expect(of(isHexDigit)).toBe("0123456789ABCDEFabcdef");
    expect(isHexDigit(bytes[bytes.length]!)).toBe(false);
  });

  it("looks for a byte within the range only, and makes a string of it", () => {
    expect(holdsByte(bytes, 0, 3, 0x3d)).toBe(false);
    expect(holdsByte(bytes, 0, 7, 0x3d)).toBe(true);
    expect(latin1(bytesOf("a\xffb").subarray(1), 0, 2)).toBe("\xffb");
  });

  it("shows bytes to a person without control characters", () => {
    expect(printable(bytesOf("a\tb\x1b[0m\xff"), 0, 8, 100)).toBe("a.b.[0m.");
    expect(printable(bytesOf("abcdef"), 1, 6, 3)).toBe("bcd…");
    expect(printable(bytesOf("abcdef"), 1, 4, 3)).toBe("bcd");
  });
});
