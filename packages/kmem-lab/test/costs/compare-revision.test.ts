import { expect, it } from "vitest";
import { ratioCells } from "../../src/costs/compare-revision.ts";

const round = (a: number, b: number) =>
  new Map([
    ["a", a],
    ["b", b],
  ]);

it("times of two revisions are compared round by round, and their means over all traces", () => {
  expect(ratioCells([round(10, 8), round(10, 4), round(20, 4)], [round(11, 4), round(12, 4), round(20, 4)])).toEqual([
    ["trace", "ns/op before", "ns/op now", "now / before", "least", "most"],
    ["a", "10.0", "12.0", "1.100", "1.000", "1.200"],
    ["b", "4.00", "4.00", "1.000", "0.500", "1.000"],
    ["geometric mean", "", "", "1.049", "", ""],
  ]);
});
