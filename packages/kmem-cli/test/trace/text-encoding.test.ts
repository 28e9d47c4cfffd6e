import { describe, expect, it } from "vitest";
import { sniffEncoding, TextDecoder8 } from "../../src/trace/text-encoding.ts";
import { bytesOf } from "./support.ts";

const TEXT = "  prog-1 [000] 1.5: kfree: ptr=(nil)\n# é\n";

function utf16(text: string, isLittle: boolean, mark: string): Uint8Array {
  const bytes = Buffer.from(mark + text, "utf16le");
  return new Uint8Array(isLittle ? bytes : bytes.swap16());
}

function decode(bytes: Uint8Array, chunkBytes: number): string {
  const decoder = new TextDecoder8(sniffEncoding(bytes.subarray(0, 512)));
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    parts.push(Buffer.from(decoder.decode(bytes.subarray(at, at + chunkBytes))));
  }
  return Buffer.concat(parts).toString("latin1");
}

describe("TextDecoder8", () => {
  it.each([
    ["UTF-16, little endian, marked", utf16(TEXT, true, "\ufeff"), "utf-16le"],
    ["UTF-16, big endian, marked", utf16(TEXT, false, "\ufeff"), "utf-16be"],
    ["UTF-16, little endian", utf16(TEXT.replace("é", "e"), true, ""), "utf-16le"],
    ["UTF-16, big endian", utf16(TEXT.replace("é", "e"), false, ""), "utf-16be"],
    ["UTF-8, marked", bytesOf(`\xef\xbb\xbf${TEXT.replace("é", "e")}`), "marked"],
    ["returns alone", bytesOf(TEXT.replace("é", "e").replaceAll("\n", "\r")), "cr"],
    ["bytes", bytesOf(TEXT.replace("é", "e")), "bytes"],
  ])("reads %s, whatever the chunks", (_, bytes, encoding) => {
    expect(sniffEncoding(bytes.subarray(0, 512))).toBe(encoding);
    for (const chunkBytes of [1, 2, 3, 7, 1000]) {
      expect(decode(bytes, chunkBytes).replace(/[e?]\n$/, "X\n")).toBe(TEXT.replace("é\n", "X\n"));
    }
  });

  it("takes what has NUL elsewhere for bytes", () => {
    for (const text of ["", "a", "\0", "a\0", "\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0", "\0".repeat(64)]) {
      expect(sniffEncoding(bytesOf(text))).toBe("bytes");
    }
  });

  it("takes no line end of Windows, and no progress bar, for an end of line", () => {
    expect(sniffEncoding(bytesOf("a\r\nb\r\n"))).toBe("bytes");
    expect(sniffEncoding(bytesOf("10%\r20%\rdone\nnext"))).toBe("bytes");
    expect(sniffEncoding(bytesOf("a line\r"))).toBe("bytes");
  });
});
