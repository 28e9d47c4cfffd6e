import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockPattern, patternSeed } from "../../src/replay/block-pattern.ts";

const MEMORY_BYTES = 4096;
const ADDRESS = 256;

describe("the pattern in a block", () => {
  it("is found whole, and every byte that is changed is found", () => {
    const block = fc.record({ slot: fc.nat(1e6), sizeBytes: fc.integer({ min: 1, max: 200 }), place: fc.nat() });
    fc.assert(
      fc.property(block, fc.integer({ min: 1, max: 255 }), ({ slot, sizeBytes, place }, change) => {
        const memory = new Uint8Array(MEMORY_BYTES);
        const pattern = new BlockPattern(memory.buffer);
        const seed = patternSeed(slot, sizeBytes);
        pattern.fill(ADDRESS, sizeBytes, seed);
        expect(pattern.findWrong(ADDRESS, 0, sizeBytes, seed)).toBeUndefined();
        const offset = place % sizeBytes;
        const expected = memory[ADDRESS + offset]!;
        memory[ADDRESS + offset]! ^= change;
        expect(pattern.findWrong(ADDRESS, 0, sizeBytes, seed)).toEqual({ offset, expected, actual: expected ^ change });
      }),
    );
  });

  it("stays inside the block", () => {
    const memory = new Uint8Array(MEMORY_BYTES);
    new BlockPattern(memory.buffer).fill(ADDRESS, 37, patternSeed(1, 37));
    expect(memory.subarray(0, ADDRESS).every((byte) => byte === 0)).toBe(true);
    expect(memory.subarray(ADDRESS + 37).every((byte) => byte === 0)).toBe(true);
  });

  it("differs by slot, by size and by place", () => {
    const memory = new Uint8Array(MEMORY_BYTES);
    const pattern = new BlockPattern(memory.buffer);
    pattern.fill(ADDRESS, 64, patternSeed(5, 64));
    expect(pattern.findWrong(ADDRESS, 0, 64, patternSeed(6, 64))).toBeDefined();
    expect(pattern.findWrong(ADDRESS, 0, 64, patternSeed(5, 65))).toBeDefined();
    memory.copyWithin(ADDRESS + 4, ADDRESS, ADDRESS + 60);
    expect(pattern.findWrong(ADDRESS, 0, 64, patternSeed(5, 64))?.offset).toBe(4);
  });

  it("is looked at from a place to another", () => {
    const memory = new Uint8Array(MEMORY_BYTES);
    const pattern = new BlockPattern(memory.buffer);
    const seed = patternSeed(5, 64);
    pattern.fill(ADDRESS, 64, seed);
    memory[ADDRESS + 3]! ^= 1;
    memory[ADDRESS + 40]! ^= 1;
    expect(pattern.findWrong(ADDRESS, 4, 40, seed)).toBeUndefined();
    expect(pattern.findWrong(ADDRESS, 4, 41, seed)?.offset).toBe(40);
  });

  it("knows the end of the memory and what is not zero", () => {
    const memory = new Uint8Array(MEMORY_BYTES);
    const pattern = new BlockPattern(memory.buffer);
    expect(pattern.holds(MEMORY_BYTES - 16, 16)).toBe(true);
    expect(pattern.holds(MEMORY_BYTES - 16, 17)).toBe(false);
    expect(pattern.findNonZero(0, MEMORY_BYTES)).toBeUndefined();
    memory[100] = 7;
    expect(pattern.findNonZero(90, 20)).toEqual({ offset: 10, expected: 0, actual: 7 });
  });
});
