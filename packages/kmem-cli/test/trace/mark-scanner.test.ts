import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BLOCK_BYTES,
  byteScanner,
  type MarkScanner,
  newMarkScanner,
  simdScanner,
} from "../../src/trace/mark-scanner.ts";

const simd = simdScanner()!;
const marksOf = (scanner: MarkScanner, bytes: Uint8Array, start: number, end: number): number[] => [
  ...scanner.places.subarray(0, scanner.scan(bytes, start, end)),
];

/** Marks, and the bytes next to them in the table. */
const byte = fc.constantFrom(0x09, 0x0a, 0x0b, 0x39, 0x3a, 0x3b, 0x5a, 0x5b, 0x5c, 0, 0x8a, 0xba, 0xdb);

const isMark = (one: number): boolean => [0x0a, 0x3a, 0x5b].includes(one);

describe.each([
  ["in WebAssembly", simd],
  ["byte by byte", byteScanner()],
])("a scanner of marks, %s", (_name, scanner) => {
  it("finds line feeds, colons and opening brackets, and nothing else", () => {
    const pieces = fc.tuple(fc.uint8Array({ maxLength: 70 }), fc.array(byte, { maxLength: 70 }));
    fc.assert(
      fc.property(pieces, fc.nat(20), fc.nat(20), ([any, near], before, after) => {
        const bytes = Uint8Array.from([...any, ...near]);
        const start = Math.min(before, bytes.length);
        const end = Math.max(start, bytes.length - after);
        const expected = [...bytes.keys()].filter((at) => at >= start && at < end && isMark(bytes[at]!));
        expect(marksOf(scanner, bytes, start, end)).toEqual(expected);
      }),
    );
  });

  it("takes a whole block of marks", () => {
    const bytes = new Uint8Array(BLOCK_BYTES + 1).fill(0x3a);
    expect(scanner.scan(bytes, 1, BLOCK_BYTES + 1)).toBe(BLOCK_BYTES);
    expect([scanner.places[0], scanner.places[BLOCK_BYTES - 1]]).toEqual([1, BLOCK_BYTES]);
  });

  it("sees nothing of the block before behind a shorter one", () => {
    scanner.scan(new Uint8Array(64).fill(0x0a), 0, 64);
    expect(marksOf(scanner, Uint8Array.of(0x3a, 0x20, 0x0a), 0, 2)).toEqual([0]);
    expect(scanner.scan(new Uint8Array(0), 0, 0)).toBe(0);
  });
});

it("is the one in WebAssembly where the engine takes it, and else the other", () => {
  expect(simd).toBeDefined();
  expect(newMarkScanner().places.buffer.byteLength).toBe(simd.places.buffer.byteLength);
});
