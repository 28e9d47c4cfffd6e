import { describe, expect, it } from "vitest";
import { TimeBudget } from "../../src/replay/time-budget.ts";

describe("a budget of time", () => {
  it("affords what there is time for, and cuts the most expensive first", () => {
    let nowMs = 100;
    const budget = new TimeBudget(1000, () => nowMs);
    expect(budget.affordable([400, 10, 500, 90])).toEqual(new Set([0, 1, 2, 3]));
    nowMs = 500;
    expect(budget.leftMs).toBe(600);
    expect(budget.affordable([400, 10, 500, 90])).toEqual(new Set([0, 1, 3]));
    nowMs = 1095;
    expect(budget.affordable([400, 10, 500, 90])).toEqual(new Set());
  });

  it("has parts, and gives each process a share, but never too little to start", () => {
    const budget = new TimeBudget(60_000, () => 0);
    expect(budget.part(0.25).leftMs).toBe(15_000);
    expect(budget.processLimitMs(30)).toBe(1000);
    expect(budget.processLimitMs(30_000)).toBe(250);
  });
});
