import { describe, expect, it } from "vitest";
import { geometricMean, median } from "../../src/system/statistics.ts";

describe("the median", () => {
  it("is the middle value, or the mean of the two in the middle", () => {
    expect(median([10, 1, 5])).toBe(5);
    expect(median([10, 9, 100, 2])).toBe(9.5);
    expect(median([7])).toBe(7);
  });

  it("leaves its values as they are", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it("is not there of nothing", () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe("the geometric mean", () => {
  it("is the mean of factors", () => {
    expect(geometricMean([0.5, 2])).toBeCloseTo(1);
    expect(geometricMean([2, 4, 8])).toBeCloseTo(4);
    expect(geometricMean([])).toBeUndefined();
  });
});
