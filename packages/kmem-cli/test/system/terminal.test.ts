import { describe, expect, it } from "vitest";
import { styleFor } from "../../src/system/terminal.ts";

const isColored = (...args: Parameters<typeof styleFor>): boolean => styleFor(...args).colors.red("x") !== "x";

describe("the style of the output", () => {
  it("has colours on a terminal only", () => {
    expect(isColored({ isTTY: true }, {})).toBe(true);
    expect(isColored({}, {})).toBe(false);
    expect(isColored({}, { FORCE_COLOR: "1", CI: "1" })).toBe(false);
  });

  it("has none where NO_COLOR is set to anything", () => {
    expect(isColored({ isTTY: true }, { NO_COLOR: "1" })).toBe(false);
    expect(isColored({ isTTY: true }, { NO_COLOR: "" })).toBe(true);
  });

  it("has the columns of the terminal, or 120", () => {
    expect(styleFor({ isTTY: true, columns: 80 }, {}).columns).toBe(80);
    expect(styleFor({}, {}).columns).toBe(120);
    // A terminal that does not know its size says 0, and one that is drawn very small cannot be written for.
    expect(styleFor({ isTTY: true, columns: 0 }, {}).columns).toBe(120);
    expect(styleFor({ isTTY: true, columns: 1 }, {}).columns).toBe(20);
  });
});
