import { describe, expect, it } from "vitest";
import { CountedLibrary } from "../fast-paths/counted-library.ts";
import { cliffsOf } from "./cliffs.ts";
import { type Cell, search } from "./search.ts";

describe("the search for cliffs", () => {
  const sizes = [16, 1000, 1025, 4096, 20_000, 32_768, 32_769, 40_000, 65_536, 131_072, 262_144];

  it("finds no use of a heap that costs over 20 times what its neighbours cost", () => {
    const library = new CountedLibrary(["heap/heap.ts"]);
    const cells = [...search(library, { sizes, liveCounts: [1, 4, 16, 64, 256], operations: 300 })];
    expect(cells.length).toBeGreaterThan(400);
    expect(cliffsOf(cells)).toEqual([]);
  });

  it("tells a cliff by the size or the live blocks beside it, and by nothing else", () => {
    const cell = (sizeBytes: number, liveCount: number, work: number, pattern = "a"): Cell => ({
      pattern,
      sizeBytes,
      liveCount,
      work,
    });
    const plain = [cell(16, 1, 10), cell(32, 1, 10), cell(64, 1, 10), cell(64, 1, 9000, "b")];
    expect(cliffsOf([...plain, cell(128, 1, 200)])).toEqual([]);
    expect(cliffsOf([...plain, cell(128, 1, 201)])).toEqual(["a, 128 bytes, 1 live: 201 an operation, 10 beside it"]);
    expect(cliffsOf([...plain, cell(32, 4, 201)])).toEqual(["a, 32 bytes, 4 live: 201 an operation, 10 beside it"]);
    expect(cliffsOf([...plain, cell(128, 4, 201)])).toEqual([]);
  });
});
