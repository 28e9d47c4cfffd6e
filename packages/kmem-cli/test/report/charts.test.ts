import { describe, expect, it } from "vitest";
import { bars, clippedLines, timeline, withGaps } from "../../src/report/charts.ts";
import { byteTicks, ticks } from "../../src/report/scale.ts";

describe("ticks", () => {
  it("are few and round", () => {
    expect(ticks(10)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(ticks(89_745)).toEqual([0, 20_000, 40_000, 60_000, 80_000]);
    expect(byteTicks(5 * 2 ** 20)).toEqual([0, 1, 2, 3, 4, 5].map((count) => count * 2 ** 20));
    expect(ticks(0)).toEqual([0]);
  });
});

describe("a histogram", () => {
  it("has buckets without anything in them, too", () => {
    const buckets = withGaps([
      { from: 0, below: 1, count: 5 },
      { from: 4, below: 8, count: 2 },
    ]);
    expect(buckets.map(({ from, below, count }) => [from, below, count])).toEqual([
      [0, 1, 5],
      [1, 2, 0],
      [2, 4, 0],
      [4, 8, 2],
    ]);
  });
});

describe("a timeline", () => {
  const lines = [
    { name: "a", colour: 0, values: [100, 120] },
    { name: "b", colour: 9, values: [100, 5000] },
  ];
  const data = { opsPerSample: 10, opCount: 20, live: [50, 90], lines };

  it("cuts off what would flatten all others, and knows what it is", () => {
    expect(clippedLines(data).map(({ name }) => name)).toEqual(["b"]);
  });

  it("has a line for each allocator, which goes through the middle of each part", () => {
    const svg = timeline({ id: "x", title: "t", description: "d" }, data);
    expect(svg.match(/<path class="line [^"]*" d="[^"]*"/g)).toHaveLength(2);
    expect(svg).toContain('class="line c1 d1"');
    expect(svg).not.toContain("NaN");
  });
});

describe("bars", () => {
  const widths = (...values: number[]): number[] => {
    const all = values.map((value, colour) => ({ name: `a${colour}`, colour, value, text: String(value) }));
    const svg = bars({ id: "x", title: "t", description: "d" }, all);
    expect(svg.match(/class="cut"/g)?.length ?? 0).toBe(values.filter((value) => value > 1000).length);
    return [...svg.matchAll(/class="bar[^"]*"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
  };

  it("are as long as their values, also where one of them is far below the others", () => {
    const [small = 0, first = 0, second = 0, third = 0] = widths(44, 316, 418, 601);
    expect(third).toBeGreaterThan(second);
    expect(first / third).toBeCloseTo(316 / 601, 2);
    expect(small / third).toBeCloseTo(44 / 601, 2);
  });

  it("are cut where one would flatten all others", () => {
    const [first = 0, , , cut = 0] = widths(20, 25, 30, 2000);
    expect(cut).toBeGreaterThan(first);
    expect(first / cut).toBeGreaterThan(0.1);
  });
});
