import { describe, expect, it } from "vitest";
import { barParts } from "../../src/views/bar.ts";

const shares = (values: readonly number[]) => values.map((value) => ({ value, fill: `#${value}` }));
const places = (values: readonly number[], whole: number) =>
  barParts(shares(values), whole, 100).map(({ x, width }) => [x, width]);

describe("the parts of a bar", () => {
  it("lie one after the other, each as long as its share", () => {
    expect(places([10, 30, 60], 100)).toEqual([
      [0, 10],
      [10, 30],
      [40, 60],
    ]);
  });

  it("keep their colours", () => {
    expect(barParts(shares([1, 2]), 3, 100).map(({ fill }) => fill)).toEqual(["#1", "#2"]);
  });

  // File 354 of the hostile ones, seed 20261130: a damaged cache has more in its sheaves than in its slabs.
  it.each([
    ["below 0", [50, -953_249, 20], 100],
    ["beyond the whole", [50, 4_000_000_000, 20], 100],
    ["of nothing", [0, 5, 0], 0],
  ])("of a damaged heap, %s, stay within the bar", (_name, values, whole) => {
    for (const [x = -1, width = -1] of places(values, whole)) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(width).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(100);
    }
  });
});
