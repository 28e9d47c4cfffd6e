import { describe, expect, it } from "vitest";
import { matchPercent } from "../../src/trace/free-match.ts";

describe("matchPercent", () => {
  it("is of the frees that are not of null", () => {
    const match = { freeCount: 8, nullFreeCount: 100, matchedCount: 7, unknownCount: 1 };
    expect(matchPercent(match)).toBe(87.5);
  });

  it("is not there when nothing was freed", () => {
    const match = { freeCount: 0, nullFreeCount: 100, matchedCount: 0, unknownCount: 0 };
    expect(matchPercent(match)).toBeUndefined();
  });
});
