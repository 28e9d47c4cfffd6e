import { describe, expect, it } from "vitest";
import { formatBytes, formatCount, formatCounted, formatPercent, threeDigits } from "../../src/system/units.ts";

describe("numbers for people", () => {
  it.each([
    [0, "0.00"],
    [0.123456, "0.12"],
    [9.876, "9.88"],
    [12.345, "12.3"],
    [123.45, "123"],
    [12345.6, "12346"],
    [-4.5678, "-4.57"],
  ])("have three digits that mean something: %d is %s", (value, text) => {
    expect(threeDigits(value)).toBe(text);
  });

  it.each([
    [0, "0 B"],
    [1023, "1,023 B"],
    [1024, "1.00 KiB"],
    [4_391_205, "4.19 MiB"],
    [563_756_043, "538 MiB"],
    [3 * 2 ** 30, "3.00 GiB"],
    [5 * 2 ** 50, "5120 TiB"],
  ])("have units of bytes: %d is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("set thousands apart, and agree with their nouns", () => {
    expect(formatCount(5_000_000)).toBe("5,000,000");
    expect(formatCounted(1, "line")).toBe("1 line");
    expect(formatCounted(0, "line")).toBe("0 lines");
    expect(formatCounted(2000, "free of null", "frees of null")).toBe("2,000 frees of null");
  });

  it.each([
    [0, "0.0 %"],
    [4.56, "4.6 %"],
    [-3.21, "-3.2 %"],
    [132.4, "132 %"],
  ])("are percentages: %d is %s", (percent, text) => {
    expect(formatPercent(percent)).toBe(text);
  });
});
