import { describe, expect, it } from "vitest";
import { Kind } from "./block-record.ts";
import { fill, firstFault, firstNonZero, stretchesOf } from "./filling.ts";

const bytes = new Uint8Array(100_000);
const stretch = (
  sizeBytes: number,
  address = 4096,
  seed = 5,
): { address: number; sizeBytes: number; seed: number } => ({
  address,
  sizeBytes,
  seed,
});

/** Offsets of the bytes that filling a stretch writes. */
function filledOffsets(sizeBytes: number): number[] {
  const once = new Uint8Array(sizeBytes + 2);
  // A byte that is not written keeps both of these in turn.
  fill(once.fill(0), { ...stretch(sizeBytes, 1) });
  const other = new Uint8Array(sizeBytes + 2).fill(1);
  fill(other, { ...stretch(sizeBytes, 1) });
  return [...once.keys()].filter((at) => once[at] === other[at]).map((at) => at - 1);
}

describe("filling a block", () => {
  it.each([0, 1, 15, 16, 1000, 1024])("writes each of %d bytes and none beside them", (sizeBytes) => {
    expect(filledOffsets(sizeBytes)).toEqual(Array.from({ length: sizeBytes }, (_, at) => at));
  });

  it.each([1025, 5000, 50_000])("writes both ends of %d bytes and some between", (sizeBytes) => {
    const offsets = filledOffsets(sizeBytes);
    expect(offsets.slice(0, 64)).toEqual(Array.from({ length: 64 }, (_, at) => at));
    expect(offsets.slice(-64)).toEqual(Array.from({ length: 64 }, (_, at) => sizeBytes - 64 + at));
    const gaps = offsets.slice(1).map((offset, index) => offset - offsets[index]);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(509);
  });

  it.each([1, 40, 1024, 1025, 40_000])("sees one changed byte of %d, wherever one is filled", (sizeBytes) => {
    for (const offset of filledOffsets(sizeBytes)) {
      fill(bytes, stretch(sizeBytes));
      expect(firstFault(bytes, stretch(sizeBytes))).toBe(-1);
      bytes[4096 + offset] ^= 0x10;
      expect(firstFault(bytes, stretch(sizeBytes))).toBe(offset);
    }
  });

  it("tells neighbours, other seeds and shifted contents apart", () => {
    fill(bytes, stretch(64));
    expect(firstFault(bytes, stretch(64, 4096, 6))).toBeGreaterThanOrEqual(0);
    fill(bytes, stretch(64, 4112));
    expect(firstFault(bytes, stretch(64))).toBeGreaterThanOrEqual(0);
    fill(bytes, stretch(64));
    bytes.copyWithin(4097, 4096, 4160);
    expect(firstFault(bytes, stretch(64))).toBeGreaterThanOrEqual(0);
  });

  it("follows a block that has moved, as far as it was kept", () => {
    fill(bytes, stretch(3000));
    bytes.copyWithin(50_000, 4096, 4096 + 2000);
    expect(firstFault(bytes, stretch(3000), 50_000, 2000)).toBe(-1);
    bytes[50_010] ^= 1;
    expect(firstFault(bytes, stretch(3000), 50_000, 2000)).toBe(10);
    expect(firstFault(bytes, stretch(3000), 50_000, 10)).toBe(-1);
  });
});

describe("the pieces of a record", () => {
  it("are the pages of a run, and a block as a whole behind its head", () => {
    const run = { ...stretch(8192), kind: Kind.PAGES, owner: 0 };
    expect([...stretchesOf(run)]).toEqual([stretch(4096), stretch(4096, 8192)]);
    expect([...stretchesOf({ ...run, kind: Kind.OBJECT }, 16)]).toEqual([stretch(8176, 4112)]);
  });
});

describe("the search for what is not zero", () => {
  it("reads every byte", () => {
    bytes.fill(0);
    expect(firstNonZero(bytes, 100, 9000)).toBe(-1);
    bytes[99] = 1;
    bytes[9100] = 1;
    expect(firstNonZero(bytes, 100, 9000)).toBe(-1);
    bytes[9099] = 1;
    expect(firstNonZero(bytes, 100, 9000)).toBe(8999);
  });
});
