import { describe, expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { loadRows, loadTimeTable, programTable } from "../../src/bench/load-figures.ts";
import { loadFigures } from "../../src/bench/write-figures.ts";
import { FigureFiles } from "../../src/figures/figure-files.ts";
import { measured } from "../support/sample-figures.ts";

const LOADS = [
  {
    name: "lifo",
    summary: "a stack",
    opCount: 100,
    peakLiveBytes: 2 ** 22,
    results: [measured("kmem", 5, 1.25), measured("glibc", 7, 1), { allocator: "broken", error: "time: it, ended" }],
  },
];
const PROGRAMS = {
  results: [
    { program: "trees", allocator: "kmem, imported", callCount: 1_000_000, roundMs: [20, 21, 22] },
    { program: "trees", allocator: "dlmalloc, linked in", callCount: 1_000_000, roundMs: [14] },
  ],
};

describe("the figures of synthetic loads", () => {
  it("are tables", () => {
    expect(loadTimeTable(LOADS, ["kmem", "broken"])).toEqual([
      ["ns per operation", "kmem", "broken"],
      ["lifo", "5.00", "–"],
    ]);
  });

  it("are in the CSV file, with the reason where there are none", () => {
    const [header = [], ...rows] = loadRows(LOADS);
    expect(rows.map((row) => row.length)).toEqual([header.length, header.length, header.length]);
    expect(rows[2]!.at(-1)).toBe("time: it, ended");
  });

  it("are files and texts between marks, the programs' where they could be compiled", async () => {
    await withTempDir(async (folder) => {
      const files = new FigureFiles(folder);
      const absent = { results: [], absentReason: "there is no clang" };
      expect(Object.keys(loadFigures(LOADS, absent, [["kmem"]], files))).toEqual(["figures: loads"]);
      expect(files.read("programs")).toEqual([]);
      const texts = loadFigures(LOADS, PROGRAMS, [["kmem"], ["kmem", "glibc"]], files);
      expect(texts["figures: loads"]).toContain("- **lifo**: a stack");
      expect(texts["figures: loads"]).toContain("| lifo | 5.00 | 7.00 |");
      expect(texts["figures: programs"]).toContain("| trees |");
      expect(files.read("loads")).toHaveLength(3);
      expect(files.read("programs")[0]).toMatchObject({ allocator: "kmem, imported", ms_median: "21.000" });
    });
  });
});

describe("the table of the programs", () => {
  it("has times, times of a call, and the ratio", () => {
    expect(programTable(PROGRAMS)[1]).toEqual(["trees", "21.0 ±0.5 (21.0)", "14.0 (14.0)", "1.50"]);
  });
});
