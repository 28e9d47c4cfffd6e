import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeHeader,
  encodeHeader,
  HEADER,
  HEADER_WORDS,
  OP,
  OP_CODE_MASK,
  OPS_MAGIC,
  type OpHeader,
  opFileBytes,
} from "../../src/trace/op-stream.ts";

const COUNT = fc.nat(2 ** 31);
const BYTES = fc.integer({ min: 0, max: 2 ** 52 });
const OP_HEADER: fc.Arbitrary<OpHeader> = fc.record({
  kind: fc.constantFrom("malloc" as const, "kernel" as const),
  opCount: BYTES,
  slotCount: COUNT,
  cacheCount: COUNT,
  peakLiveBytes: BYTES,
  peakLiveBlockCount: COUNT,
  requestedBytes: BYTES,
});

const HEADER_EXAMPLE: OpHeader = {
  kind: "kernel",
  opCount: 2 ** 32 + 5,
  slotCount: 6,
  cacheCount: 7,
  peakLiveBytes: 3 * 2 ** 32 + 8,
  peakLiveBlockCount: 9,
  requestedBytes: 4 * 2 ** 32 + 10,
};

describe("the header of an operation file", () => {
  it("lies in the words that a C program expects", () => {
    const words = [OPS_MAGIC, 1, 1, 5, 1, 6, 7, 8, 3, 10, 4, 9, 4096, 0, 0, 0];
    expect([...encodeHeader(HEADER_EXAMPLE)]).toEqual(words);
    expect(Buffer.from(Uint32Array.of(OPS_MAGIC).buffer).toString("latin1")).toBe("KOPS");
  });

  it("is read as it was written", () => {
    fc.assert(
      fc.property(OP_HEADER, (header) => {
        expect(decodeHeader(encodeHeader(header))).toEqual(header);
      }),
    );
  });

  it.each([
    [HEADER.MAGIC, 0, "magic"],
    [HEADER.VERSION, 2, "version 2"],
    [HEADER.KIND, 2, "kind 2"],
    [HEADER.PAGE_BYTES, 16384, "pages of 16384 bytes"],
  ])("is refused when word %i is %i", (word, value, complaint) => {
    const words = encodeHeader(HEADER_EXAMPLE);
    words[word] = value;
    expect(decodeHeader(words)).toContain(complaint);
  });

  it("is refused when it is short", () => {
    expect(decodeHeader(encodeHeader(HEADER_EXAMPLE).subarray(0, HEADER_WORDS - 1))).toContain("15 of 16");
  });
});

describe("the layout", () => {
  it("has the sizes that its drawing shows", () => {
    expect(opFileBytes(0, 0)).toBe(64);
    expect(opFileBytes(3, 0)).toBe(64 + 3 * 16);
    expect(opFileBytes(3, 2)).toBe(64 + 3 * 16 + 2 * 8);
  });

  it("numbers the operations from 0, each within the code's bits", () => {
    expect(Object.values(OP)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const code of Object.values(OP)) expect(code & OP_CODE_MASK).toBe(code);
  });
});
