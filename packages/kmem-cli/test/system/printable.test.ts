import { describe, expect, it } from "vitest";
import { printable, printableJson, printableLine } from "../../src/system/printable.ts";

describe("printable text", () => {
  it("is what it was where nothing in it does harm", () => {
    for (const text of ["plain, ünïcode, 漢字, 😀\n\tand lines", "", "│ box ─ drawing …"])
      expect(printable(text)).toBe(text);
  });

  it.each([
    ["\u001b[31mred", "\\x1b[31mred"],
    ["\u009b31m", "\\x9b31m"],
    ["a\rb\bc\u0007\u007f\0", "a\\x0db\\x08c\\x07\\x7f\\x00"],
    ["\u202egpj.exe\u2066\u200b", "\\u202egpj.exe\\u2066\\u200b"],
    ["\u2028next\u2029", "\\u2028next\\u2029"],
    ["half \ud800 pair", "half \\ud800 pair"],
    ["\u{e0041}tag", "\\u{e0041}tag"],
  ])("of %j has escapes instead", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it("of one line has no line feed", () => {
    expect(printableLine("a\nb\tc")).toBe("a\\nb\\tc");
  });

  it("as JSON is read as the same value", () => {
    const value = { "name\u009b": ["\u001b[2J", "\u202e", "\u{e0041}", "\ud800", "plain\n"] };
    const text = printableJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}|\p{Cs}/u);
  });
});
