import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter } from "../../src/trace/line-splitter.ts";
import { bytesOf, cutAt } from "./support.ts";

const MAX_BYTES = 8;

/** Lines as text; one that is not terminated ends in `¬`, one that is too long in `…`. */
function split(chunks: readonly Uint8Array[], maxBytes: number = MAX_BYTES): string[] {
  const lines: string[] = [];
  const text = (bytes: Uint8Array, start: number, end: number): string =>
    Buffer.from(bytes.subarray(start, end)).toString("latin1");
  const splitter: LineSplitter = new LineSplitter(
    {
      line: (bytes, start, end, terminated) => {
        const afterColon = bytes.subarray(Math.max(start, splitter.lastColon + 1), end);
        expect(text(afterColon, 0, afterColon.length)).not.toContain(":");
        lines.push(text(bytes, start, end) + (terminated ? "" : "¬"));
      },
      overlongLine: (bytes, start, end) => lines.push(`${text(bytes, start, end)}…`),
    },
    maxBytes,
  );
  for (const chunk of chunks) {
    const own = chunk.slice();
    splitter.push(own);
    own.fill(0x0a);
  }
  splitter.end();
  return lines;
}

describe("LineSplitter", () => {
  it("cuts at line feeds and takes a carriage return with them", () => {
    expect(split([bytesOf("one\ntwo\r\n\n\r\nlast")])).toEqual(["one", "two", "", "", "last¬"]);
    expect(split([bytesOf("one\n")])).toEqual(["one"]);
    expect(split([])).toEqual([]);
  });

  it("puts a line together that comes in pieces", () => {
    expect(split([bytesOf("o"), bytesOf(""), bytesOf("n"), bytesOf("e\nt"), bytesOf("wo\r"), bytesOf("\nx")])).toEqual([
      "one",
      "two",
      "x¬",
    ]);
  });

  it("hands on only the beginning of a line that is too long, and goes on behind it", () => {
    expect(split([bytesOf("12345678\n123456789\nok\n")])).toEqual(["12345678", "12345678…", "ok"]);
    expect(split([bytesOf("1234"), bytesOf("5678"), bytesOf("9012"), bytesOf("\nok\n")])).toEqual(["12345678…", "ok"]);
    expect(split([bytesOf("123456789")])).toEqual(["12345678…"]);
    expect(split([bytesOf("123456789"), bytesOf("\no"), bytesOf("k\n")])).toEqual(["12345678…", "ok"]);
  });

  it("gives the same lines wherever the chunks are cut", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "\n", "\r", ":", "c"), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 6 }), (content, cuts) => {
        const bytes = bytesOf(content);
        expect(split(cutAt(bytes, cuts))).toEqual(split([bytes]));
      }),
    );
  });

  it("loses nothing of short lines", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{0,8}$/)), (lines) => {
        expect(split([bytesOf(lines.map((line) => `${line}\n`).join(""))])).toEqual(lines);
      }),
    );
  });
});
