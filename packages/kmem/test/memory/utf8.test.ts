import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readUtf8, utf8Bytes, utf8Of, writeUtf8 } from "../../src/memory/utf8.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const memory = new Uint8Array(new SharedArrayBuffer(2 ** 16));

/** The bytes that a text becomes in memory that threads share; what lies around them stays as it is. */
function encoded(text: string): Buffer {
  const end = 2 + utf8Bytes(text);
  memory.fill(0xaa, 0, end + 2);
  expect(writeUtf8(memory, 2, text)).toBe(end);
  expect([memory[0], memory[1], memory[end], memory[end + 1]]).toEqual([0xaa, 0xaa, 0xaa, 0xaa]);
  return Buffer.from(memory.slice(2, end));
}

describe("UTF-8 in shared memory", () => {
  it("is what TextEncoder makes of any text, lone surrogates too", () => {
    const anyCodes = fc.array(fc.integer({ min: 0, max: 0x10_ffff })).map((codes) => String.fromCodePoint(...codes));
    const anyUnits = fc.array(fc.integer({ min: 0xd700, max: 0xe0ff })).map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(fc.oneof(fc.string(), anyCodes, anyUnits), (text) => {
        expect(encoded(text).equals(encoder.encode(text))).toBe(true);
      }),
    );
  });

  it("is read as TextDecoder reads any bytes", () => {
    const nearlyRight = fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xed, 0xef, 0xf0, 0x90, 0xf4, 0x8f, 0xff);
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), nearlyRight);
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), (list) => {
        const bytes = Uint8Array.from(list);
        expect(readUtf8(bytes, 0, bytes.length)).toBe(decoder.decode(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it("reads texts that are longer than a chunk, and only the bytes that it is asked for", () => {
    const text = "añ€😀".repeat(5000);
    const bytes = encoder.encode(`<${text}>`);
    expect(readUtf8(bytes, 1, bytes.length - 1)).toBe(text);
    expect(readUtf8(bytes, 3, 3)).toBe("");
  });
});

describe("the bytes of a text", () => {
  afterEach(() => void vi.unstubAllGlobals());

  it("are the same where there is no TextEncoder, as in an AudioWorklet", () => {
    for (const text of ["", "plain", "añ€😀", "\ud800 alone"]) {
      const bytes = encoder.encode(text);
      vi.unstubAllGlobals();
      expect(utf8Of(text)).toEqual(bytes);
      vi.stubGlobal("TextEncoder", undefined);
      expect(utf8Of(text)).toEqual(bytes);
    }
  });
});
