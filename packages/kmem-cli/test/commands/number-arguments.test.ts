import { describe, expect, it } from "vitest";
import { parseCount, parseOpCount } from "../../src/commands/number-arguments.ts";

describe("a number", () => {
  it("is a count from a least one", () => {
    expect(parseCount("7", 1)).toBe(7);
    expect(parseCount("0", 0)).toBe(0);
    for (const text of ["0", "-1", "1.5", "1e3", "", "x", " 3", "99999999999999999999"]) {
      expect(() => parseCount(text, 1)).toThrow("whole number from 1");
    }
  });
});

describe("a count of operations", () => {
  it.each([
    ["5000", 5000],
    ["500K", 500_000],
    ["100M", 100_000_000],
    ["2m", 2_000_000],
  ])("is %s", (text, count) => {
    expect(parseOpCount(text)).toBe(count);
  });

  it.each(["0", "", "-1", "1.5M", "1G", "M", "99999999999999999"])("is not '%s'", (text) => {
    expect(() => parseOpCount(text)).toThrow("whole number from 1");
  });
});
