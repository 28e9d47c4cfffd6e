import { describe, expect, it } from "vitest";
import { csvText, numberIn, parseCsv } from "../../src/figures/csv.ts";

describe("a CSV file", () => {
  it("is read back as it was written, with commas and quotes in its cells", () => {
    const text = csvText([
      ["name", "ns", "note"],
      ["a, b", 1.5, 'says "no"'],
      ["", 1000, ""],
    ]);
    expect(text).toBe('name,ns,note\n"a, b",1.5,"says ""no"""\n,1000,\n');
    expect(parseCsv(text)).toEqual([
      { name: "a, b", ns: "1.5", note: 'says "no"' },
      { name: "", ns: "1000", note: "" },
    ]);
  });

  it("may be empty, or have short rows", () => {
    expect(parseCsv("")).toEqual([]);
    expect(parseCsv("a,b\n1\n")).toEqual([{ a: "1", b: "" }]);
  });

  it("has numbers where there is one", () => {
    const [record = {}] = parseCsv('a,b,c,d\n"1,234",,x,0\n');
    expect(["a", "b", "c", "d", "e"].map((name) => numberIn(record, name))).toEqual([
      1234,
      undefined,
      undefined,
      0,
      undefined,
    ]);
  });
});
