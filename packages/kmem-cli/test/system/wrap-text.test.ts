import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wrapText } from "../../src/system/wrap-text.ts";

describe("wrapping", () => {
  it("breaks at blanks and indents what follows", () => {
    expect(wrapText("  one two three four", 11, "    ")).toBe("  one two\n    three\n    four");
  });

  it("leaves a line that fits, and a word that fits nowhere", () => {
    expect(wrapText("just fits", 9)).toBe("just fits");
    expect(wrapText("  unbreakable", 5, "    ")).toBe("  unbreakable");
    expect(wrapText("a unbreakable b", 5, "  ")).toBe("a\n  unbreakable\n  b");
  });

  it("loses nothing, and no line is longer than it must be", () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(words, fc.integer({ min: 16, max: 40 }), (parts, columns) => {
        const lines = wrapText(parts.join(" "), columns, "  ").split("\n");
        expect(lines.map((line) => line.trim()).join(" ")).toBe(parts.join(" "));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
