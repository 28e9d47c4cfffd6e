import { describe, expect, it } from "vitest";
import { FigureFiles } from "../../../src/bench/figure-files.ts";
import { GOALS, goalsTable } from "../../../src/bench/goals/goals-table.ts";
import { withTempDir } from "../../trace/support.ts";
import { sampleFiles } from "../sample-figures.ts";

describe("the table of goals", () => {
  it("is made of the CSV files", async () => {
    await withTempDir(async (folder) => {
      const files = sampleFiles(folder);
      files.write("memory", [
        ["trace", "allocator", "initial_bytes", "after_trim_bytes"],
        ["one", "kmem", 4096, 4096],
        ["one", "glibc", 0, 9999],
        ["two", "kmem", 4096, 8192],
      ]);
      files.write("drift", [
        ["allocator", "end_over_start"],
        ["kmem", 1.01],
      ]);
      files.write("bundle-size", [
        ["part", "brotli_bytes"],
        ["core", 8192],
        ["everything", 40_000],
      ]);
      const [, ...rows] = goalsTable(files);
      expect(rows.map(([, ...cells]) => cells)).toEqual([
        ["1.25", "≤ 1.25", "yes"],
        ["0.50", "≤ 0.70", "yes"],
        ["0.50", "≤ 0.60", "yes"],
        ["300", "≥ 200", "yes"],
        ["400", "≥ 1,000", "**no**"],
        ["20.00; mimalloc 15.00", "≤ mimalloc's", "**no**"],
        ["0.80", "≤ 1.00", "yes"],
        ["1.00", "≤ 1.05", "yes"],
        ["4096", "0", "**no**"],
        ["1.01", "≤ 1.05", "yes"],
        ["8.0 KiB", "≤ 8 KiB", "yes"],
        ["39.1 KiB", "≤ 30 KiB", "**no**"],
      ]);
    });
  });

  it("has a dash for what has not been measured", async () => {
    await withTempDir(async (folder) => {
      const [, ...rows] = goalsTable(new FigureFiles(folder));
      expect(rows).toHaveLength(GOALS.length);
      for (const [, measured, , reached] of rows) expect([measured, reached]).toEqual(["–", "–"]);
    });
  });
});
